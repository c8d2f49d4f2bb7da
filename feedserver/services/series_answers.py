"""Answers to a series on a page: one date that has no entry of its own, all dates at once, and both taken back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.history import HistoryEntry
from ..store.sessions import LiveSession
from ..training.statuses import TABLE, Answer, EnrolmentStatus
from . import answering, answering_dates, enrolling, seating, series_entry, series_people, undoing
from .finding import locked_session
from .rendering import Kind
from .series_rows import key_of
from .work import Work

S = EnrolmentStatus
ANSWERABLE = (S.INVITED, S.REGISTERED, S.DECLINED)
_FULL = "The series is full by now: somebody else has the seat."


def answer_date(work: Work, enrolment_id: int, answer: Answer) -> None:
    """Yes, Maybe or No to one date of a series that is one entry: that date alone, and the calendar is sent the series with its dates. Raises `Conflict`."""
    date, mine = _held(work, enrolment_id)
    head, entry = series_entry.of_date(work, date, mine.learner_id)
    if mine.status not in ANSWERABLE or entry is None:
        raise Conflict("There is nothing to answer here.")
    if answer is Answer.YES and mine.status == S.DECLINED and not series_people.has_seat(work, date, mine.learner_id):
        raise Conflict(_FULL)
    before = entry.own
    answering_dates.record(work, date, mine, answer)
    _show(work, head, entry, before)


def answer_all(work: Work, enrolment_id: int, answer: Answer) -> None:
    """The same answer to every date that is to come, however single ones were answered before. Raises `Conflict`."""
    head, mine = _held(work, enrolment_id)
    if TABLE[S(mine.status)].listed:
        return _leave_the_list(work, head, mine, answer)
    if mine.status not in ANSWERABLE:
        raise Conflict("There is nothing to answer here.")
    if answer is Answer.YES and not TABLE[S(mine.status)].seat and not mine.hold_until and not seating.free_seats(work, head):
        enrolling.change(
            work, head, mine, S.WAITING_LIST, "answered Yes, full", ending=Kind.FULL, extra={"position": str(_next_place(work, head))}
        )
        return None
    entry = series_entry.of_series(work, head, mine.learner_id)
    if entry is None:
        return _each(work, head, mine, answer, whole=False)
    before = entry.own
    # A Yes takes the seat first; a No leaves alone what was answered singly, so that is said first.
    if answer is Answer.YES:
        answering.answer_on_page(work, mine.id, answer)
    _each(work, head, mine, answer, whole=True)
    if answer is not Answer.YES:
        answering.answer_on_page(work, mine.id, answer)
    series_entry.put_right(work, head, entry, before)
    return None


def _each(work: Work, head: LiveSession, mine: Enrolment, answer: Answer, *, whole: bool) -> None:
    for date, one in _coming(work, head, mine.learner_id):
        if date.own_entry and _alive(work, one):
            answering.answer_on_page(work, one.id, answer)
        elif whole and not date.own_entry and one.responded_at is not None and one.partstat != answer.value:
            answering_dates.record(work, date, one, answer)
    work.db.refresh(mine)


def undo_date(work: Work, date: LiveSession, mine: Enrolment, last: HistoryEntry) -> S:
    """Take the answer to one date back that has no entry of its own; the status of now."""
    head, entry = series_entry.of_date(work, date, mine.learner_id)
    target, was = S(last.detail["status"]), last.detail["was"]
    if TABLE[target].seat and not series_people.has_seat(work, date, mine.learner_id):
        raise Conflict(_FULL)
    work.record(undoing.UNDONE, live_session_id=date.id, enrolment_id=mine.id, learner_id=mine.learner_id, detail={"was": mine.partstat})
    before = entry.own if entry is not None else None
    mine.partstat = was
    mine.responded_at = None if was == "NEEDS-ACTION" else mine.responded_at
    work.db.flush()
    if target != mine.status:
        enrolling.change(work, date, mine, target, undoing.UNDONE, own=True)
    if entry is not None:
        _show(work, head, entry, before)
    return S(mine.status)


def undo_all(work: Work, head: LiveSession, learner_id: int) -> None:
    """Take back what was said to all dates at one moment: to the series, where it is one entry, and to each date that was answered with it."""
    at = _undo_whole(work, head, learner_id) if head.own_entry else last_moment(work, head, learner_id)
    if at is None:
        raise Conflict("There is no answer that could be taken back.")
    for date, one in _coming(work, head, learner_id):
        last = undoing.last_answer(work, one)
        if last is not None and last.at == at and (not head.own_entry or series_people.has_seat(work, date, learner_id)):
            undoing.undo(work, one.id)


def _undo_whole(work: Work, head: LiveSession, learner_id: int) -> datetime | None:
    mine = work.db.scalars(select(Enrolment).where(Enrolment.live_session_id == head.id, Enrolment.learner_id == learner_id)).one()
    last = undoing.last_answer(work, mine)
    if last is None:
        return None
    undoing.undo(work, mine.id)
    before = last.detail.get("dates", {})
    for date, one in _coming(work, head, learner_id):
        status = before.get(key_of(date.recurrence_id))
        if status is not None and one.responded_at is None and TABLE[S(one.status)].seat:
            enrolling.change(work, date, one, S(status), undoing.UNDONE)
    return last.at


def last_moment(work: Work, head: LiveSession, learner_id: int) -> datetime | None:
    """When this learner last answered dates of a series whose dates are entries, where that can be taken back."""
    lasts = [undoing.last_answer(work, one) for _date, one in _coming(work, head, learner_id)]
    return max((one.at for one in lasts if one is not None), default=None)


def _held(work: Work, enrolment_id: int) -> tuple[LiveSession, Enrolment]:
    mine = work.db.get_one(Enrolment, enrolment_id)
    session = work.db.get_one(LiveSession, mine.live_session_id)
    if session.series_id is not None:
        locked_session(work, session.series_id)
    session = locked_session(work, session.id)
    mine = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    if session.status != "scheduled" or session.ends_at <= work.now:
        raise Conflict("This is cancelled or over; there is nothing to answer.")
    return session, mine


def _coming(work: Work, head: LiveSession, learner_id: int) -> list[tuple[LiveSession, Enrolment]]:
    """The dates to come with this learner's enrolment in each, where it can be answered."""
    dates = {one.id: one for one in series_people.coming_dates(work, head)}
    query = select(Enrolment).where(
        Enrolment.live_session_id.in_(dates), Enrolment.learner_id == learner_id, Enrolment.status.in_(ANSWERABLE)
    )
    found = work.db.scalars(query.execution_options(populate_existing=True)).all()
    return sorted(((dates[one.live_session_id], one) for one in found), key=lambda pair: pair[0].starts_at)


