"""Kinds of certificates, and what people do with certificates: award them, revoke them, look for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import aliased

from ..errors import Conflict, Invalid
from ..ical.lines import clean_line
from ..store.certificates import Certificate, CertificateKind, CertificateWarning
from ..store.courses import Course
from ..store.learners import Learner
from ..store.milestones import MilestoneEntry
from ..store.outbox import DEAD, EXPIRED, SENT, SUPPRESSED, Delivery
from ..training import certificates as rules
from ..training.certificates import EXPIRING, LAPSED, RENEWED, REVOKED, VALID
from . import awarding, milestones
from .bouncing import BY_DAYS, HARD
from .completing import checked_day, today
from .finding import find
from .work import Work

C_, E_, K_ = Certificate, MilestoneEntry, CertificateKind
_FIELDS = ("name", "description", "validity_months", "course_id", "renewal_course_id", "reminder_days", "notify_days")
CAME_BACK = "came back"
FAILED = {
    CAME_BACK: "sent, and came back",
    DEAD: "could not be delivered",
    EXPIRED: "could not be delivered in time",
    SUPPRESSED: "not sent: mail to this address comes back",
}
"""What became of a warning whose mail ended so."""
MAIL_STATE = case((and_(Delivery.state == SENT, Delivery.bounce_class.in_((HARD, *BY_DAYS))), literal(CAME_BACK)), else_=Delivery.state)
"""State of the mail of a warning: that of the delivery, or `CAME_BACK`."""
_AT_ONCE, _MOST = 500, 200


def create_kind(work: Work, values: Mapping[str, Any]) -> CertificateKind:
    """A new kind: `name`, and of `_FIELDS` what is wanted. Raises `Invalid`, `Conflict` for a name that there is, `NotFound` for a course."""
    usual = {"description": "", "reminder_days": rules.USUAL_DAYS, "notify_days": rules.USUAL_NOTIFY_DAYS}
    given = usual | {name: values[name] for name in _FIELDS if values.get(name) is not None}
    if not given.get("name"):
        raise Invalid("A kind of certificate needs a name.", field="name")
    made = CertificateKind(organisation_id=work.organisation_id, created_at=work.now, **_checked(work, given, None))
    work.db.add(made)
    work.db.flush()
    work.record("certificate kind made", detail={"kind_id": made.id})
    return made


def edit_kind(work: Work, kind_id: int, values: Mapping[str, Any]) -> CertificateKind:
    """Change it. Certificates keep the end that they have; another name or description follows into calendars."""
    one = find(work, CertificateKind, kind_id, lock=True)
    given = _checked(work, {name: values[name] for name in _FIELDS if name in values}, one.id)
    changed = {name: value for name, value in given.items() if getattr(one, name) != value}
    if not changed:
        return one
    for name, value in changed.items():
        setattr(one, name, value)
    one.version += 1
    if changed.keys() & {"name", "description"}:
        which = E_.certificate_id.in_(select(C_.id).where(C_.kind_id == one.id))
        milestones.move(work, which, None, title=changed.get("name"), description=changed.get("description"))
    work.record("certificate kind edited", detail={"kind_id": one.id, "changes": sorted(changed)})
    work.db.flush()
    return one


def kinds(work: Work, limit: int, offset: int = 0) -> list[CertificateKind]:
    """The kinds there are, by name."""
    mine = select(K_).where(K_.organisation_id == work.organisation_id).order_by(K_.name, K_.id)
    return list(work.db.scalars(mine.limit(limit).offset(offset)))


def award(
    work: Work, learner_ids: Collection[int], kind_id: int, *, source: str, on: date | None = None, expires_on: date | None = None
) -> list[Certificate]:  # fmt: skip
    """These learners have it from that day (today by default) until the end that the kind or `expires_on` sets; the same again changes nothing."""
    kind = find(work, CertificateKind, kind_id)
    on, expires_on = checked_days(work, on, expires_on)
    made = awarding.grant(work, kind, dict.fromkeys(learner_ids), on, today(work), source=source, expires_on=expires_on)
    work.db.flush()
    return made


@dataclass(frozen=True, slots=True)
class Awarded:
    """Who has it now, how many had it from that day on already, and the learners who cannot have it, with the reason."""

    made: list[Certificate]
    already: int
    refused: list[tuple[int, str]]


def award_many(
    work: Work, learner_ids: Collection[int], kind_id: int, *, source: str, on: date | None = None, expires_on: date | None = None
) -> Awarded:  # fmt: skip
    """As `award`, and says what became of each: who is unknown or has left is refused, and holds nobody else up."""
    wanted, left = list(dict.fromkeys(learner_ids)), {}
    for at in range(0, len(wanted), _AT_ONCE):
        mine = (Learner.organisation_id == work.organisation_id, Learner.id.in_(wanted[at : at + _AT_ONCE]))
        left |= dict(work.db.execute(select(Learner.id, Learner.left_at.is_not(None)).where(*mine)).all())
    refused = [(one, "This learner has left." if one in left else "There is no such learner.") for one in wanted if left.get(one, True)]
    here = [one for one in wanted if not left.get(one, True)]
    made = award(work, here, kind_id, source=source, on=on, expires_on=expires_on)
    return Awarded(made, len(here) - len(made), refused)


def checked_days(work: Work, on: date | None, expires_on: date | None) -> tuple[date, date | None]:
    """The day of the award (today by default) and the last day on which it holds; raises `Conflict`, `Invalid`."""
    on = checked_day(work, on, "awarded_on")
    if expires_on is not None and not on <= expires_on <= rules.add_months(on, rules.MOST_MONTHS):
        raise Invalid("It has to end after it was awarded, and within 50 years.", field="expires_on")
    return on, expires_on


def revoke(work: Work, certificate_id: int, reason: str = "") -> Certificate:
    """It does not hold any more. What it had renewed stands again as it was. A second time: `Conflict`."""
    one = find(work, Certificate, certificate_id, lock=True)
    if one.revoked_at is not None:
        raise Conflict("This certificate was revoked before.")
    awarding.take_away(work, one, clean_line(reason))
    return one


def state_of(work: Work, one: Certificate) -> str:
    """One of `training.certificates.STATES`, on this day."""
    if one.revoked_at is not None:
        return REVOKED
    return RENEWED if one.renewed_by is not None else rules.state(one.expires_on, today(work))


def in_state(work: Work, state: str) -> ColumnElement[bool]:
    """Condition on certificates: those in this state on this day."""
    day = today(work)
    soon = day + rules.SOON
    return {
        REVOKED: C_.revoked_at.is_not(None),
        RENEWED: and_(C_.revoked_at.is_(None), C_.renewed_by.is_not(None)),
        VALID: and_(awarding.CURRENT, or_(C_.expires_on.is_(None), C_.expires_on > soon)),
        EXPIRING: and_(awarding.CURRENT, C_.expires_on >= day, C_.expires_on <= soon),
        LAPSED: and_(awarding.CURRENT, C_.expires_on < day),
    }[state]


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning, the address that its mail went to and the state of that mail; neither where none was sent, or it is no longer kept."""

    warning: CertificateWarning
    address: str | None
    state: str | None

    @property
    def words(self) -> str:
        """What became of it."""
        return outcome_words(self.warning, self.state)


