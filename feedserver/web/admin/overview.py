"""What several pages read of sessions: seats, people by status. Constant numbers of queries, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select

from ...services import entitlement
from ...services.work import Work
from ...store.courses import Course
from ...store.enrolments import Enrolment
from ...store.sessions import LiveSession, Seats
from ...training.statuses import EnrolmentStatus


@dataclass(frozen=True)
class SessionLine:
    """A session in a list: its course, its seats, its people by status."""

    session: LiveSession
    course: Course
    seats: Seats | entitlement.SeatsOfTeam
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def people(self) -> int:
        """Everybody who has not been taken off."""
        return sum(n for status, n in self.counts.items() if status != EnrolmentStatus.CANCELLED)


def session_lines(
    work: Work, *where: ColumnElement[bool], order: Sequence = (LiveSession.starts_at, LiveSession.id), limit: int, offset: int = 0
) -> list[SessionLine]:  # fmt: skip
    """Sessions of the organisation in two queries."""
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
    seen = entitlement.seats(work.db, {session.id: seats for session, _course, seats in rows})
    return [SessionLine(session, course, seen[session.id], counts.get(session.id, {})) for session, course, _seats in rows]


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
