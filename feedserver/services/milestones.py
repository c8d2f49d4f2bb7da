"""Days to note come into calendars, move, and leave: entries set-based, and a mail for each person who reads no feed.

An entry keeps its UID while it is open; each message and each change of what a feed shows has SEQUENCE + 1 and a later DTSTAMP, as with
sessions. Who has the channel `mail` gets a REQUEST that asks for nothing, and a CANCEL when it is done or no longer holds. What is made
open again is an entry of its own, since programs remember a cancelled UID. The number of statements does not depend on the number of people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from ..addresses import Mailbox
from ..errors import Invalid
from ..ical.lines import clean_line
from ..imip.compose import METHODS
from ..store.entries import new_uid
from ..store.learners import Learner
from ..store.milestones import DONE, ENDED, OPEN, MilestoneEntry
from ..store.outbox import NOT_SENT, QUEUED, SUPERSEDED, SUPPRESSED, Delivery, MailSkeleton, waiting_to_leave
from ..training.milestones import MilestoneKind, Noted
from . import rendering
from .dispatching import LIFETIME, bump, later
from .rendering import Kind
from .work import Work, new_batch

E_, D_ = MilestoneEntry, Delivery
_QUIET = {"synchronize_session": False}
_AT_ONCE = 1000
_EVERYWHERE_OVER = timedelta(hours=12)
"""A day is over when it is over in the westernmost zone."""


@dataclass(frozen=True, slots=True)
class Given:
    """One person's day to note before it has a row; at most one of the three ids says what it belongs to."""

    learner_id: int
    noted: Noted
    milestone_id: int | None = None
    certificate_id: int | None = None
    onboarding_item_id: int | None = None


def give(
    work: Work, learner_ids: Sequence[int], kind: str, title: str, day: date, *, description: str = "", url: str = "",
    milestone_id: int | None = None, certificate_id: int | None = None, onboarding_item_id: int | None = None,
) -> int:  # fmt: skip
    """Put the same day to note into these people's calendars; returns how many got it (who has left gets none). Raises `Invalid`."""
    noted = checked(kind, title, day, description, url)
    return give_each(work, [Given(one, noted, milestone_id, certificate_id, onboarding_item_id) for one in learner_ids])


def give_each(work: Work, given: Sequence[Given]) -> int:
    """The same, each their own; returns how many. Who has left, or belongs to another organisation, gets none."""
    channels: dict[int, str] = {}
    ids = sorted({one.learner_id for one in given})
    for at in range(0, len(ids), _AT_ONCE):
        mine = (Learner.organisation_id == work.organisation_id, Learner.id.in_(ids[at : at + _AT_ONCE]), Learner.left_at.is_(None))
        channels |= dict(work.db.execute(select(Learner.id, Learner.channel).where(*mine)).all())
    batch, stamp, mailbox = new_batch(), work.stamp(), work.organisation.mailbox
    rows = [
        {
            "organisation_id": work.organisation_id, "learner_id": one.learner_id, "milestone_id": one.milestone_id,
            "certificate_id": one.certificate_id, "onboarding_item_id": one.onboarding_item_id, "kind": one.noted.kind, "title": one.noted.title,
            "description": one.noted.description, "url": one.noted.url, "day": one.noted.day, "state": OPEN, "uid": new_uid(mailbox.domain),
            "organizer_name": mailbox.name, "organizer_address": mailbox.address, "sequence": 0, "dtstamp": stamp,
            "mailed": channels[one.learner_id] == "mail" and not over(work, one.noted.day), "batch": batch, "created_at": work.now,
        }
        for one in given if one.learner_id in channels
    ]  # fmt: skip
    if not rows:
        return 0
    work.db.execute(insert(E_), rows)
    if any(row["mailed"] for row in rows):
        _send(work, _people(work, E_.batch == batch), lambda _row: (Kind.MILESTONE, None), bumped=0)
    _bump(work, batch)
    return len(rows)