def _alive(work: Work, mine: Enrolment) -> bool:
    entry = work.db.get(CalendarEntry, mine.entry_id) if mine.entry_id else None
    return entry is not None and entry.ended_at is None


def _leave_the_list(work: Work, head: LiveSession, mine: Enrolment, answer: Answer) -> None:
    new = TABLE[S(mine.status)].after(answer)
    if new is None:
        raise Conflict("Nothing is to be answered while you wait; leave the list, or keep your place.")
    enrolling.change(work, head, mine, new, "answered " + answering.WORDS[answer], own=True)


def _next_place(work: Work, head: LiveSession) -> int:
    waiting = select(Enrolment.id).where(Enrolment.live_session_id == head.id, Enrolment.status == S.WAITING_LIST)
    return len(work.db.scalars(waiting).all()) + 1


def _show(work: Work, head: LiveSession, entry: CalendarEntry, before: dict | None) -> None:
    """The calendar shows what was said on the page: which dates are out, and, with the last of them, that nobody comes."""
    mine = work.db.scalars(select(Enrolment).where(Enrolment.live_session_id == head.id, Enrolment.learner_id == entry.learner_id)).one()
    work.db.refresh(mine)
    gone = mine.status == S.DECLINED
    if gone != (entry.partstat == Answer.NO.value):
        entry.partstat = Answer.NO.value if gone else Answer.YES.value
        work.db.flush()
        series_entry.put_right(work, head, entry, {"partstat": entry.partstat})
        return
    series_entry.put_right(work, head, entry, before)
