"""Outbox rows for many people at once: who is to be told, grouped by what they read alike, written in one INSERT .. SELECT.

The number of statements does not depend on the number of learners. A message is rendered once for all who read the same language in the
same zone and were last told the same (`mail_skeletons`); the rows join it by those columns. "Last told" is what certainly left or may
have left: a message that is replaced before it left hands its own baseline on, so that the "before" in a mail is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, exists, func, insert, literal, null, or_, select, update
from sqlalchemy.orm import aliased

from ..addresses import Mailbox
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.history import HistoryEntry
from ..store.inbox import InboundMessage
from ..store.learners import FeedVersion, Learner
from ..store.outbox import NOT_SENT, QUEUED, SUPERSEDED, SUPPRESSED, Delivery, MailSkeleton, waiting_to_leave
from ..store.sessions import LiveSession, Revision
from ..training.statuses import EnrolmentStatus
from . import rendering
from .rendering import Kind
from .work import Work

LIFETIME = timedelta(days=5)
E_, D_, S_ = CalendarEntry, Delivery, MailSkeleton
_QUIET = {"synchronize_session": False}


@dataclass(frozen=True)
class Readers:
    """People who get the same octets but for their own values; `told` is the revision they were last told (None: nothing).

    `pending`: a message to them has not left yet. `held`: until when a seat from the waiting list is kept for them.
    """

    told: int | None
    locale: str
    timezone: str
    sender: Mailbox
    declined: bool
    mailed: bool
    pending: bool
    held: datetime | None = None


def people(session: LiveSession):
    """The session's entries with what their people need, `pending` (a message that has not left) and `told` (what they were last told; null: nothing)."""
    pending, older = aliased(D_), aliased(D_)
    # A worker that could not reach the relay gives back what it held, behind which a newer one may wait: the oldest knows the true "before".
    behind = exists().where(older.entry_id == pending.entry_id, older.id < pending.id, waiting_to_leave(older))
    waiting = and_(pending.entry_id == E_.id, waiting_to_leave(pending), ~behind)
    return (
        select(
            E_.id, E_.enrolment_id, E_.learner_id, E_.uid, E_.sequence, E_.dtstamp, E_.partstat, E_.revision_id, E_.mailed, E_.ended_at, E_.batch, E_.own,
            E_.organizer_name, E_.organizer_address, Enrolment.status, func.coalesce(Learner.target_email, Learner.email).label("email"), Learner.name,
            Learner.page_id, Learner.locale, Learner.timezone,
            Learner.channel, Learner.address_problem.is_not(None).label("unreached"), pending.id.label("pending"),
            case((pending.id.is_not(None), pending.told_revision_id), else_=E_.revision_id).label("told"),
            case((Enrolment.status == EnrolmentStatus.INVITED, Enrolment.offer_until), else_=null()).label("held"),
        )
        .join(Enrolment, Enrolment.id == E_.enrolment_id)
        .join(Learner, Learner.id == E_.learner_id)
        .outerjoin(pending, waiting)
        .where(E_.live_session_id == session.id)
        .subquery()
    )  # fmt: skip


def still_undeclined(chosen):
    """Of `people` who said No: whether they said it on a page or in words, so that their calendar, which was not told, still shows the invitation."""
    h, told, came = aliased(HistoryEntry), aliased(D_), aliased(InboundMessage)
    answered = (h.learner_id == chosen.c.learner_id, h.enrolment_id == chosen.c.enrolment_id, h.verb == "answered")
    newest = select(came.kind).select_from(h).outerjoin(came, came.id == h.inbound_id).where(*answered).order_by(h.id.desc()).limit(1)
    by = func.coalesce(newest.scalar_subquery(), "page")
    requests = (told.enrolment_id == chosen.c.enrolment_id, told.entry_id == chosen.c.id, told.method == "REQUEST")
    shown = select(told.partstat).where(*requests).order_by(told.id.desc()).limit(1).scalar_subquery()
    return and_(exists().where(*answered), by != "reply", shown != "DECLINED")