def move(
    work: Work, which: ColumnElement[bool], day: date | None, *, title: str | None = None, description: str | None = None, url: str | None = None,
    note: str = "",
) -> int:  # fmt: skip
    """The open entries that `which` selects show something else from now on; None leaves a value as it is. Returns how many changed."""
    new: dict[str, Any] = {"day": day, "title": title, "description": description, "url": url}
    new = {name: value for name, value in new.items() if value is not None}
    if not new:
        return 0
    people = _people(work, and_(which, or_(*(getattr(E_, name) != value for name, value in new.items()))))
    if not people:
        return 0
    changed = _changed(work, people, told_day=case((_pending(), E_.told_day), (E_.mailed, E_.day), else_=E_.told_day), **new)

    def choose(row: Row) -> tuple[Kind, date | None]:
        told = row.told_day if row.pending else row.day
        return (Kind.MILESTONE, None) if row.pending and told is None else (Kind.MILESTONE_CHANGED, told)

    _send(work, people, choose, note=note, **new)
    _bump(work, changed)
    return len(people)


def done(work: Work, which: ColumnElement[bool], at: datetime, by: str) -> int:
    """What the open entries that `which` selects ask for is done: they leave calendars. Returns how many; `by` is the actor, on record."""
    return _leave(work, which, Kind.MILESTONE_DONE, {"state": DONE, "done_at": at}, "milestones done", by=by)


def end(work: Work, which: ColumnElement[bool], reason: str = "") -> int:
    """The open entries that `which` selects no longer hold and leave calendars; `reason` is said in the mail. Returns how many."""
    return _leave(work, which, Kind.MILESTONE_ENDED, {"state": ENDED, "ended_at": work.now}, "milestones ended", note=reason)


def reopen(work: Work, which: ColumnElement[bool]) -> int:
    """Done ones that `which` selects are to be noted again, each as a new entry; the old one is ended. Returns how many."""
    query = select(E_).where(E_.organisation_id == work.organisation_id, E_.state == DONE, which).order_by(E_.id)
    back = list(work.db.scalars(query.with_for_update().execution_options(populate_existing=True)))
    for one in back:
        one.state, one.ended_at = ENDED, work.now
    work.db.flush()
    return give_each(work, [Given(one.learner_id, one.noted, one.milestone_id, one.certificate_id, one.onboarding_item_id) for one in back])


def mail_coming(work: Work, learner: Learner) -> int:
    """Somebody reads no feed any more: what is open and not over, and was not mailed, goes out by mail. Returns how many."""
    mine = and_(E_.learner_id == learner.id, E_.mailed.is_(False), E_.day >= today_somewhere(work))
    people = _people(work, mine)
    if not people:
        return 0
    changed = _changed(work, people, mailed=True)
    sent = _send(work, people, lambda _row: (Kind.MILESTONE, None), even_unmailed=True)
    _bump(work, changed)
    return sent


def send_again(work: Work, learner: Learner) -> int:
    """The learner has another address: what was mailed and is open goes there as it stands, with the same UID. Returns how many."""
    # What has not left goes to the new address by itself.
    people = _people(work, and_(E_.learner_id == learner.id, E_.mailed, E_.day >= today_somewhere(work), ~_pending()))
    if not people:
        return 0
    changed = _changed(work, people)
    sent = _send(work, people, lambda _row: (Kind.MILESTONE, None))
    _bump(work, changed)
    return sent


def take_back(work: Work, learner: Learner) -> list[Given]:
    """The learner gets another mailbox: what was mailed and is open leaves the old one. Returns it, to be given to the new one."""
    mine = and_(E_.learner_id == learner.id, E_.mailed, E_.day >= today_somewhere(work))
    found = work.db.scalars(select(E_).where(mine, E_.organisation_id == work.organisation_id, E_.state == OPEN).order_by(E_.id)).all()
    given = [Given(one.learner_id, one.noted, one.milestone_id, one.certificate_id, one.onboarding_item_id) for one in found]
    end(work, mine)
    return given


