"""Notices in words alone: a place on the list, approvals, a seat given up. Rows of the outbox without METHOD, UID or entry.

What stands in a calendar is told by `notifying`; here is said what no calendar shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, insert, select

from ..addresses import Mailbox, canonical
from ..imip.kinds import METHODS
from ..store.access import SignIn
from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.learners import Learner
from ..store.organisations import Organisation
from ..store.outbox import Delivery, MailSkeleton
from ..store.sessions import LiveSession, Revision
from ..training.changes import Snapshot
from ..training.statuses import TABLE, WAITING, EnrolmentStatus
from . import notifying, rendering
from .dispatching import LIFETIME
from .rendering import Kind
from .waiting_line import position
from .work import Work, new_batch

S = EnrolmentStatus
TOLD_BY_CANCEL = {Kind.FULL: Kind.WAITING, Kind.LAPSED: Kind.LAPSED_NOTICE}
"""A CANCEL that says where somebody stands, and the notice for those whose calendar never had the entry."""


def tell_learner(
    work: Work, session: LiveSession, enrolment: Enrolment, kind: Kind, *,
    note: str = "", extra: dict | None = None, held: datetime | None = None, sequence: int | None = None, until: datetime | None = None,
    others: Sequence[LiveSession] = (), entry: CalendarEntry | None = None, more: Sequence[str] = (),
) -> None:  # fmt: skip
    """One notice to the learner of an enrolment; nothing of a draft, nor once the session is over, or after `until`.

    `others` are further dates of the course, `more` sentences that come first. With an `entry` it has the calendar part of its kind, about
    that entry and as its organizer.
    """
    if session.draft or (until or session.ends_at) <= work.now:
        return
    learner = work.db.get_one(Learner, enrolment.learner_id)
    row = {"recipient": learner.address, "recipient_name": learner.name, "page_id": learner.page_id, "learner_id": learner.id}
    row |= {"sequence": sequence} if entry is None else {"sequence": entry.sequence, "uid": entry.uid, "method": METHODS[kind]}
    sender = Mailbox(entry.organizer_name, entry.organizer_address) if entry else None
    dates = [other.snapshot(work.db.get_one(Course, other.course_id)) for other in others]
    _write(
        work, session, enrolment, kind, learner.locale, learner.timezone, row, note, extra, held, until, sender=sender, others=dates, more=more,
    )  # fmt: skip


def tell_other(
    work: Work, session: LiveSession, enrolment: Enrolment | None, kind: Kind, address: str, *,
    more: Sequence[str] = (), extra: dict | None = None,
) -> None:  # fmt: skip
    """A mail about a session to somebody who is no learner in it: an approver, an instructor."""
    row = {"recipient": address, "recipient_name": "", "page_id": "", "learner_id": None, "sequence": None}
    reader = reader_at(work, address)
    _write(work, session, enrolment, kind, reader.locale, reader.timezone, row, "", extra, None, work.now + LIFETIME, more=more)


def reader_at(work: Work, address: str) -> Learner | Organisation:
    """Whose language and time zone a mail to this address is written in: the learner's who has it, else the organisation's."""
    mine = (Learner.organisation_id == work.organisation_id, Learner.email_key == canonical(address))
    return work.db.scalars(select(Learner).where(*mine)).first() or work.organisation


def tell_guest(work: Work, session: LiveSession, enrolment: Enrolment, address: str) -> bool:
    """A refusal to somebody who answered an invitation that was another's; False once the session is over."""
    if session.draft or session.ends_at <= work.now:
        return False
    # No learner: what bounces here says nothing of the learner's own address. No name: it would be the stranger's own words.
    row = {"recipient": address, "recipient_name": "", "page_id": "", "learner_id": None, "sequence": None}
    reader = reader_at(work, address)
    _write(work, session, enrolment, Kind.GUEST_REFUSED, reader.locale, reader.timezone, row, "", None, None, None)
    return True


def tell_approvers(work: Work, session: LiveSession, enrolment: Enrolment) -> None:
    """Ask the learner's manager, else the organisation's contact, else its owners, to approve; each mail has a page of its own."""
    learner = work.db.get_one(Learner, enrolment.learner_id)
    extra = {"name": learner.name, "address": learner.email}
    for address in approvers(work, learner):
        # No learner: what bounces here says nothing of the learner's own address.
        row = {"recipient": address, "recipient_name": "", "page_id": "", "learner_id": None, "sequence": None}
        reader = reader_at(work, address)
        _write(work, session, enrolment, Kind.APPROVAL, reader.locale, reader.timezone, row, "", extra, None, None)


