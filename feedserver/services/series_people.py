"""Who is in a series is in its dates: statuses go from the head to the dates that are to come, and answers to single dates back (decision 0013)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, exists, func, insert, literal, null, select, true, update
from sqlalchemy.orm import aliased

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.sessions import LiveSession, Seats
from ..training.statuses import ATTENDANCE, TABLE, EnrolmentStatus
from . import enrolling, notifying, seating, series_own
from .finding import find
from .following import touched
from .rendering import Kind
from .series_rows import key_of
from .work import Work

S = EnrolmentStatus
_SEATED = [status for status, rule in TABLE.items() if rule.seat]
_QUIET = {"synchronize_session": False}


def spread(
    work: Work, head: LiveSession, learner_ids: Sequence[int], *, ending: Kind = Kind.REMOVED, extra: dict | None = None, own: bool = False,
    anew: bool = False,
) -> None:  # fmt: skip
    """Give these learners, in every date of the series that is to come, the status that they have in the series; constant statements a date.

    `own`: they answered the whole series, which leaves alone the dates that they answered singly. `anew`: they come into it from outside,
    so that a No to a date is one only where they said it to that date. `ending` is how messages that take an entry back are called, `extra`
    what they say besides.
    """
    if not learner_ids:
        return
    touched(work.db, head.id)
    for date in coming_dates(work, head):
        if head.seats_per_date:
            _place(work, head, date, learner_ids)
        else:
            _mirror(work, head, date, learner_ids, own, anew)
            _follow(work, date, learner_ids, ending, extra)
    series_own.refresh(work, head, learner_ids)


def coming_dates(work: Work, head: LiveSession) -> list[LiveSession]:
    """The dates that are not over and not cancelled, by their start."""
    query = (
        select(LiveSession)
        .where(LiveSession.series_id == head.id, LiveSession.status == "scheduled", LiveSession.ends_at > work.now)
        .order_by(LiveSession.starts_at, LiveSession.id)
    )
    return list(work.db.scalars(query))


def roll_up(work: Work, date: LiveSession, learner_id: int, inbound_id: int | None = None) -> None:
    """After an answer to one date: who said No to every date that is left gives up the series; a Yes to one takes it."""
    head = work.db.get_one(LiveSession, date.series_id)
    mine = work.db.scalars(select(Enrolment).where(Enrolment.live_session_id == head.id, Enrolment.learner_id == learner_id)).first()
    if head.seats_per_date or mine is None or mine.status in (*ATTENDANCE, S.CANCELLED):
        return
    left = [one.id for one in coming_dates(work, head)]
    statuses = set(work.db.scalars(select(Enrolment.status).where(Enrolment.live_session_id.in_(left), Enrolment.learner_id == learner_id)))
    new = (
        S.DECLINED
        if statuses == {S.DECLINED}
        else S.REGISTERED
        if S.REGISTERED in statuses and mine.status in (S.INVITED, S.DECLINED)
        else S.INVITED
        if S.INVITED in statuses and mine.status == S.DECLINED
        else None
    )
    if new is not None and new != mine.status:
        enrolling.change(work, head, mine, new, "answered dates", own=True, inbound_id=inbound_id, spreading=False)


def otherwise(work: Work, head: LiveSession, mine: Enrolment) -> dict[str, str]:
    """The statuses of one person in dates that hold a seat, other than that in the series, by date: an answer to all can be taken back to them."""
    query = (
        select(LiveSession.recurrence_id, Enrolment.status)
        .join(Enrolment, Enrolment.live_session_id == LiveSession.id)
        .where(LiveSession.series_id == head.id, Enrolment.learner_id == mine.learner_id)
        .where(Enrolment.status.in_(_SEATED), Enrolment.status != mine.status)
    )
    return {key_of(at): status for at, status in work.db.execute(query)}


def has_seat(work: Work, date: LiveSession, learner_id: int) -> bool:
    """Whether this learner can come to a date: on the seat that they hold in the series, or on a free one of it."""
    head = work.db.get_one(LiveSession, date.series_id)
    status = work.db.scalar(select(Enrolment.status).where(Enrolment.live_session_id == head.id, Enrolment.learner_id == learner_id))
    return (status is not None and TABLE[S(status)].seat) or seating.free_seats(work, head) > 0


def in_date(work: Work, enrolment_id: int, key: str | None) -> int:
    """The enrolment in one date of a series, from that in the series; any other session has one date and takes no `key`. Raises `Conflict`."""
    mine = find(work, Enrolment, enrolment_id)
    session = work.db.get_one(LiveSession, mine.live_session_id)
    if not session.is_series and key is None:
        return enrolment_id
    if not session.is_series:
        raise Conflict("This session is no series: leave the date out.")
    dates = select(LiveSession.id, LiveSession.recurrence_id).where(LiveSession.series_id == session.id).order_by(LiveSession.recurrence_id)
    known = {f"{at:%Y%m%dT%H%M%SZ}": number for number, at in work.db.execute(dates)}
    if key not in known:
        raise Conflict(f"Say to which date, by its original start: {', '.join(known)[:400]}.", extra={"occurrences": list(known)})
    return enrolling.enrolment_in(work, known[key], mine.learner_id).id


def next_entries(work: Work, enrolment_ids: Sequence[int]) -> dict[int, str]:
    """Of enrolments in series whose dates are entries: the UID of the entry of the next date that is to come."""
    if not enrolment_ids:
        return {}
    h, d = aliased(Enrolment), aliased(Enrolment)
    query = (
        select(h.id, CalendarEntry.uid)
        .join(LiveSession, LiveSession.series_id == h.live_session_id)
        .join(d, and_(d.live_session_id == LiveSession.id, d.learner_id == h.learner_id))
        .join(CalendarEntry, CalendarEntry.id == d.entry_id)
        .where(h.id.in_(enrolment_ids), LiveSession.status == "scheduled", LiveSession.ends_at > work.now)
        .order_by(LiveSession.starts_at.desc())
    )
    return dict(work.db.execute(query).all())


def _mirror(work: Work, head: LiveSession, date: LiveSession, learner_ids: Sequence[int], own: bool, anew: bool) -> None:
    """The enrolments of one date as those of the head; attendance that is marked stays, and so does a No to this date alone."""
    h, d = aliased(Enrolment), Enrolment
    chosen = and_(h.live_session_id == head.id, h.learner_id.in_(learner_ids))
    columns = {
        "organisation_id": h.organisation_id, "live_session_id": literal(date.id), "learner_id": h.learner_id, "status": h.status,
        "partstat": literal("NEEDS-ACTION"), "queued_at": h.queued_at, "offer_until": h.offer_until, "entry_id": null(), "version": literal(1),
        "created_at": literal(work.now, d.created_at.type), "updated_at": literal(work.now, d.updated_at.type),
    }  # fmt: skip
    there = exists().where(d.live_session_id == date.id, d.learner_id == h.learner_id)
    missing = select(*(value.label(name) for name, value in columns.items())).where(chosen, h.status != S.CANCELLED, ~there.correlate(h))
    work.db.execute(insert(d).from_select(list(columns), missing, include_defaults=False))
    whole = lambda column: select(column).where(h.live_session_id == head.id, h.learner_id == d.learner_id).correlate(d).scalar_subquery()  # noqa: E731
    seated = whole(h.status).in_(_SEATED)
    keeps = and_(d.status == S.DECLINED, seated, d.responded_at.is_not(None) if anew else true())
    stays = [d.status.not_in(ATTENDANCE), ~keeps, d.status != whole(h.status)]
    if own:
        stays.append(d.responded_at.is_(None))
    work.db.execute(
        update(d)
        .where(d.live_session_id == date.id, d.learner_id.in_(learner_ids), *stays)
        .values(
            status=whole(h.status),
            queued_at=whole(h.queued_at),
            offer_until=whole(h.offer_until),
            updated_at=work.now,
            version=d.version + 1,
        )
        .execution_options(**_QUIET)
    )
    held = select(func.count()).select_from(d).where(d.live_session_id == date.id, d.status.in_(_SEATED)).scalar_subquery()
    work.db.execute(update(Seats).where(Seats.live_session_id == date.id).values(taken=held).execution_options(**_QUIET))


def _follow(work: Work, date: LiveSession, learner_ids: Sequence[int], ending: Kind, extra: dict | None) -> None:
    """The calendar entries of one date follow; a series that is one entry has none here."""
    if not date.own_entry:
        return
    mine = select(Enrolment.id).where(Enrolment.live_session_id == date.id, Enrolment.learner_id.in_(learner_ids))
    gone = mine.where(Enrolment.status.in_([s for s, rule in TABLE.items() if not rule.entry and not rule.listed]))
    listed = mine.where(Enrolment.status.in_([s for s, rule in TABLE.items() if rule.listed]))
    notifying.end(work, date, CalendarEntry.enrolment_id.in_(gone), ending, ended_as="removed", extra=extra)
    mailed = and_(CalendarEntry.enrolment_id.in_(listed), CalendarEntry.mailed.is_(True))
    notifying.end(work, date, mailed, ending, ended_as="waiting", extra=extra)
    notifying.begin(work, date)
    notifying.show(work, date, CalendarEntry.enrolment_id.in_(mine))


def _place(work: Work, head: LiveSession, date: LiveSession, learner_ids: Sequence[int]) -> None:
    """Where each date has seats of its own, each is taken or waited for on its own."""
    query = select(Enrolment.learner_id, Enrolment.status).where(
        Enrolment.live_session_id == head.id, Enrolment.learner_id.in_(learner_ids)
    )
    wanted = {learner: S(status) for learner, status in work.db.execute(query)}
    enrolling.invite_many(work, date, [one for one in learner_ids if wanted.get(one) is S.INVITED])
    for learner_id in learner_ids:
        if wanted[learner_id] is not S.INVITED:
            enrolling.put_in_date(work, date, learner_id, wanted[learner_id])