def owners(work: Work, uids: Sequence[str]) -> dict[str, int]:
    """Whose entries of this organisation have these UIDs; those that are none of ours are left out."""
    mine = select(E_.uid, E_.learner_id).where(E_.organisation_id == work.organisation_id, E_.uid.in_(uids[:_AT_ONCE]))
    return dict(work.db.execute(mine).all())


def checked(kind: str, title: str, day: date, description: str = "", url: str = "") -> Noted:
    """What a calendar is to show; raises `Invalid`."""
    if kind not in set(MilestoneKind):
        raise Invalid(f"Choose one of {', '.join(MilestoneKind)}.", field="kind")
    # What is nothing but unseen characters stays: calendars show the kind alone.
    title = clean_line(title) or title.strip()
    if not title:
        raise Invalid("A milestone needs a title.", field="title")
    if not 1970 <= day.year <= 2199:
        raise Invalid("This day is out of reach.", field="day")
    return Noted(str(MilestoneKind(kind)), title, day, description.strip(), url.strip())


def over(work: Work, day: date) -> bool:
    """Whether the day is past everywhere: no mail is sent about it any more."""
    return day < today_somewhere(work)


def today_somewhere(work: Work) -> date:
    """The earliest day that it still is anywhere."""
    return (work.now - _EVERYWHERE_OVER).date()


def _leave(work: Work, which: ColumnElement[bool], kind: Kind, values: dict, verb: str, *, note: str = "", by: str | None = None) -> int:
    people = _people(work, which)
    if not people:
        return 0
    changed = _changed(work, people, **values)
    # A REQUEST that certainly never left is taken back with no message at all.
    _send(work, people, lambda row: None if row.pending and row.told_day is None else (kind, None), note=note)
    _bump(work, changed)
    detail = {"number": len(people), "titles": sorted({row.title for row in people})[:5]} | ({"by": by} if by else {})
    only = {row.learner_id for row in people}
    work.record(verb, learner_id=only.pop() if len(only) == 1 else None, detail=detail)
    return len(people)


def _people(work: Work, which: ColumnElement[bool]) -> list[Row]:
    """The open entries with what their people need, held for this transaction; `pending`: a message that has not left."""
    pending = aliased(D_)
    if work.db.get_bind().dialect.name != "sqlite":
        # No worker takes a message while it is being replaced.
        mine = select(E_.id).where(E_.organisation_id == work.organisation_id, E_.state == OPEN, which)
        work.db.execute(select(E_.id).where(E_.id.in_(mine)).order_by(E_.id).with_for_update()).all()
        work.db.execute(select(D_.id).where(D_.milestone_entry_id.in_(mine), waiting_to_leave(D_)).with_for_update()).all()
    waits = exists().where(pending.milestone_entry_id == E_.id, waiting_to_leave(pending))
    query = (
        select(
            E_.id, E_.learner_id, E_.uid, E_.sequence, E_.dtstamp, E_.mailed, E_.kind, E_.title, E_.description, E_.url, E_.day, E_.told_day,
            E_.organizer_name, E_.organizer_address, func.coalesce(Learner.target_email, Learner.email).label("email"), Learner.name,
            Learner.page_id, Learner.locale, Learner.address_problem.is_not(None).label("unreached"), waits.label("pending"),
        )
        .join(Learner, Learner.id == E_.learner_id)
        .where(E_.organisation_id == work.organisation_id, E_.state == OPEN, which)
        .order_by(E_.id)
    )  # fmt: skip
    return list(work.db.execute(query))


def _pending() -> ColumnElement[bool]:
    return exists().where(D_.milestone_entry_id == E_.id, waiting_to_leave(D_)).correlate(E_)