def readers(work: Work, chosen, baseline=None) -> list[Readers]:
    """Who there is among `chosen` (of `people`), by what they read alike; `baseline` overrides what they were last told."""
    c = chosen.c
    told = c.told if baseline is None else baseline
    declined, pending = (c.status == EnrolmentStatus.DECLINED), c.pending.is_not(None)
    query = select(
        told.label("told"), c.locale, c.timezone, c.organizer_name, c.organizer_address, declined.label("declined"), c.mailed, pending.label("pending"),
        c.held,
    ).distinct()  # fmt: skip
    return [
        Readers(
            g.told,
            g.locale,
            g.timezone,
            Mailbox(g.organizer_name, g.organizer_address),
            bool(g.declined),
            bool(g.mailed),
            bool(g.pending),
            g.held,
        )
        for g in work.db.execute(query)
    ]


def dispatch(
    work: Work, session: LiveSession, revision: Revision, batch: int, chosen, which, to: list[Readers], choose: Callable[[Readers], Kind], *,
    method: str | None, partstat, note: str = "", bump: int = 1, baseline=None, dtstamp=None, extra: dict | None = None,
) -> int:  # fmt: skip
    """Render what the readers `to` have to read, and write a row for each of `chosen` for whom `which` holds. Returns how many.

    Without a `method` it is a notice in words: no UID, no SEQUENCE.
    """
    if not to:
        return 0
    p = chosen.c
    told = p.told if baseline is None else baseline
    _render(work, revision, batch, to, choose, note)
    same_reader = and_(
        S_.batch == batch,
        S_.locale == p.locale,
        S_.timezone == p.timezone,
        S_.sender_name == p.organizer_name,
        S_.sender_address == p.organizer_address,
        or_(S_.told_revision_id == told, and_(S_.told_revision_id.is_(None), told.is_(None))),
        or_(S_.held_until == p.held, and_(S_.held_until.is_(None), p.held.is_(None))),
    )
    columns = {
        "organisation_id": literal(work.organisation_id),
        "channel": literal("mail"),
        "kind": S_.kind,
        "method": literal(method) if method else null(),
        "live_session_id": literal(session.id),
        "enrolment_id": p.enrolment_id,
        "entry_id": p.id,
        "learner_id": p.learner_id,
        "skeleton_id": S_.id,
        "told_revision_id": told,
        "sender": p.organizer_address,
        "recipient": p.email,
        "recipient_name": p.name,
        "page_id": p.page_id,
        "uid": p.uid if method else null(),
        "sequence": p.sequence + bump if method else null(),
        "dtstamp": later(work, p.dtstamp) if dtstamp is None else dtstamp,
        "partstat": partstat,
        "extra": literal(extra, D_.extra.type) if extra else null(),
        "own": p.own if method else null(),
        "key_id": literal(work.key_id),
        "state": case((p.unreached, literal(SUPPRESSED)), else_=literal(QUEUED)),
        "final_at": case((p.unreached, literal(work.now, D_.final_at.type)), else_=null()),
        "last_error": case((p.unreached, literal(NOT_SENT)), else_=null()),
        "due_at": literal(work.now, D_.due_at.type),
        "expires_at": literal(_expiry(work, revision, method), D_.expires_at.type),
        "created_at": literal(work.now, D_.created_at.type),
    }
    rows = (
        select(*(value.label(name) for name, value in columns.items()))
        .select_from(chosen)
        .join(S_, same_reader)
        .where(which)
        .order_by(p.id)
    )
    write = insert(D_).from_select(list(columns), rows, include_defaults=False)
    count = work.db.execute(write, execution_options={"preserve_rowcount": True}).rowcount
    if any(reader.pending for reader in to):
        supersede(work, session, batch, D_.entry_id.in_(select(p.id).where(p.pending.is_not(None), which)))
    return count


