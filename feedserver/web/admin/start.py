"""The first page: what needs a person, what comes next, whether mail flows; for a newcomer what to do first."""

from __future__ import annotations

from flask import Response
from sqlalchemy import select

from ...services import circle_watch, proposing, reissuing, today
from ...services.work import Work
from ...store.courses import Course, TrainingGroup
from ...store.learners import Learner
from ...store.sessions import TAKES_PLACE, LiveSession
from ...training.statuses import EnrolmentStatus
from .. import pages
from ..house import settings
from .desk import admin, look, may
from .overview import SessionLine, session_lines

_COMING, _SOON, _FEW = 10, 100, 5


@admin.get("/")
def start() -> Response:
    """Today."""
    return pages.page("admin/start.html", **look(_today))


def _today(work: Work) -> dict:
    coming = session_lines(work, TAKES_PLACE, LiveSession.status == "scheduled", LiveSession.ends_at > work.now, limit=_SOON + 1)
    # Guests' addresses are for those who see what came in.
    here = (LiveSession.status == "scheduled", LiveSession.ends_at > work.now)
    number, proposed = proposing.waiting(work, *here, limit=_FEW) if may("inbound") else (0, [])
    soon = [line for line in coming if line.session.starts_at <= work.now + today.SOON]
    return {
        "coming": coming[:_COMING],
        "more": len(coming) > _COMING,
        "needs": today.look(work, letters=may("inbound"), connections=may("connections")),
        "loop": None if settings().captures else circle_watch.look(work),
        "shifted": reissuing.shifted(work.db, work.now, work.organisation_id) if may("reissue_session") else [],
        "proposed": today.Some(number, proposed),
        "few": [line for line in soon if _too_few(line)],
        "many": [line for line in soon if _too_many(line)],
        "has": {row.__tablename__: _any(work, row) for row in (Course, TrainingGroup, Learner, LiveSession)},
    }


def _too_few(line: SessionLine) -> bool:
    """Less than half of the seats are taken; where there is no limit: none is."""
    taken, capacity = line.seats.taken, line.seats.capacity
    return taken == 0 if capacity is None else taken * 2 < capacity


def _too_many(line: SessionLine) -> bool:
    """Somebody waits for a seat, or more were let in than there are seats."""
    return line.counts.get(EnrolmentStatus.WAITING_LIST, 0) > 0 or line.seats.over_capacity > 0


def _any(work: Work, row) -> bool:
    return work.db.scalar(select(row.id).where(row.organisation_id == work.organisation_id).limit(1)) is not None
