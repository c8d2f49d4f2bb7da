"""The waiting line of a session: who is next, and where the others stand."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from ..store.enrolments import Enrolment
from ..training.statuses import EnrolmentStatus
from .work import Work

ORDER = (Enrolment.queued_at, Enrolment.id)


def waiting(session_id: int) -> tuple[ColumnElement[bool], ...]:
    """Who stands in the line of a session; `offer_until` of one of them is when an offer to them lapsed."""
    return Enrolment.live_session_id == session_id, Enrolment.status == EnrolmentStatus.WAITING_LIST


def position(work: Work, enrolment: Enrolment) -> int:
    """The place in the waiting line, from 1; 0 for somebody who does not stand in it."""
    line = work.db.scalars(select(Enrolment.id).where(*waiting(enrolment.live_session_id)).order_by(*ORDER)).all()
    return line.index(enrolment.id) + 1 if enrolment.id in line else 0


def length(work: Work, session_id: int, *, not_asked: bool = False) -> int:
    """How many stand in the line; `not_asked`: of those only who has not let an offer lapse."""
    more = (Enrolment.offer_until.is_(None),) if not_asked else ()
    return work.db.scalar(select(func.count()).select_from(Enrolment).where(*waiting(session_id), *more))