def approvers(work: Work, learner: Learner) -> Sequence[str]:
    """Who is asked about this learner's registrations."""
    if learner.manager_email or work.organisation.contact_email:
        return [learner.manager_email or work.organisation.contact_email]
    owners = select(SignIn.email).where(
        SignIn.organisation_id == work.organisation_id, SignIn.role == "owner", SignIn.disabled_at.is_(None)
    )
    return work.db.scalars(owners.order_by(SignIn.id)).all()


def of_change(
    work: Work, session: LiveSession, enrolment: Enrolment, old: S, *, own: bool, ending: Kind, reason: str = "", extra: dict | None = None
) -> None:  # fmt: skip
    """What a person is told of a change of status that no calendar says. `own`: it is what they themselves answered."""
    if session.status != "scheduled":
        return
    new, before = S(enrolment.status), TABLE[old]
    if new is S.WAITING_APPROVAL:
        tell_learner(work, session, enrolment, Kind.WAITING_APPROVAL)
        tell_approvers(work, session, enrolment)
    elif new is S.WAITING_LIST:
        _on_the_list(work, session, enrolment, before.entry, ending, extra)
    elif before.listed and not TABLE[new].seat:
        if ending is Kind.REFUSED:
            tell_learner(work, session, enrolment, Kind.REFUSED, note=reason)
        elif own or _was_told(work, enrolment):
            tell_learner(work, session, enrolment, Kind.LEFT_LIST, note=reason)
    elif new is S.DECLINED and before.seat and own:
        _released(work, session, enrolment)


def list_has_ended(work: Work, session: LiveSession, reason: str) -> None:
    """The session is cancelled: who was told of a place on its list, and has no entry to be cancelled, is told so."""
    told = select(Delivery.id).where(Delivery.enrolment_id == Enrolment.id).exists()
    line = select(Enrolment).where(Enrolment.live_session_id == session.id, Enrolment.status.in_(WAITING), told).order_by(Enrolment.id)
    for enrolment in work.db.scalars(line).all():
        tell_learner(work, session, enrolment, Kind.LIST_ENDED, note=reason)


def _on_the_list(work: Work, session: LiveSession, enrolment: Enrolment, had_entry: bool, ending: Kind, extra: dict | None) -> None:
    if ending not in TOLD_BY_CANCEL:
        tell_learner(work, session, enrolment, Kind.WAITING, extra={"position": str(position(work, enrolment))})
    elif not (had_entry and _mailed(work, enrolment)):
        tell_learner(work, session, enrolment, TOLD_BY_CANCEL[ending], extra=extra)


def _mailed(work: Work, enrolment: Enrolment) -> bool:
    """Whether the entry that this enrolment had before the one of the list was an invitation by mail."""
    mine = (CalendarEntry.enrolment_id == enrolment.id, CalendarEntry.mailed, CalendarEntry.ended_at == work.now)
    return work.db.scalar(select(CalendarEntry.id).where(*mine).limit(1)) is not None


def _was_told(work: Work, enrolment: Enrolment) -> bool:
    """Members of a group larger than the session wait without having been told; they need not be told that they do no more."""
    return work.db.scalar(select(Delivery.id).where(Delivery.enrolment_id == enrolment.id).limit(1)) is not None


def _released(work: Work, session: LiveSession, enrolment: Enrolment) -> None:
    """Somebody gave up a seat: told once per entry and SEQUENCE, so that two machines never talk to one another for ever."""
    before = select(Delivery.id).where(Delivery.enrolment_id == enrolment.id, Delivery.kind == Kind.RELEASED.value)
    sequence = None
    # A series whose dates are entries has none of its own, nor has a date of one that is one entry: told once at all.
    if enrolment.entry_id is not None:
        entry = work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True)
        sequence = entry.sequence
        before = before.where(Delivery.sequence == sequence, Delivery.created_at >= entry.created_at)
    if work.db.scalar(before.limit(1)) is None:
        tell_learner(work, session, enrolment, Kind.RELEASED, held=enrolment.hold_until, sequence=sequence)


