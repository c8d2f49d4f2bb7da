"""Warnings before certificates end: found by the clock in the learner's zone, each dealt with once, one statement per rule.

A scheduler that was down says what is still true once, with the days that are really left, and notes the rest as missed. Managers and
compliance managers get one mail with the list. A transaction takes `PEOPLE_AT_ONCE` of a rule and `MANAGERS_AT_ONCE`, so that others get their turns
when a file of thousands comes in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased

from ..store.access import SignIn
from ..store.certificates import COMPLIANCE, LEARNER, MANAGER, Certificate, CertificateKind, CertificateWarning
from ..store.courses import Course
from ..store.learners import Learner
from ..store.organisations import Organisation
from ..store.outbox import QUEUED, Delivery, MailSkeleton
from ..training import certificates
from ..training.certificates import BEFORE, LATE, LATER_ONE, LATEST, LEFT, NOBODY, SENT, UNREACHED
from . import corresponding, rendering
from .awarding import CURRENT
from .dispatching import LIFETIME
from .rendering import Kind
from .work import Work, new_batch

C_, K_, W_, D_, S_ = Certificate, CertificateKind, CertificateWarning, Delivery, MailSkeleton
_NOTED_EVERY = timedelta(hours=6)
_AT_ONCE = 500
PEOPLE_AT_ONCE = 1000
MANAGERS_AT_ONCE = 100
_QUIET = {"synchronize_session": False}
_MANAGER = func.lower(Learner.manager_email)
_Mornings = dict[tuple[date, date], list[str]]


@dataclass(frozen=True, slots=True)
class _Rule:
    """So many days before the end `role` is warned, of certificates of these kinds; `nearer` is their next warning."""

    role: str
    days: int
    nearer: int | None
    kinds: tuple[int, ...]


def due(db: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """(organisation, organisation) where a warning is due, as often as it takes, or it was not noted for a while that all was dealt with."""
    kinds = list(db.scalars(select(K_)))
    rounds = {one.organisation_id: 1 for one in kinds if one.looked_at is None or one.looked_at < now - _NOTED_EVERY}
    mornings, since = _mornings(db, now), _since(kinds, now)
    for rule in _rules(kinds):
        found = _found(rule, mornings, since).with_only_columns(C_.organisation_id, _number(rule)).group_by(C_.organisation_id)
        for organisation_id, number in db.execute(found):
            at_once = MANAGERS_AT_ONCE if rule.role == MANAGER else PEOPLE_AT_ONCE
            rounds[organisation_id] = max(rounds.get(organisation_id, 1), -(-number // at_once))
    return [(one, one) for one in sorted(rounds) for _ in range(rounds[one])]


def warn_due(work: Work, organisation_id: int) -> int:
    """What is due in the organisation, as much as one transaction takes; returns how many mails. Of two workers the second finds what is left."""
    mine = select(Organisation).where(Organisation.id == work.organisation_id)
    work.db.scalars(mine.with_for_update(key_share=True)).one()
    kinds = list(work.db.scalars(select(K_).where(K_.organisation_id == work.organisation_id)))
    batch, mornings, since = new_batch(), _mornings(work.db, work.now), _since(kinds, work.now)
    rules = _rules(kinds)
    stop = _first_left_out(work, [_found(rule, mornings, since) for rule in rules if rule.role == MANAGER])
    written, whole = 0, stop is None
    for rule in rules:
        columns = _columns(work, rule, mornings, batch)
        rows = _found(rule, mornings, since).with_only_columns(*(value.label(name) for name, value in columns.items()))
        rows = rows.order_by(C_.kind_id, C_.expires_on, C_.id)
        if rule.role == LEARNER:
            rows = rows.limit(PEOPLE_AT_ONCE)
        elif rule.role == MANAGER and stop is not None:
            rows = rows.where(func.coalesce(_MANAGER, "") < stop)
        write = insert(W_).from_select(list(columns), rows, include_defaults=False)
        count = work.db.execute(write, execution_options={"preserve_rowcount": True}).rowcount
        written, whole = written + count, whole and not (rule.role == LEARNER and count >= PEOPLE_AT_ONCE)
    if whole:
        work.db.execute(update(K_).where(K_.organisation_id == work.organisation_id).values(looked_at=work.now).execution_options(**_QUIET))
    return _to_learners(work, batch) + _to_others(work, batch) if written else 0


def _number(rule: _Rule) -> ColumnElement[int]:
    """How many are counted against what a transaction takes; compliance managers are few."""
    return {LEARNER: func.count(), MANAGER: func.count(_MANAGER.distinct())}.get(rule.role, literal(1))


def _first_left_out(work: Work, found: Sequence[Select]) -> str | None:
    """The first manager, by address, who is too many for this transaction: each gets one mail with the whole list."""
    if not found:
        return None
    managers = union(*(one.with_only_columns(func.coalesce(_MANAGER, "").label("manager")) for one in found)).subquery()
    return work.db.scalar(select(managers.c.manager).order_by(managers.c.manager).offset(MANAGERS_AT_ONCE).limit(1))


def _mornings(db: Session, now: datetime) -> _Mornings:
    return certificates.mornings(db.scalars(select(Learner.timezone).distinct()), now)


def _since(kinds: Sequence[CertificateKind], now: datetime) -> date:
    """No certificate that ended before has a warning to come."""
    looked = [one.looked_at for one in kinds]
    since = datetime.min.date() if not looked or None in looked else min(looked).date() - LATEST - timedelta(days=3)
    return max(since, date(1970, 1, 1))


def _rules(kinds: Sequence[CertificateKind]) -> list[_Rule]:
    found: dict[tuple[str, int, int | None], list[int]] = defaultdict(list)
    for kind in kinds:
        for role, days in ((LEARNER, kind.reminder_days), (MANAGER, kind.notify_days), (COMPLIANCE, kind.notify_days)):
            for one in days:
                found[role, one, certificates.following(days, one)].append(kind.id)
    return [_Rule(role, days, nearer, tuple(ids)) for (role, days, nearer), ids in found.items()]


def _reached(days: int, mornings: _Mornings) -> ColumnElement[bool]:
    """Condition: the morning so many days before the end has come where the learner lives."""
    each = [and_(Learner.timezone.in_(zones), C_.expires_on <= last + timedelta(days=days)) for (last, _), zones in mornings.items()]
    return or_(false(), *each)


def _today(mornings: _Mornings) -> ColumnElement[date]:
    return case(*((Learner.timezone.in_(zones), literal(today, Date)) for (_, today), zones in mornings.items()), else_=null())


def _recipient(rule: _Rule) -> ColumnElement[str]:
    return literal(f"{COMPLIANCE}:") + cast(SignIn.id, Text) if rule.role == COMPLIANCE else literal(rule.role)


def _found(rule: _Rule, mornings: _Mornings, since: date) -> Select:
    """Certificates to which the rule applies now and that it was not applied to."""
    farthest = max((last for last, _ in mornings), default=since) + timedelta(days=rule.days)
    done = exists().where(W_.certificate_id == C_.id, W_.days == rule.days, W_.recipient == _recipient(rule))
    query = select(C_.id).join(Learner, Learner.id == C_.learner_id)
    if rule.role == COMPLIANCE:
        watches = and_(SignIn.organisation_id == C_.organisation_id, SignIn.role == "compliance_manager", SignIn.disabled_at.is_(None))
        # Who begins to watch is not told of what ended long ago.
        query = query.join(SignIn, watches).where(_recent(mornings))
        done = done.correlate(C_, SignIn)
    else:
        done = done.correlate(C_)
    return query.where(
        CURRENT, C_.kind_id.in_(rule.kinds), C_.expires_on >= since, C_.expires_on <= farthest, _reached(rule.days, mornings), ~done
    )


def _recent(mornings: _Mornings) -> ColumnElement[bool]:
    each = [and_(Learner.timezone.in_(zones), C_.expires_on >= today - LATEST) for (_, today), zones in mornings.items()]
    return or_(false(), *each)


def _columns(work: Work, rule: _Rule, mornings: _Mornings, batch: int) -> dict[str, ColumnElement]:
    whens = [(Learner.left_at.is_not(None), LEFT), (C_.expires_on < C_.noted_on, BEFORE)]
    if rule.nearer is not None:
        whens.append((_reached(rule.nearer, mornings), LATER_ONE))
    whens.append((~_recent(mornings), LATE))
    if rule.role == LEARNER:
        whens.append((Learner.address_problem.is_not(None), UNREACHED))
    elif rule.role == MANAGER:
        whens.append((func.coalesce(Learner.manager_email, "") == "", NOBODY))
    return {
        "organisation_id": C_.organisation_id, "certificate_id": C_.id, "days": literal(rule.days), "recipient": _recipient(rule),
        "outcome": case(*((when, literal(outcome)) for when, outcome in whens), else_=literal(SENT)), "today": _today(mornings),
        "delivery_id": null(), "batch": literal(batch, W_.batch.type), "at": literal(work.now, W_.at.type),
    }  # fmt: skip


def _to_learners(work: Work, batch: int) -> int:
    """One skeleton for all who read the same language and whose certificates of a kind end on the same day; one statement for their mails."""
    renewing, sender, written = aliased(Course), work.organisation.mailbox, 0
    told = and_(W_.batch == batch, W_.recipient == LEARNER, W_.outcome == SENT)
    alike = (
        select(C_.kind_id, K_.name, renewing.name.label("course"), C_.expires_on, W_.today, Learner.locale)
        .join(C_, C_.id == W_.certificate_id)
        .join(Learner, Learner.id == C_.learner_id)
        .join(K_, K_.id == C_.kind_id)
        .outerjoin(renewing, renewing.id == func.coalesce(K_.renewal_course_id, K_.course_id))
        .where(told)
        .distinct()
    )
    for row in work.db.execute(alike).all():
        left = (row.expires_on - row.today).days
        body = rendering.certificate_skeleton(row.name, row.expires_on, left, row.course or "", row.locale, sender, work.organisation)
        made = S_(
            organisation_id=work.organisation_id, batch=batch, kind=Kind.CERTIFICATE.value, sender_name=sender.name,
            sender_address=sender.address, locale=row.locale, timezone="UTC", base_url=work.base_url, body=body, created_at=work.now,
        )  # fmt: skip
        work.db.add(made)
        work.db.flush()
        same = and_(told, C_.kind_id == row.kind_id, C_.expires_on == row.expires_on, W_.today == row.today, Learner.locale == row.locale)
        written += _mail(work, made, same)
    return written


def _mail(work: Work, made: MailSkeleton, same: ColumnElement[bool]) -> int:
    columns = {
        "organisation_id": literal(work.organisation_id), "channel": literal("mail"), "kind": literal(made.kind), "learner_id": Learner.id,
        "skeleton_id": literal(made.id), "sender": literal(made.sender_address), "recipient": func.coalesce(Learner.target_email, Learner.email),
        "recipient_name": Learner.name, "page_id": Learner.page_id, "dtstamp": literal(work.stamp(), D_.dtstamp.type),
        "key_id": literal(work.key_id, D_.key_id.type), "state": literal(QUEUED), "due_at": literal(work.now, D_.due_at.type),
        "expires_at": literal(work.now + LIFETIME, D_.expires_at.type), "created_at": literal(work.now, D_.created_at.type),
    }  # fmt: skip
    rows = (
        select(*(value.label(name) for name, value in columns.items()))
        .select_from(W_)
        .join(C_, C_.id == W_.certificate_id)
        .join(Learner, Learner.id == C_.learner_id)
        .where(same)
        .order_by(W_.id)
    )
    write = insert(D_).from_select(list(columns), rows, include_defaults=False)
    written = work.db.execute(write, execution_options={"preserve_rowcount": True}).rowcount
    concerned = select(W_.id).join(C_, C_.id == W_.certificate_id).join(Learner, Learner.id == C_.learner_id).where(same)
    mail = (
        select(func.min(D_.id))
        .join(C_, C_.learner_id == D_.learner_id)
        .where(D_.skeleton_id == made.id, C_.id == W_.certificate_id)
        .correlate(W_)
        .scalar_subquery()
    )
    work.db.execute(update(W_).where(W_.id.in_(concerned)).values(delivery_id=mail).execution_options(**_QUIET))
    return written


def _to_others(work: Work, batch: int) -> int:
    """One mail for each manager and compliance manager, with the list."""
    watcher = W_.recipient == literal(f"{COMPLIANCE}:") + cast(SignIn.id, Text)
    address = case((W_.recipient == MANAGER, _MANAGER), else_=SignIn.email_key)
    query = (
        select(address.label("address"), W_.id, C_.id.label("certificate_id"), C_.expires_on, W_.today, Learner.name, K_.name.label("kind"))
        .select_from(W_)
        .join(C_, C_.id == W_.certificate_id)
        .join(Learner, Learner.id == C_.learner_id)
        .join(K_, K_.id == C_.kind_id)
        .outerjoin(SignIn, watcher)
        .where(W_.batch == batch, W_.recipient != LEARNER, W_.outcome == SENT)
        .order_by(C_.expires_on, Learner.name, W_.id)
    )
    lists: dict[str, list] = defaultdict(list)
    for row in work.db.execute(query):
        lists[row.address].append(row)
    own = {}
    addresses = sorted(lists)
    for at in range(0, len(addresses), _AT_ONCE):
        here = (Learner.organisation_id == work.organisation_id, Learner.email_key.in_(addresses[at : at + _AT_ONCE]))
        own |= {one.email_key: one for one in work.db.scalars(select(Learner).where(*here))}
    return sum(_list(work, one, lists[one], own.get(one)) for one in addresses)


def _list(work: Work, address: str, rows: Sequence, own: Learner | None) -> int:
    of, outcome, delivery_id = own or work.organisation, SENT, None
    if own is not None and own.address_problem is not None:
        outcome = UNREACHED
    else:
        lines: dict[int, list[str]] = {}
        for row in rows:
            sentence = rendering.certificate_line(row.kind, row.expires_on, (row.expires_on - row.today).days, of.locale)
            lines[row.certificate_id] = [row.name, sentence, ""]
        block = [line for some in lines.values() for line in some]
        delivery_id = corresponding.write_to_other(work, Kind.CERTIFICATES, address, of.locale, of.timezone, {"block": block}).id
    ids = [row.id for row in rows]
    for at in range(0, len(ids), _AT_ONCE):
        some = update(W_).where(W_.id.in_(ids[at : at + _AT_ONCE]))
        work.db.execute(some.values(outcome=outcome, delivery_id=delivery_id).execution_options(**_QUIET))
    return int(delivery_id is not None)
