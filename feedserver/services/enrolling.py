"""Enrolling: who is in a session, with which status; seats, calendar entries and the waiting list follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from ..errors import Changed, Conflict, Invalid, NotFound
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.history import HistoryEntry
from ..store.learners import Learner
from ..store.sessions import CHOSEN, LiveSession
from ..training.offers import kept_until
from ..training.registration import status_on_registering
from ..training.statuses import ATTENDANCE, BY_HAND, TABLE, WAITING, EnrolmentStatus
from . import notifying, seating, series_by_hand, series_people, telling
from .completing import CAME, by_attendance
from .course_milestones import OUT, take_up
from .finding import find, locked_session, must_be_here
from .following import touched
from .promoting import promote
from .rendering import Kind
from .waiting_line import position
from .work import Work

__all__ = ["position", "promote"]

S = EnrolmentStatus


def register(work: Work, session_id: int, learner_id: int) -> Enrolment:
    """The learner registers: approval, then the waiting list, then Registered with the invitation. Full without a list: `Conflict` with other dates."""
    session = locked_session(work, session_id)
    learner = find(work, Learner, learner_id)
    must_be_here(learner)
    _must_be_open(work, session)
    series_by_hand.must_take_people(session)
    enrolment = _enrolment(work, session, learner)
    if enrolment is not None and enrolment.status not in (S.CANCELLED, S.DECLINED):
        raise Conflict(f"{learner.name} is already in this session ({enrolment.status}).", extra={"id": enrolment.id})
    status = status_on_registering(
        approval_required=session.approval_required,
        approved=False,
        seat_free=_seat_for(work, session, enrolment),
        waiting_list=session.waiting_list,
    )
    if status is None:
        dates = other_dates(work, session)
        words = "Choose one of the other dates of the course." if dates else "The course has no other date with a free seat."
        raise Conflict(f"The session is full and keeps no waiting list. {words}", extra={"other_dates": dates})
    return put(work, session, learner, enrolment, status, "registered")


def enrol(work: Work, session_id: int, learner_id: int, status: str, *, over_capacity: bool = False) -> Enrolment:
    """An administrator adds somebody by hand with one of six statuses; each sends the invitation while the session is not over."""
    session = locked_session(work, session_id)
    learner = find(work, Learner, learner_id)
    must_be_here(learner)
    _must_not_be_cancelled(session)
    series_by_hand.must_take_people(session, status)
    enrolment = _enrolment(work, session, learner)
    if enrolment is not None and enrolment.status != S.CANCELLED:
        raise Conflict(
            f"{learner.name} is already in this session ({enrolment.status}); change that enrolment instead.",
            extra={"id": enrolment.id},
        )
    return put(work, session, learner, enrolment, check_by_hand(status), "added", over_capacity=over_capacity)


def check_by_hand(status: str) -> EnrolmentStatus:
    """One of the six statuses that an administrator may give; raises `Invalid`."""
    if status not in BY_HAND:
        raise Invalid(f"{status!r} cannot be given by hand; choose one of {', '.join(BY_HAND)}.", field="status")
    return EnrolmentStatus(status)


def invite_many(work: Work, session: LiveSession, learner_ids: Sequence[int]) -> int:
    """Invite all of these who are not in the session; where seats run out the rest waits, in this order. Returns the invitations sent."""
    if session.status != "scheduled" or session.ends_at <= work.now:
        return 0
    known = dict(work.db.execute(select(Enrolment.learner_id, Enrolment.status).where(Enrolment.live_session_id == session.id)).all())
    again = [i for i in learner_ids if known.get(i) == S.CANCELLED]
    fresh = [i for i in learner_ids if i not in known]
    order = [i for i in learner_ids if i in set(again) | set(fresh)]
    if not order:
        return 0
    seats = seating.take_many(work, session, len(order))
    status = {learner: (S.INVITED if n < seats else S.WAITING_LIST) for n, learner in enumerate(order)}
    common = {
        "organisation_id": work.organisation_id,
        "live_session_id": session.id,
        "partstat": "NEEDS-ACTION",
        "version": 1,
        "created_at": work.now,
        "updated_at": work.now,
    }
    if fresh:
        rows = [
            {
                **common,
                "learner_id": i,
                "status": status[i],
                "queued_at": work.now if status[i] == S.WAITING_LIST else None,
            }
            for i in fresh
        ]
        work.db.execute(insert(Enrolment), rows)
    for value in (S.INVITED, S.WAITING_LIST):
        chosen = [i for i in again if status[i] == value]
        if chosen:
            work.db.execute(
                update(Enrolment).where(Enrolment.live_session_id == session.id, Enrolment.learner_id.in_(chosen))
                .values(status=value, queued_at=work.now if value == S.WAITING_LIST else None, updated_at=work.now, version=Enrolment.version + 1)
                .execution_options(synchronize_session=False)
            )  # fmt: skip
    touched(work.db, session.id)
    ids = dict(work.db.execute(select(Enrolment.learner_id, Enrolment.id).where(Enrolment.live_session_id == session.id)).all())
    work.db.execute(
        insert(HistoryEntry),
        [
            {"organisation_id": work.organisation_id, "at": work.now, "actor": work.actor, "verb": "enrolled", "live_session_id": session.id,
             "enrolment_id": ids[i], "learner_id": i, "detail": {"status": status[i]}}
            for i in order
        ],
    )  # fmt: skip
    if session.is_series:
        series_people.spread(work, session, order)
    take_up(work, session.course_id, order)
    return notifying.begin(work, session)


def put_in_date(work: Work, date: LiveSession, learner_id: int, status: EnrolmentStatus) -> None:
    """One learner of a series into one of its dates that has seats of its own: full means its waiting list, or, without one, not that date."""
    learner = find(work, Learner, learner_id)
    enrolment = _enrolment(work, date, learner)
    if TABLE[status].seat and not (enrolment and TABLE[S(enrolment.status)].seat) and not _seat_for(work, date, enrolment):
        status = S.WAITING_LIST if date.waiting_list else S.CANCELLED
    if enrolment is not None or status is not S.CANCELLED:
        put(work, date, learner, enrolment, status, "added")


def approve(work: Work, enrolment_id: int) -> Enrolment:
    """Approved: on to a seat, or to the waiting list where there is none."""
    session, enrolment = _with_session(work, enrolment_id)
    _must_wait_for_approval(enrolment)
    _must_be_open(work, session)
    free = _seat_for(work, session, enrolment)
    status = status_on_registering(approval_required=True, approved=True, seat_free=free, waiting_list=True)
    return change(work, session, enrolment, status, "approved")


def reject(work: Work, enrolment_id: int, reason: str = "") -> Enrolment:
    """Refused: the person is taken off, and the reason kept."""
    session, enrolment = _with_session(work, enrolment_id)
    _must_wait_for_approval(enrolment)
    return change(work, session, enrolment, S.CANCELLED, "refused", detail={"reason": reason} if reason else None, ending=Kind.REFUSED)


def set_status(work: Work, enrolment_id: int, status: str, *, over_capacity: bool = False, version: int | None = None) -> Enrolment:
    """An administrator changes a status by hand, to one of the six, to Waiting List, or to Cancelled.

    `version` is what they saw: where it no longer holds, `Changed` says what is now.
    """
    session, enrolment = _with_session(work, enrolment_id)
    if version is not None and version != enrolment.version:
        raise Changed(
            f"The status has changed since you looked: it is {enrolment.status} now. Look again before you change it.",
            extra={"now": enrolment.status, "version": enrolment.version},
        )
    if status not in (S.WAITING_LIST, S.CANCELLED):
        check_by_hand(status)
    if status != S.CANCELLED:
        _must_not_be_cancelled(session)
    # Whom a person put on the list is not asked before a further seat comes free (decision 0012).
    waits = work.now if status == S.WAITING_LIST else None
    series_by_hand.check(work, session, enrolment, EnrolmentStatus(status))
    changed = change(work, session, enrolment, EnrolmentStatus(status), "status set", over_capacity=over_capacity, offered=waits)
    series_by_hand.follow(work, session, enrolment.learner_id)
    return changed


def remove(work: Work, enrolment_id: int) -> Enrolment:
    """Take somebody off: a CANCEL to that person alone; the freed place moves the waiting list."""
    session, enrolment = _with_session(work, enrolment_id)
    series_by_hand.check(work, session, enrolment, S.CANCELLED)
    changed = change(work, session, enrolment, S.CANCELLED, "taken off")
    series_by_hand.follow(work, session, enrolment.learner_id)
    return changed


def mark_attendance(work: Work, enrolment_id: int, status: str) -> Enrolment:
    """Attended, Absent or Go Show."""
    if status not in ATTENDANCE:
        raise Invalid(f"Attendance is one of {', '.join(ATTENDANCE)}.", field="status")
    session, enrolment = _with_session(work, enrolment_id)
    _must_not_be_cancelled(session)
    if session.is_series:
        raise Conflict("This is a series: say to which of its dates they came.")
    return change(work, session, enrolment, EnrolmentStatus(status), "attendance", over_capacity=True)


def change(
    work: Work, session: LiveSession, enrolment: Enrolment, new: EnrolmentStatus, verb: str, *,
    over_capacity: bool = False, detail: dict | None = None, ending: Kind = Kind.REMOVED, inbound_id: int | None = None, extra: dict | None = None,
    own: bool = False, offered: datetime | None = None, passing_on: bool = True, first: Kind | None = None, spreading: bool = True,
) -> Enrolment:  # fmt: skip
    """Move an enrolment to `new` with everything that follows: seat, entry, feed, history, notices, and the waiting list where a seat came free.

    `own`: the person answered so (only then a declined seat may be kept for them); `offered`: until when the seat is held;
    `passing_on=False`: the caller passes a freed seat on; `spreading=False`: the dates of a series keep their own statuses. `ending` and
    `first` are how the messages are called, `extra` what they say besides.
    """
    old = EnrolmentStatus(enrolment.status)
    if old == new:
        return enrolment
    before, after = TABLE[old], TABLE[new]
    kept = (
        kept_until(work.now, seating.next_start(work, session), session.hold_minutes, session.lock_minutes)
        if own and before.seat and not after.seat
        else None
    )
    had, has = before.seat or enrolment.hold_until is not None, after.seat or kept is not None
    if has and not had and not seating.take(work, session, over_capacity=over_capacity):
        raise Conflict(
            "The session is full. Add the person over capacity knowingly, or raise the capacity first.",
            extra={"other_dates": other_dates(work, session)},
        )
    if had and not has:
        seating.give_back(work, session)
    enrolment.status, enrolment.hold_until = new, kept
    # Who comes onto the list from a seat is not offered the same seat again.
    enrolment.offer_until = work.now if new is S.WAITING_LIST and had else offered
    enrolment.queued_at = work.now if new in WAITING else None
    enrolment.note = (detail or {}).get("reason")
    enrolment.updated_at = work.now
    enrolment.version += 1
    work.record(
        verb,
        live_session_id=session.id,
        enrolment_id=enrolment.id,
        learner_id=enrolment.learner_id,
        inbound_id=inbound_id,
        detail={"from": old, "to": new, **(detail or {})},
    )
    work.db.flush()
    if session.is_series and spreading:
        series_people.spread(work, session, [enrolment.learner_id], ending=ending, extra=extra, own=own, anew=not before.seat)
    _follow(work, session, enrolment, before, after, ending, extra, first, own=own)
    telling.of_change(work, session, enrolment, old, own=own, ending=ending, reason=enrolment.note or "", extra=extra)
    if had and not has and passing_on:
        promote(work, session, anew=new is not S.WAITING_LIST)
    if session.series_id is not None and own:
        series_people.roll_up(work, session, enrolment.learner_id, inbound_id)
    if {old, new} & set(CAME):
        by_attendance(work, session, [enrolment.learner_id])
    if session.series_id is None and (old in OUT) != (new in OUT):
        take_up(work, session.course_id, [enrolment.learner_id])
    work.db.refresh(enrolment)
    return enrolment


def other_dates(work: Work, session: LiveSession) -> list[dict]:
    """`other_sessions` in short: id, title, start, timezone."""
    return [{"id": s.id, "title": s.title, "start": s.start.isoformat(), "timezone": s.timezone} for s in other_sessions(work, session)]


def other_sessions(work: Work, session: LiveSession) -> Sequence[LiveSession]:
    """Coming sessions of the same course with a free seat, the next twenty."""
    from ..store.sessions import Seats

    query = (
        select(LiveSession)
        .join(Seats, Seats.live_session_id == LiveSession.id)
        .where(
            LiveSession.course_id == session.course_id, LiveSession.id.not_in((session.id, session.series_id or session.id)), CHOSEN,
            LiveSession.status == "scheduled", LiveSession.starts_at > work.now,
            LiveSession.visibility != "private", LiveSession.draft.is_(False), (Seats.capacity.is_(None)) | (Seats.taken < Seats.capacity),
        )
        .order_by(LiveSession.starts_at)
        .limit(20)
    )  # fmt: skip
    return work.db.scalars(query).all()


def _follow(
    work: Work, session: LiveSession, enrolment: Enrolment, before, after, ending: Kind, extra: dict | None, first: Kind | None, *, own: bool,
) -> None:  # fmt: skip
    """What the calendar shows follows the status."""
    mine = CalendarEntry.enrolment_id == enrolment.id
    if session.status != "scheduled":
        return
    if not after.entry:
        mailed = (mine & CalendarEntry.mailed.is_(True)) if after.listed else mine
        notifying.end(work, session, mailed, ending, ended_as="waiting" if after.listed else "removed", extra=extra)
    if after.entry or after.listed:
        notifying.begin(work, session, only=enrolment.id, first=first, extra=extra)
        notifying.show(work, session, mine)
    if before is TABLE[S.DECLINED] and after.seat and enrolment.entry_id is not None:
        notifying.catch_up(work, session, work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True))
    if after is TABLE[S.DECLINED] and before.seat and not own and enrolment.entry_id is not None:
        notifying.show_declined(work, session, work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True))


def put(
    work: Work, session: LiveSession, learner: Learner, enrolment: Enrolment | None, status: EnrolmentStatus, verb: str, **options: Any
) -> Enrolment:
    """`change` for somebody who may have no enrolment in the session yet."""
    if enrolment is None:
        enrolment = Enrolment(
            organisation_id=work.organisation_id, live_session_id=session.id, learner_id=learner.id, status=S.CANCELLED, created_at=work.now, updated_at=work.now,
        )  # fmt: skip
        work.db.add(enrolment)
        work.db.flush()
    return change(work, session, enrolment, status, verb, **options)


def enrolment_in(work: Work, session_id: int, learner_id: int) -> Enrolment:
    """That learner's enrolment in a session; raises `NotFound`."""
    mine = select(Enrolment).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == learner_id)
    found = work.db.scalars(mine).first()
    if found is None:
        raise NotFound("That person is not in this date.")
    return found