def released(work: Work, session: LiveSession, gave_up: Mapping[int, datetime | None]) -> None:
    """The same for many at once: enrolments with an entry of their own, and until when the seat is kept for each of them; constant statements."""
    told = (Delivery.enrolment_id == Enrolment.id, Delivery.kind == Kind.RELEASED.value, Delivery.sequence == CalendarEntry.sequence)
    query = (
        select(
            Enrolment.id.label("enrolment_id"), CalendarEntry.sequence, Learner.locale, Learner.timezone, Learner.id, Learner.name, Learner.page_id,
            func.coalesce(Learner.target_email, Learner.email).label("address"),
        )
        .join(Learner, Learner.id == Enrolment.learner_id)
        .join(CalendarEntry, CalendarEntry.id == Enrolment.entry_id)
        .where(Enrolment.id.in_(gave_up), ~select(Delivery.id).where(*told, Delivery.created_at >= CalendarEntry.created_at).exists())
        .order_by(Enrolment.id)
    )  # fmt: skip
    skeletons: dict[tuple, int] = {}
    rows = []
    for one in work.db.execute(query).all():
        alike = (one.locale, one.timezone, gave_up[one.enrolment_id])
        if alike not in skeletons:
            skeletons[alike] = _shared(work, session, Kind.RELEASED, *alike)
        row = {"recipient": one.address, "recipient_name": one.name, "page_id": one.page_id, "learner_id": one.id, "sequence": one.sequence}
        rows.append(_row(work, session, one.enrolment_id, Kind.RELEASED, skeletons[alike]) | row)
    if rows:
        work.db.execute(insert(Delivery), rows)


def _write(
    work: Work, session: LiveSession, enrolment: Enrolment | None, kind: Kind, locale: str, timezone: str, row: dict, note: str, extra: dict | None,
    held: datetime | None, until: datetime | None, *, sender: Mailbox | None = None, others: Sequence[Snapshot] = (), more: Sequence[str] = (),
) -> None:  # fmt: skip
    sender = sender or work.organisation.mailbox
    snapshot = _published(work, session).snapshot
    body = rendering.skeleton(kind, snapshot, None, locale, timezone, sender, work.organisation, note, held, others, more)
    number = _stored(work, kind, locale, timezone, held, sender, body)
    common = _row(work, session, enrolment.id if enrolment else None, kind, number, extra=extra, until=until, sender=sender)
    work.db.add(Delivery(**common, **row))
    work.db.flush()


def _shared(work: Work, session: LiveSession, kind: Kind, locale: str, timezone: str, held: datetime | None) -> int:
    sender = work.organisation.mailbox
    body = rendering.skeleton_for_many(kind, _published(work, session).snapshot, locale, timezone, sender, work.organisation, held)
    return _stored(work, kind, locale, timezone, held, sender, body)


def _published(work: Work, session: LiveSession) -> Revision:
    """As it was last published: an edit that still settles is told by its own message."""
    return notifying.latest_revision(work, session) or notifying.freeze(work, session)


def _stored(work: Work, kind: Kind, locale: str, timezone: str, held: datetime | None, sender: Mailbox, body: bytes) -> int:
    skeleton = MailSkeleton(
        organisation_id=work.organisation_id, batch=new_batch(), kind=kind.value, held_until=held, sender_name=sender.name,
        sender_address=sender.address, locale=locale, timezone=timezone, base_url=work.base_url, body=body, created_at=work.now,
    )  # fmt: skip
    work.db.add(skeleton)
    work.db.flush()
    return skeleton.id


def _row(
    work: Work, session: LiveSession, enrolment_id: int | None, kind: Kind, skeleton_id: int, *,
    extra: dict | None = None, until: datetime | None = None, sender: Mailbox | None = None,
) -> dict:  # fmt: skip
    return {
        "organisation_id": work.organisation_id, "kind": kind.value, "live_session_id": session.id, "enrolment_id": enrolment_id,
        "skeleton_id": skeleton_id, "sender": (sender or work.organisation.mailbox).address, "dtstamp": work.stamp(), "extra": extra or None,
        "key_id": work.key_id, "due_at": work.now, "created_at": work.now, "expires_at": min(work.now + LIFETIME, until or session.ends_at),
    }  # fmt: skip