def _render(work: Work, revision: Revision, batch: int, to: Iterable[Readers], choose, note: str) -> None:
    """One skeleton for each kind of reader; a template that fails, fails the change (design decision 6)."""
    seen, befores = set(), {}
    for reader in to:
        key = (reader.told, reader.locale, reader.timezone, reader.sender, reader.held)
        if key in seen:
            continue
        seen.add(key)
        if reader.told is not None and reader.told not in befores:
            befores[reader.told] = work.db.get_one(Revision, reader.told).snapshot
        kind = choose(reader)
        body = rendering.skeleton(
            kind,
            revision.snapshot,
            befores.get(reader.told),
            reader.locale,
            reader.timezone,
            reader.sender,
            work.organisation,
            note,
            reader.held,
        )
        work.db.add(
            MailSkeleton(
                organisation_id=work.organisation_id, batch=batch, kind=kind.value, told_revision_id=reader.told, held_until=reader.held, sender_name=reader.sender.name,
                sender_address=reader.sender.address, locale=reader.locale, timezone=reader.timezone, base_url=work.base_url, body=body, created_at=work.now,
            )
        )  # fmt: skip
    work.db.flush()


def hold_waiting(work: Work, session: LiveSession) -> None:
    """Lock the session's messages that have not left, so that no worker takes one while it is being replaced (SQLite has one writer)."""
    if work.db.get_bind().dialect.name != "sqlite":
        work.db.execute(select(D_.id).where(D_.live_session_id == session.id, waiting_to_leave(D_)).with_for_update()).all()


def supersede(work: Work, session: LiveSession, batch: int, which) -> None:
    """Messages that `which` selects and that certainly did not leave give way to the newer ones of this batch."""
    new = select(S_.id).where(S_.batch == batch)
    work.db.execute(
        update(D_)
        .where(D_.live_session_id == session.id, waiting_to_leave(D_), which, D_.skeleton_id.not_in(new))
        .values(state=SUPERSEDED, final_at=work.now, last_error="Replaced by a newer message before it left.")
        .execution_options(**_QUIET)
    )


def touch(work: Work, which, batch: int, **values) -> None:
    """The calendars of the entries that `which` selects show something new: SEQUENCE + 1, DTSTAMP later than before (design decision 2)."""
    values = {"sequence": E_.sequence + 1, "dtstamp": later(work), "batch": batch, **values}
    work.db.execute(update(E_).where(which).values(**values).execution_options(**_QUIET))


def ask_again(work: Work) -> dict:
    """The columns of an entry whose person is asked again: SEQUENCE, DTSTAMP, NEEDS-ACTION, and whether an answer is to be confirmed."""
    return {
        "asked_sequence": E_.sequence + 1,
        "asked_dtstamp": later(work),
        "reconfirm": or_(E_.reconfirm, E_.partstat.in_(("ACCEPTED", "TENTATIVE"))),
        "partstat": "NEEDS-ACTION",
    }


def later(work: Work, column=E_.dtstamp):
    """The later of now and one second after the last DTSTAMP, so that it always grows."""
    return case((column >= work.stamp(), column + 1), else_=work.stamp())


def bump_feeds(work: Work, which) -> None:
    """The feeds of the learners whose entries `which` selects show something new."""
    bump(work, select(E_.learner_id).where(which))


def bump(work: Work, learners) -> None:
    """The same of the learners whose ids this selects."""
    changed = FeedVersion.changed_at
    later_of = case((changed > work.now, changed), else_=literal(work.now, changed.type))
    work.db.execute(
        update(FeedVersion).where(FeedVersion.learner_id.in_(learners)).values(version=FeedVersion.version + 1, changed_at=later_of)
        .execution_options(**_QUIET)
    )  # fmt: skip


def open_for_mail(work: Work, session: LiveSession, *told_ends: datetime, even_without_calendar: bool = False) -> bool:
    """Whether mail about this session goes out at all: invitations are on, and it is over neither as it stands nor in what people were told."""
    return (session.calendar_enabled or even_without_calendar) and max([session.ends_at, *told_ends]) > work.now


def _expiry(work: Work, revision: Revision, method: str | None) -> datetime:
    """Until when trying is of use: five days, for a REQUEST not past the end of the session."""
    latest = work.now + LIFETIME
    return latest if method == "CANCEL" else min(latest, max(revision.ends_at, work.now + timedelta(hours=1)))