def _enrolment(work: Work, session: LiveSession, learner: Learner) -> Enrolment | None:
    return work.db.scalars(select(Enrolment).where(Enrolment.live_session_id == session.id, Enrolment.learner_id == learner.id)).first()


def _with_session(work: Work, enrolment_id: int) -> tuple[LiveSession, Enrolment]:
    session_id = find(work, Enrolment, enrolment_id).live_session_id
    session = locked_session(work, session_id)
    enrolment = find(work, Enrolment, enrolment_id)
    work.db.refresh(enrolment)
    return session, enrolment


def _seat_for(work: Work, session: LiveSession, enrolment: Enrolment | None) -> bool:
    """Whether somebody could sit down: on the place that is kept for them, or on a free one."""
    return bool(enrolment and enrolment.hold_until) or seating.free_seats(work, session) > 0


def _must_wait_for_approval(enrolment: Enrolment) -> None:
    if enrolment.status != S.WAITING_APPROVAL:
        raise Conflict(f"This enrolment does not wait for approval: it is {enrolment.status}.")


def _must_not_be_cancelled(session: LiveSession) -> None:
    if session.status == "cancelled":
        raise Conflict("The session is cancelled and stays so; make a new session instead.")


def _must_be_open(work: Work, session: LiveSession) -> None:
    _must_not_be_cancelled(session)
    if session.draft:
        raise Conflict("The session is not published yet; nobody can register for it.")
    if session.ends_at <= work.now:
        raise Conflict("The session is over.")
