"""What needs a person today, in a constant number of queries: each kind with its number and the first few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import defer

from ..store.circles import LOOPBACK
from ..store.destinations import Destination
from ..store.enrolments import Enrolment
from ..store.inbox import PENDING, InboundMessage
from ..store.learners import Learner
from ..store.outbox import DEAD, EXPIRED, MAIL, OPEN, Delivery, RelayPace
from ..store.sessions import CHOSEN, HOLDS_SEATS, LiveSession
from ..training.statuses import EnrolmentStatus
from . import bouncing, compliance, connecting, polling
from .work import Work

SOON = timedelta(days=7)
LAPSING = timedelta(hours=6)
RESTING = timedelta(hours=1)
FAILED_FOR = timedelta(days=30)
_FEW = 5


@dataclass(frozen=True)
class Some:
    """How many there are, and the first few of them."""

    number: int
    first: Sequence[Any] = ()


@dataclass(frozen=True)
class Today:
    """What needs a person. `failed` counts what failed in the last 30 days; `lapsing` the offers that end within six hours.

    `unwarned` are certificates about to lapse whose last warning did not reach the learner, `lapsed` those that lapsed within seven days.
    `letters` are what people wrote and nobody has marked as read; `against_us` what other servers hold against us (`bouncing.our_problems`),
    `connections` those that are broken or have rested for an hour.
    """

    approvals: Some
    lapsing: Some
    bad_addresses: Some
    letters: Some
    against_us: Sequence[tuple[str, str, int, str]]
    quarantined: int
    pending: int
    failed: int
    waiting: int
    relay_problem: str | None
    relay_problem_at: datetime | None
    mailbox_problem: str | None = None
    mailbox_problem_at: datetime | None = None
    connections: Sequence[Destination] = ()
    unwarned: Some = Some(0)
    lapsed: Some = Some(0)

    @property
    def quiet(self) -> bool:
        """Nothing of it."""
        return not (
            self.approvals.number
            or self.lapsing.number
            or self.bad_addresses.number
            or self.letters.number
            or self.against_us
            or self.quarantined
            or self.failed
            or self.relay_problem
            or self.mailbox_problem
            or self.connections
            or self.unwarned.number
            or self.lapsed.number
        )


def look(work: Work, *, letters: bool = True, connections: bool = True) -> Today:
    """As things stand now, of what the reader may see; `letters` whether that is what people wrote, `connections` whether what goes elsewhere."""
    coming = (LiveSession.ends_at > work.now, LiveSession.status == "scheduled")
    relay = work.db.execute(select(RelayPace.problem, RelayPace.problem_at).where(RelayPace.problem.is_not(None)).limit(1)).first()
    mailbox = polling.trouble(work.db) or (None, None)
    outcomes = _by(work, InboundMessage, InboundMessage.outcome, InboundMessage.outcome.in_((PENDING, "quarantined")))
    # The hourly mail to ourselves has its own line, as long as it does not come back.
    mail = Delivery.channel == MAIL
    failed = Delivery.state.in_((DEAD, EXPIRED)) & (Delivery.final_at > work.now - FAILED_FOR) & (Delivery.kind != LOOPBACK)
    states = _by(work, Delivery, Delivery.state, mail & (Delivery.state.in_(OPEN) | failed))
    lapsing = (Enrolment.status == EnrolmentStatus.INVITED, Enrolment.offer_until > work.now, Enrolment.offer_until <= work.now + LAPSING)
    return Today(
        approvals=_enrolments(work, LiveSession.starts_at, Enrolment.status == EnrolmentStatus.WAITING_APPROVAL, *coming, CHOSEN),
        lapsing=_enrolments(work, Enrolment.offer_until, *lapsing, *coming, HOLDS_SEATS),
        bad_addresses=_bad_addresses(work),
        letters=_letters(work) if letters else Some(0),
        against_us=bouncing.our_problems(work)[:_FEW],
        quarantined=outcomes.get("quarantined", 0),
        pending=outcomes.get(PENDING, 0),
        failed=sum(states.get(state, 0) for state in (DEAD, EXPIRED)),
        waiting=sum(states.get(state, 0) for state in OPEN),
        relay_problem=relay.problem if relay else None,
        relay_problem_at=relay.problem_at if relay else None,
        mailbox_problem=mailbox[0],
        mailbox_problem_at=mailbox[1],
        connections=connecting.in_trouble(work, work.now - RESTING) if connections else (),
        unwarned=Some(*compliance.unwarned(work, _FEW)),
        lapsed=Some(*compliance.lapsed_lately(work, _FEW)),
    )


def _by(work: Work, row: type, column, where: ColumnElement[bool]) -> dict[str, int]:
    query = select(column, func.count()).where(row.organisation_id == work.organisation_id, where).group_by(column)
    return dict(work.db.execute(query).all())


def _enrolments(work: Work, order, *where: ColumnElement[bool]) -> Some:
    query = (
        select(Enrolment, Learner.name, LiveSession, func.count().over())
        .join(Learner, Learner.id == Enrolment.learner_id)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(Enrolment.organisation_id == work.organisation_id, *where)
        .order_by(order, Enrolment.id)
        .limit(_FEW)
    )
    rows = work.db.execute(query).all()
    return Some(rows[0][3] if rows else 0, [tuple(row)[:3] for row in rows])


def _letters(work: Work) -> Some:
    unread = (InboundMessage.organisation_id == work.organisation_id, InboundMessage.outcome == "human", InboundMessage.read_at.is_(None))
    query = select(InboundMessage, func.count().over()).where(*unread).options(defer(InboundMessage.raw))
    rows = work.db.execute(query.order_by(InboundMessage.id.desc()).limit(_FEW)).all()
    return Some(rows[0][1] if rows else 0, [row[0] for row in rows])


def _bad_addresses(work: Work) -> Some:
    query = (
        select(Learner, func.count().over())
        .where(Learner.organisation_id == work.organisation_id, Learner.address_problem.is_not(None), Learner.left_at.is_(None))
        .order_by(Learner.name, Learner.id)
        .limit(_FEW)
    )
    rows = work.db.execute(query).all()
    return Some(rows[0][1] if rows else 0, [row[0] for row in rows])
