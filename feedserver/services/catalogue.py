"""The catalogue: coming sessions that a learner may register for, with seats, the line, and where they themselves stand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from ..errors import NotFound
from ..store.courses import Course, GroupMember
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.sessions import CHOSEN, LiveSession, Seats
from ..training.statuses import EnrolmentStatus
from . import enrolling
from .finding import find
from .work import Work

S = EnrolmentStatus


@dataclass(frozen=True)
class Offering:
    """One date of a course. `free` is None without a limit; `mine` where the learner stands, `waiting` how many do in line, `dates` what is
    left of a series."""

    session: LiveSession
    course: Course
    free: int | None
    waiting: int
    mine: Enrolment | None
    dates: tuple[LiveSession, ...] = ()

    @property
    def may_register(self) -> bool:
        """Whether a button to register does something: not in it, and there is a seat or a list."""
        out = self.mine is None or self.mine.status in (S.CANCELLED, S.DECLINED)
        return out and (self.free is None or self.free > 0 or self.session.waiting_list or self.session.approval_required)


def open_sessions(work: Work, learner: Learner, limit: int, offset: int = 0) -> list[tuple[Course, list[Offering]]]:
    """By course, then by date, in two queries; private sessions only for those in them or in their group."""
    mine = Enrolment.learner_id == learner.id
    query = (
        select(LiveSession, Course, Seats, Enrolment)
        .join(Course, Course.id == LiveSession.course_id)
        .join(Seats, Seats.live_session_id == LiveSession.id)
        .outerjoin(Enrolment, (Enrolment.live_session_id == LiveSession.id) & mine)
        .where(LiveSession.organisation_id == work.organisation_id, LiveSession.status == "scheduled", CHOSEN)
        .where(_entitled(learner), _to_come(work))
        .order_by(Course.name, Course.id, LiveSession.starts_at, LiveSession.id)
        .limit(limit)
        .offset(offset)
    )
    rows = work.db.execute(query).all()
    ids = [session.id for session, *_ in rows]
    counted = select(Enrolment.live_session_id, func.count()).where(Enrolment.live_session_id.in_(ids), Enrolment.status == S.WAITING_LIST)
    waiting = dict(work.db.execute(counted.group_by(Enrolment.live_session_id)).all()) if ids else {}
    dates = _dates(work, [s.id for s, *_ in rows if s.is_series])
    offers = [Offering(s, c, _free(seats), waiting.get(s.id, 0), e, dates.get(s.id, ())) for s, c, seats, e in rows]
    return [(dates[0].course, dates) for _id, group in groupby(offers, lambda one: one.course.id) if (dates := list(group))]


def register(work: Work, learner_id: int, session_id: int) -> Enrolment:
    """The learner registers by the own page; what they are not entitled to does not exist."""
    learner = find(work, Learner, learner_id)
    session = find(work, LiveSession, session_id)
    if work.db.scalar(select(LiveSession.id).where(LiveSession.id == session.id, _entitled(learner))) is None:
        raise NotFound("There is no such session.")
    return enrolling.register(work, session.id, learner.id)


def _entitled(learner: Learner):
    enrolled = exists().where(
        Enrolment.live_session_id == LiveSession.id, Enrolment.learner_id == learner.id, Enrolment.status != S.CANCELLED
    )  # fmt: skip
    member = exists().where(GroupMember.group_id == LiveSession.group_id, GroupMember.learner_id == learner.id)
    return and_(LiveSession.draft.is_(False), or_(LiveSession.visibility != "private", enrolled.correlate(LiveSession), member))


def _dates(work: Work, head_ids: list[int]) -> dict[int, tuple[LiveSession, ...]]:
    if not head_ids:
        return {}
    query = select(LiveSession).where(
        LiveSession.series_id.in_(head_ids), LiveSession.status == "scheduled", LiveSession.starts_at > work.now
    )
    found: dict[int, list[LiveSession]] = {}
    for one in work.db.scalars(query.order_by(LiveSession.starts_at)):
        found.setdefault(one.series_id, []).append(one)
    return {head_id: tuple(dates) for head_id, dates in found.items()}


def _to_come(work: Work):
    """It has not begun; of a series a date: who joins late starts at what is left."""
    date = aliased(LiveSession)
    left = exists().where(date.series_id == LiveSession.id, date.status == "scheduled", date.starts_at > work.now)
    return or_(LiveSession.starts_at > work.now, left.correlate(LiveSession))


def _free(seats: Seats) -> int | None:
    return None if seats.capacity is None else max(0, seats.capacity + seats.over_capacity - seats.taken)
