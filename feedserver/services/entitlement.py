"""What a signed-in person may see: an instructor the own sessions, an approver the own team, nobody else's private sessions.

Every SELECT of the database session is narrowed, whoever wrote it, so that a list cannot forget it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, Text, and_, cast, event, exists, false, func, not_, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from ..store.certificates import Certificate
from ..store.enrolments import Enrolment
from ..store.history import HistoryEntry
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..store.sessions import LiveSession, Seats
from ..training.statuses import SEATED

SEES_ALL = ("owner", "training_manager")
Criteria = dict[type, ColumnElement[bool]]
_SIGHT = "sight"


@dataclass(frozen=True, slots=True)
class Sight:
    """Who looks: a role, and the canonical address that sessions name as instructor and learners as manager."""

    role: str
    email_key: str

    @property
    def whole(self) -> bool:
        """Whether nothing is hidden."""
        return self.role in SEES_ALL


def narrow(db: Session, sight: Sight) -> None:
    """From here on this database session finds only what `sight` may see; what is hidden does not exist. For looking alone, never for verbs."""
    db.info[_SIGHT] = sight
    if sight.whole:
        return
    options = [with_loader_criteria(row, where, include_aliases=True) for row, where in _CRITERIA[sight.role](sight.email_key).items()]

    def add(state: ORMExecuteState) -> None:
        if state.is_select and not state.is_column_load and not state.is_relationship_load:
            state.statement = state.statement.options(*options)

    event.listen(db, "do_orm_execute", add)


@dataclass(frozen=True, slots=True)
class SeatsOfTeam:
    """What stands for `Seats` where only a team may be seen: how many of it have one, whatever the session has."""

    taken: int
    capacity: None = None
    over_capacity: int = 0


def sees_a_team_alone(db: Session) -> bool:
    """Whether totals of whole sessions are not for who looks."""
    return db.info.get(_SIGHT) is not None and db.info[_SIGHT].role == "approver"


def seats(db: Session, whole: Mapping[int, Seats]) -> Mapping[int, Seats | SeatsOfTeam]:
    """Seats of sessions (by their ids) as who looks may see them; at most one statement."""
    if not sees_a_team_alone(db):
        return whole
    held = select(Enrolment.live_session_id, func.count()).where(Enrolment.live_session_id.in_(whole), Enrolment.status.in_(SEATED))
    own = dict(db.execute(held.group_by(Enrolment.live_session_id)).all())
    return {session_id: SeatsOfTeam(own.get(session_id, 0)) for session_id in whole}


def teaches(sessions: Table | type[LiveSession], email_key: str) -> ColumnElement[bool]:
    """Whether the address is among a session's instructors."""
    columns = sessions.c if hasattr(sessions, "c") else sessions
    return func.lower(cast(columns.instructors, Text)).contains(json.dumps(email_key), autoescape=True)


def _looker(key: str) -> Criteria:
    """All but private sessions of others, and whatever belongs to those."""
    S = LiveSession
    s, e = S.__table__.alias(), Enrolment.__table__.alias()
    hidden = and_(s.c.visibility == "private", not_(teaches(s, key)))

    def shown(session_id) -> ColumnElement[bool]:
        return ~exists(select(s.c.id).where(s.c.id == session_id, hidden))

    secret = exists(select(e.c.id).join(s, s.c.id == e.c.live_session_id).where(e.c.id == InboundMessage.enrolment_id, hidden))
    return {
        S: or_(S.visibility != "private", teaches(S, key)),
        Enrolment: shown(Enrolment.live_session_id),
        Delivery: shown(Delivery.live_session_id),
        HistoryEntry: shown(HistoryEntry.live_session_id),
        InboundMessage: ~secret,
    }


def _instructor(key: str) -> Criteria:
    """The own sessions, and who and what belongs to them."""
    s, e = LiveSession.__table__.alias(), Enrolment.__table__.alias()
    mine = select(s.c.id).where(teaches(s, key))
    return {
        LiveSession: teaches(LiveSession, key),
        Enrolment: Enrolment.live_session_id.in_(mine),
        Learner: Learner.id.in_(select(e.c.learner_id).where(e.c.live_session_id.in_(mine))),
        Delivery: Delivery.live_session_id.in_(mine),
        HistoryEntry: HistoryEntry.live_session_id.in_(mine),
        InboundMessage: InboundMessage.enrolment_id.in_(select(e.c.id).where(e.c.live_session_id.in_(mine))),
        Certificate: false(),
    }


def _approver(key: str) -> Criteria:
    """The own team with its sessions that are not private, and sessions that they teach themselves."""
    s, e, people = LiveSession.__table__.alias(), Enrolment.__table__.alias(), Learner.__table__.alias()
    team = select(people.c.id).where(func.lower(people.c.manager_email) == key)
    mine = select(s.c.id).where(teaches(s, key))
    private = select(s.c.id).where(s.c.visibility == "private")
    taught = select(e.c.learner_id).where(e.c.live_session_id.in_(mine))
    theirs = select(e.c.live_session_id).where(e.c.learner_id.in_(team), e.c.status != "Cancelled")
    S = LiveSession

    def own(row) -> ColumnElement[bool]:
        hidden = and_(row.live_session_id.is_not(None), row.live_session_id.in_(private))
        return or_(row.live_session_id.in_(mine), and_(row.learner_id.in_(team), not_(hidden)))

    return {
        S: or_(teaches(S, key), and_(S.visibility != "private", S.id.in_(theirs))),
        Enrolment: own(Enrolment),
        Learner: or_(func.lower(Learner.manager_email) == key, Learner.id.in_(taught)),
        Delivery: own(Delivery),
        HistoryEntry: or_(own(HistoryEntry), and_(HistoryEntry.learner_id.is_(None), HistoryEntry.live_session_id.in_(theirs))),
        InboundMessage: InboundMessage.learner_id.in_(team),
        Certificate: Certificate.learner_id.in_(team),
    }


_CRITERIA: dict[str, Callable[[str], Criteria]] = {
    "compliance_manager": _looker,
    "viewer": _looker,
    "instructor": _instructor,
    "approver": _approver,
}
