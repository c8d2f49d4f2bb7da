"""The dates of series as pages show them: to administrators with their people, to learners with where they stand. Constant numbers of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.sessions import LiveSession, Seats
from ..training import recurrence
from ..training.recurrence import Occurrence
from ..training.statuses import SEATED, EnrolmentStatus
from .series_answers import ANSWERABLE
from .series_plan import EXTRA, MOVED
from .work import Work

S = EnrolmentStatus
E_ = CalendarEntry


@dataclass(frozen=True, slots=True)
class DateOfSeries:
    """One date with how many come, of how many seats, and what was answered to it alone or to the whole.

    `clock`: what a change of the clocks does to it, in words.
    """

    session: LiveSession
    coming: int
    capacity: int | None
    answers: Mapping[str, int]
    over: bool
    clock: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """What is special about it: left out, cancelled, moved, extra, or nothing."""
        if self.session.status == "cancelled":
            return "left out" if self.session.draft else "cancelled"
        return {MOVED: "moved", EXTRA: "added"}.get(self.session.entry_mode or "", "")


@dataclass(frozen=True, slots=True)
class DateOfLearner:
    """One date to come of a series that a learner is in; `answerable`: buttons do something."""

    session: LiveSession
    enrolment: Enrolment
    answerable: bool
    reconfirm: bool
    undo: bool = False


def of_series(work: Work, head: LiveSession) -> list[DateOfSeries]:
    """Every date of a series with its numbers, in three queries."""
    dates = list(
        work.db.scalars(select(LiveSession).where(LiveSession.series_id == head.id).order_by(LiveSession.starts_at, LiveSession.id))
    )
    held = func.count().filter(Enrolment.status.in_(SEATED))
    whole = aliased(Enrolment)
    said = func.coalesce(func.nullif(Enrolment.partstat, "NEEDS-ACTION"), whole.partstat, "NEEDS-ACTION")
    query = (
        select(Enrolment.live_session_id, said, func.count(), held)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .outerjoin(whole, and_(whole.live_session_id == LiveSession.series_id, whole.learner_id == Enrolment.learner_id))
        .where(LiveSession.series_id == head.id, Enrolment.status != S.CANCELLED)
        .group_by(Enrolment.live_session_id, said)
    )
    answers: dict[int, dict[str, int]] = defaultdict(dict)
    coming: dict[int, int] = defaultdict(int)
    for session_id, answer, number, seated in work.db.execute(query):
        answers[session_id][answer] = number
        coming[session_id] += seated
    seats = select(Seats.live_session_id, Seats.capacity).where(Seats.live_session_id.in_([head.id, *(one.id for one in dates)]))
    capacity = dict(work.db.execute(seats).all())
    shared = None if head.seats_per_date else capacity.get(head.id)
    clock = recurrence.clock_marks([Occurrence(one.starts_at, one.start, one.end, one.fold or 0) for one in dates], head.timezone)
    return [
        DateOfSeries(
            one, coming[one.id], capacity.get(one.id) if head.seats_per_date else shared, answers[one.id], one.ends_at <= work.now, marks
        )
        for one, marks in zip(dates, clock, strict=True)
    ]


def of_learner(work: Work, learner_id: int, head_ids: Sequence[int]) -> dict[int, list[DateOfLearner]]:
    """The dates to come of these series, by series, as the learner stands in each; in one query."""
    if not head_ids:
        return {}
    own, whole = aliased(E_), aliased(E_)
    alive = or_(
        and_(LiveSession.own_entry, own.id.is_not(None), own.ended_at.is_(None)), and_(~LiveSession.own_entry, whole.id.is_not(None))
    )
    query = (
        select(LiveSession, Enrolment, alive, own.reconfirm)
        .join(Enrolment, Enrolment.live_session_id == LiveSession.id)
        .outerjoin(own, own.id == Enrolment.entry_id)
        .outerjoin(whole, and_(whole.live_session_id == LiveSession.series_id, whole.learner_id == learner_id, whole.ended_at.is_(None)))
        .where(LiveSession.series_id.in_(head_ids), Enrolment.learner_id == learner_id, Enrolment.status != S.CANCELLED)
        .where(LiveSession.ends_at > work.now, LiveSession.draft.is_(False))
        .order_by(LiveSession.starts_at, LiveSession.id)
    )
    found: dict[int, list[DateOfLearner]] = defaultdict(list)
    for session, mine, there, reconfirm in work.db.execute(query):
        open_ = bool(there) and session.status == "scheduled" and mine.status in ANSWERABLE
        found[session.series_id].append(DateOfLearner(session, mine, open_, bool(reconfirm)))
    return dict(found)
