"""What several pages read of sessions: seats, people by status. Constant numbers of queries, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from ...services import entitlement, series
from ...services.work import Work
from ...store.courses import Course
from ...store.enrolments import Enrolment
from ...store.sessions import LiveSession, Seats
from ...training.statuses import EnrolmentStatus


@dataclass(frozen=True)
class SeatsOfDate:
    """Seats of one date of a series that share those of the series: how many come to it, of how many that there are."""

    taken: int
    capacity: int | None
    over_capacity: int = 0


@dataclass(frozen=True)
class Series:
    """What a list says of a series: its rule in words, how many dates it has, how many are to come, and the start of the next."""

    words: str
    dates: int
    coming: int
    following: datetime | None


@dataclass(frozen=True)
class SessionLine:
    """A session in a list: its course, its seats, its people by status; of a series its dates and rule."""

    session: LiveSession
    course: Course
    seats: Seats | SeatsOfDate | entitlement.SeatsOfTeam
    counts: dict[str, int] = field(default_factory=dict)
    series: Series | None = None

    @property
    def people(self) -> int:
        """Everybody who has not been taken off."""
        return sum(n for status, n in self.counts.items() if status != EnrolmentStatus.CANCELLED)


def session_lines(
    work: Work, *where: ColumnElement[bool], order: Sequence = (LiveSession.starts_at, LiveSession.id), limit: int, offset: int = 0
) -> list[SessionLine]:  # fmt: skip
    """Sessions of the organisation, in a constant number of queries."""
    query = (
        select(LiveSession, Course, Seats)
        .join(Course, Course.id == LiveSession.course_id)
        .join(Seats, Seats.live_session_id == LiveSession.id)
        .where(LiveSession.organisation_id == work.organisation_id, *where)
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    )
    rows = work.db.execute(query).all()
    counts = counts_of(work, [session.id for session, _course, _seats in rows])
    sessions = [session for session, _course, _seats in rows]
    seen = seats_of(work, sessions, {session.id: seats for session, _course, seats in rows})
    heads = series_of(work, sessions)
    return [SessionLine(one, course, seen[one.id], counts.get(one.id, {}), heads.get(one.id)) for one, course, _seats in rows]


def seats_of(work: Work, sessions: Sequence[LiveSession], whole: Mapping[int, Seats]) -> Mapping[int, Seats | SeatsOfDate]:
    """Seats of sessions as who looks may see them; a date of a series has the capacity of the series. At most two queries."""
    sharing = {one.id: one.series_id for one in sessions if one.series_id is not None and not one.seats_per_date}
    seen = entitlement.seats(work.db, whole)
    if not sharing or entitlement.sees_a_team_alone(work.db):
        return seen
    shared = dict(
        work.db.execute(select(Seats.live_session_id, Seats.capacity).where(Seats.live_session_id.in_(set(sharing.values())))).all()
    )
    of_dates = {one: SeatsOfDate(whole[one].taken, shared.get(head)) for one, head in sharing.items()}
    return {**seen, **of_dates}


def series_of(work: Work, sessions: Sequence[LiveSession]) -> dict[int, Series]:
    """What lists say of those among them that are series, in one query."""
    heads = {one.id: one for one in sessions if one.is_series}
    if not heads:
        return {}
    on, left = LiveSession.status == "scheduled", LiveSession.ends_at > work.now
    query = (
        select(
            LiveSession.series_id,
            func.count().filter(on),
            func.count().filter(on, left),
            func.min(LiveSession.starts_at).filter(on, left),
        )
        .where(LiveSession.series_id.in_(heads))
        .group_by(LiveSession.series_id)
    )
    return {row[0]: Series(series.words_of(heads[row[0]]) or "", *row[1:]) for row in work.db.execute(query)}


def counts_of(work: Work, session_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """People by status, in the order of the table of statuses."""
    if not session_ids:
        return {}
    query = (
        select(Enrolment.live_session_id, Enrolment.status, func.count())
        .where(Enrolment.live_session_id.in_(session_ids))
        .group_by(Enrolment.live_session_id, Enrolment.status)
    )
    found: dict[int, dict[str, int]] = {}
    for session_id, status, number in work.db.execute(query):
        found.setdefault(session_id, {})[status] = number
    order = {status.value: n for n, status in enumerate(EnrolmentStatus)}
    return {i: dict(sorted(one.items(), key=lambda pair: order[pair[0]])) for i, one in found.items()}