def outcome_words(warning: CertificateWarning, state: str | None) -> str:
    """What became of a warning whose mail is in this state."""
    if warning.outcome == rules.SENT and state in FAILED:
        return FAILED[state]
    return rules.WORDS[warning.outcome]


def warnings_of(work: Work, certificate_id: int) -> list[Warned]:
    """What became of its warnings, the first first."""
    mine = (CertificateWarning.organisation_id == work.organisation_id, CertificateWarning.certificate_id == certificate_id)
    query = select(CertificateWarning, Delivery.recipient, MAIL_STATE)
    query = query.outerjoin(Delivery, Delivery.id == CertificateWarning.delivery_id).where(*mine).order_by(CertificateWarning.id)
    return [Warned(*row) for row in work.db.execute(query)]


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate of somebody: the name of its kind, its state, and the course that renews it (None: none does)."""

    certificate: Certificate
    kind: str
    state: str
    renewing: Course | None


def of_learner(work: Work, learner_id: int, *, current: bool = False) -> list[Held]:
    """What a learner has, the latest end last; `current`: without renewed and revoked ones."""
    renewing = aliased(Course)
    query = (
        select(C_, K_.name, renewing)
        .join(K_, K_.id == C_.kind_id)
        .outerjoin(renewing, renewing.id == func.coalesce(K_.renewal_course_id, K_.course_id))
        .where(C_.organisation_id == work.organisation_id, C_.learner_id == learner_id)
        .order_by(C_.expires_on.nulls_last(), C_.id)
        .limit(_MOST)
    )
    rows = work.db.execute(query.where(awarding.CURRENT) if current else query)
    return [Held(one, name, state_of(work, one), course) for one, name, course in rows]


def _checked(work: Work, given: dict[str, Any], own_id: int | None) -> dict[str, Any]:
    out = dict(given)
    if "name" in out:
        out["name"] = clean_line(out["name"])
        if not out["name"]:
            raise Invalid("A kind of certificate needs a name.", field="name")
        same = select(K_.id).where(K_.organisation_id == work.organisation_id, K_.name == out["name"], K_.id != (own_id or 0))
        if (known := work.db.scalar(same)) is not None:
            raise Conflict("There is a kind of this name.", extra={"id": known})
    if "validity_months" in out:
        rules.check_months(out["validity_months"])
    for name in ("reminder_days", "notify_days"):
        if name in out:
            out[name] = rules.check_days(out[name], name)
    for name in ("course_id", "renewal_course_id"):
        if out.get(name) is not None:
            find(work, Course, out[name])
    return out
