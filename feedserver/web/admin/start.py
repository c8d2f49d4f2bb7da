"""The first page: what needs a person, what comes next, whether mail flows; for a newcomer what to do first."""

from __future__ import annotations

from flask import Response
from sqlalchemy import func, select

from ...services.work import Work
from ...store.courses import Course, TrainingGroup
from ...store.enrolments import Enrolment
from ...store.inbox import InboundMessage
from ...store.learners import Learner
from ...store.outbox import DEAD, OPEN, Delivery, RelayPace
from ...store.sessions import LiveSession
from ...training.statuses import EnrolmentStatus
from .. import pages
from .desk import admin, look
from .overview import session_lines

_COMING = 10


@admin.get("/")
def start() -> Response:
    """Today."""
    return pages.page("admin/start.html", **look(_today))


def _today(work: Work) -> dict:
    mine = work.organisation_id
    coming = session_lines(work, LiveSession.status == "scheduled", LiveSession.ends_at > work.now, limit=_COMING + 1)
    states = dict(
        work.db.execute(
            select(Delivery.state, func.count())
            .where(Delivery.organisation_id == mine, Delivery.state.in_((*OPEN, DEAD)))
            .group_by(Delivery.state)
        ).all()
    )
    outcomes = dict(
        work.db.execute(
            select(InboundMessage.outcome, func.count())
            .where(InboundMessage.organisation_id == mine, InboundMessage.outcome.in_(("pending", "quarantined")))
            .group_by(InboundMessage.outcome)
        ).all()
    )
    return {
        "coming": coming[:_COMING],
        "more": len(coming) > _COMING,
        "waiting_mail": sum(states.get(s, 0) for s in OPEN),
        "failed_mail": states.get(DEAD, 0),
        "quarantined": outcomes.get("quarantined", 0),
        "pending": outcomes.get("pending", 0),
        "approvals": _approvals(work),
        "bad_addresses": _count(work, Learner, Learner.address_problem.is_not(None)),
        "relay_problem": work.db.scalar(select(RelayPace.problem).where(RelayPace.problem.is_not(None)).limit(1)),
        "has": {row.__tablename__: _any(work, row) for row in (Course, TrainingGroup, Learner, LiveSession)},
    }


def _approvals(work: Work) -> list:
    query = (
        select(Enrolment, Learner.name, LiveSession)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(
            Enrolment.organisation_id == work.organisation_id,
            Enrolment.status == EnrolmentStatus.WAITING_APPROVAL,
            LiveSession.ends_at > work.now,
            LiveSession.status == "scheduled",
        )
        .order_by(LiveSession.starts_at, Enrolment.id)
        .limit(10)
    )
    return list(work.db.execute(query))


def _count(work: Work, row, *where) -> int:
    return work.db.scalar(select(func.count()).select_from(row).where(row.organisation_id == work.organisation_id, *where))


def _any(work: Work, row) -> bool:
    return work.db.scalar(select(row.id).where(row.organisation_id == work.organisation_id).limit(1)) is not None