def _changed(work: Work, people: Sequence[Row], **values) -> int:
    """SEQUENCE + 1 and a later DTSTAMP for these, in one batch, whose number it returns."""
    batch = new_batch()
    values = {"sequence": E_.sequence + 1, "dtstamp": later(work, E_.dtstamp), "batch": batch, **values}
    for at in range(0, len(people), _AT_ONCE):
        some = [row.id for row in people[at : at + _AT_ONCE]]
        work.db.execute(update(E_).where(E_.id.in_(some)).values(**values).execution_options(**_QUIET))
    return batch


def _send(
    work: Work, people: Sequence[Row], choose: Callable[[Row], tuple[Kind, date | None] | None], *, bumped: int = 1, note: str = "",
    even_unmailed: bool = False, **new: Any,
) -> int:  # fmt: skip
    """Write the messages of these entries, as they stood before `new`; those that have not left give way. Returns how many."""
    concerned = [row for row in people if (row.mailed or even_unmailed)]
    told = [(row, chosen) for row in concerned if (chosen := choose(row)) and not over(work, max(row.day, new.get("day", row.day)))]
    waiting = [row.id for row in concerned if row.pending]
    for at in range(0, len(waiting), _AT_ONCE):
        _supersede(work, waiting[at : at + _AT_ONCE])
    if not told:
        return 0
    skeletons: dict[tuple, MailSkeleton] = {}
    keys = []
    for row, (kind, before) in told:
        noted = replace(Noted(row.kind, row.title, row.day, row.description, row.url), **new)
        key = (kind, noted, before, row.locale, Mailbox(row.organizer_name, row.organizer_address))
        keys.append(key)
        if key not in skeletons:
            skeletons[key] = _skeleton(work, *key, note)
    work.db.add_all(skeletons.values())
    work.db.flush()
    work.db.execute(insert(D_), [_delivery(work, row, skeletons[key], key[0], bumped) for (row, _), key in zip(told, keys, strict=True)])
    return len(told)


def _skeleton(work: Work, kind: Kind, noted: Noted, before: date | None, locale: str, sender: Mailbox, note: str) -> MailSkeleton:
    body = rendering.milestone_skeleton(kind, noted, before, locale, sender, work.organisation, note)
    return MailSkeleton(
        organisation_id=work.organisation_id, batch=new_batch(), kind=kind.value, sender_name=sender.name, sender_address=sender.address,
        locale=locale, timezone="UTC", base_url=work.base_url, body=body, created_at=work.now,
    )  # fmt: skip


def _delivery(work: Work, row: Row, skeleton: MailSkeleton, kind: Kind, bumped: int) -> dict[str, Any]:
    stamp = max(work.stamp(), row.dtstamp + 1) if bumped else row.dtstamp
    reach = (
        {"state": SUPPRESSED, "final_at": work.now, "last_error": NOT_SENT}
        if row.unreached
        else {"state": QUEUED, "final_at": None, "last_error": None}
    )
    return {
        "organisation_id": work.organisation_id, "kind": kind.value, "method": METHODS[kind], "milestone_entry_id": row.id,
        "learner_id": row.learner_id, "skeleton_id": skeleton.id, "sender": row.organizer_address, "recipient": row.email,
        "recipient_name": row.name, "page_id": row.page_id, "uid": row.uid, "sequence": row.sequence + bumped, "dtstamp": stamp,
        "partstat": "ACCEPTED", "key_id": work.key_id, "due_at": work.now, "expires_at": work.now + LIFETIME, "created_at": work.now, **reach,
    }  # fmt: skip


def _supersede(work: Work, ids: Sequence[int]) -> None:
    values = {"state": SUPERSEDED, "final_at": work.now, "last_error": "Replaced by a newer message before it left."}
    which = (D_.milestone_entry_id.in_(ids), waiting_to_leave(D_))
    work.db.execute(update(D_).where(*which).values(**values).execution_options(**_QUIET))


def _bump(work: Work, batch: int) -> None:
    bump(work, select(E_.learner_id).where(E_.batch == batch))
