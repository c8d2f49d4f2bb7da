"""Taking an answer back, once: status and answer are again what they were before the last answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.history import HistoryEntry
from ..store.sessions import LiveSession
from ..training.statuses import TABLE, WAITING, Answer, EnrolmentStatus
from . import enrolling, notifying, seating, series_answers, series_people
from .finding import find, locked_session
from .rendering import Kind
from .work import Work

S = EnrolmentStatus
UNDONE = "answer undone"


def last_answer(work: Work, enrolment: Enrolment) -> HistoryEntry | None:
    """The answer that can be taken back: the last one, where nothing has happened to the enrolment since and it was not taken back before."""
    session = work.db.get_one(LiveSession, enrolment.live_session_id)
    if session.status != "scheduled" or seating.next_start(work, session) <= work.now:
        return None
    told = select(HistoryEntry).where(*_of(enrolment)).order_by(HistoryEntry.id.desc()).limit(10)
    for one in work.db.scalars(told):
        if one.verb == "answered":
            return one if "was" in (one.detail or {}) and not _overtaken(session, enrolment, one) else None
        if not (one.verb.startswith("answered ") or one.verb == "seat no longer kept"):
            return None
    return None


def undo(work: Work, enrolment_id: int) -> S:
    """Take the last answer back; returns the status of now. A seat that has been given away since is waited for. Raises `Conflict`."""
    session = locked_session(work, find(work, Enrolment, enrolment_id).live_session_id)
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    last = last_answer(work, enrolment)
    if last is None:
        raise Conflict("There is no answer that could be taken back.")
    if session.series_id is not None and not session.own_entry:
        return series_answers.undo_date(work, session, enrolment, last)
    before, was = S(last.detail["status"]), last.detail["was"]
    of_series = session.series_id is not None and not session.seats_per_date
    if of_series and TABLE[before].seat and not series_people.has_seat(work, session, enrolment.learner_id):
        raise Conflict("The series is full by now: somebody else has the seat.")
    until = datetime.fromisoformat(last.detail["offer_until"]) if last.detail.get("offer_until") else None
    work.record(
        UNDONE, live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id, detail={"was": enrolment.partstat}
    )
    work.db.flush()
    entry = work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True)
    said, sequence = entry.partstat, entry.sequence
    target = _target(work, session, enrolment, before)
    enrolment.partstat = was
    if target != enrolment.status:
        offered = until if target is S.INVITED and until and until > work.now else None
        target = S.REGISTERED if target is S.INVITED and until and not offered else target
        enrolling.change(work, session, enrolment, target, UNDONE, offered=offered)
        if of_series:
            series_people.roll_up(work, session, enrolment.learner_id)
    entry = work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True)
    if entry.ended_at is None and entry.sequence == sequence and said in (Answer.YES, Answer.NO):
        notifying.tell(work, session, entry, Kind.AGAIN, ask=True)
    elif entry.ended_at is None and entry.sequence == sequence:
        entry.partstat = was
    work.db.flush()
    return target


def _of(enrolment: Enrolment) -> tuple:
    """The history is found by person: it has no index by enrolment."""
    return HistoryEntry.learner_id == enrolment.learner_id, HistoryEntry.enrolment_id == enrolment.id


def _overtaken(session: LiveSession, enrolment: Enrolment, last: HistoryEntry) -> bool:
    """One date of a series follows the series, which its own history does not tell."""
    before = S(last.detail["status"])
    led_to = TABLE[before].after(Answer(last.detail["answer"])) or before
    return session.series_id is not None and enrolment.status != led_to


def _target(work: Work, session: LiveSession, enrolment: Enrolment, before: S) -> S:
    """Back to what was, or onto the waiting list where somebody else has the seat."""
    holds = TABLE[S(enrolment.status)].seat or enrolment.hold_until is not None
    if TABLE[before].seat and not holds and not seating.free_seats(work, session):
        return S.WAITING_LIST
    if before in WAITING and enrolment.status not in WAITING and before is S.WAITING_LIST and seating.free_seats(work, session):
        return S.REGISTERED
    return before
