"""Judging again: a message goes back to the worker, after a fix or once somebody's other address is known. What had an effect never acts twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import Session

from ..errors import Conflict, Invalid
from ..store.inbox import PENDING, InboundMessage
from ..store.proposals import Proposal
from .finding import find
from .work import Work

OUTCOMES = ("quarantined", "rejected", "auto_reply")
"""What may be judged again: nothing came of it. (A bounce, a forwarded letter and every answer that was noted had an effect.)"""
WAITING = "Waiting to be judged again."
UNPROVED = "auth_temperror"
PATIENCE = timedelta(minutes=10)
M_ = InboundMessage


def judge_again(work: Work, inbound_id: int) -> InboundMessage:
    """Give one message back to the worker; `Conflict` in words where it had an effect, or its bytes are past their time."""
    message = find(work, M_, inbound_id, lock=True)
    work.db.refresh(message)
    if message.outcome == PENDING:
        return message
    if message.outcome not in OUTCOMES:
        raise Conflict(
            "It has taken effect, and nothing acts twice. Change the status of the enrolment instead.", extra={"outcome": message.outcome}
        )
    if not message.raw:
        raise Conflict("Its bytes are past their time and were let go: there is nothing left to judge.")
    if work.db.scalar(select(exists().where(Proposal.inbound_id == message.id))):
        raise Conflict("It was read as a proposal, which waits for a decision or has one: decide that.")
    _give_back(work, M_.id == message.id)
    work.db.refresh(message)
    return message


def judge_all_again(work: Work, outcome: str = "quarantined") -> int:
    """All messages of one outcome that can be judged again, but those that somebody discarded; returns how many."""
    if outcome not in OUTCOMES:
        raise Invalid(f"Choose one of {', '.join(OUTCOMES)}: what had an effect is not judged again.", field="outcome")
    return _give_back(work, and_(M_.outcome == outcome, M_.reason_code != "discarded", ~exists().where(Proposal.inbound_id == M_.id)))


def of_sender(work: Work, learner_id: int, senders: Sequence[str]) -> int:
    """What waits from these senders (canonical addresses, "" is no usable one) for this learner; returns how many."""
    return _give_back(
        work,
        and_(M_.outcome == "quarantined", M_.kind.in_(("reply", "human")), M_.learner_id == learner_id, func.lower(M_.sender).in_(senders)),
    )


def due(db: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """(organisation, message) whose proof the DNS withheld ten minutes ago and more."""
    query = select(M_.organisation_id, M_.id).where(
        M_.outcome == "quarantined",
        M_.reason_code == UNPROVED,
        M_.judged_at < now - PATIENCE,
        M_.organisation_id.is_not(None),
        func.length(M_.raw) > 0,
    )
    return [(row[0], row[1]) for row in db.execute(query.order_by(M_.id).limit(100))]


def try_again(work: Work, inbound_id: int) -> None:
    """The DNS may answer now."""
    _give_back(work, and_(M_.id == inbound_id, M_.outcome == "quarantined", M_.reason_code == UNPROVED))


def _give_back(work: Work, which: ColumnElement[bool]) -> int:
    chosen = and_(M_.organisation_id == work.organisation_id, func.length(M_.raw) > 0, which)
    values = {"outcome": PENDING, "reason": WAITING, "reason_code": "", "tries": 0, "worker_id": None}
    count = work.db.execute(update(M_).where(chosen).values(**values).execution_options(synchronize_session=False)).rowcount
    if count:
        work.record("judged again", detail={"messages": count})
    return count
