"""Messages that people look after: outgoing ones are sent again, incoming ones put aside."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from ..errors import Conflict
from ..store.destinations import CALDAV
from ..store.inbox import PENDING, InboundMessage
from ..store.learners import Learner
from ..store.outbox import DEAD, DEFERRED, EXPIRED, OPEN, QUEUED, SENT, Delivery
from . import proposing
from .finding import find
from .receiving import Verdict, write
from .work import Work

AGAIN = (DEFERRED, DEAD, EXPIRED)
_LIVES = timedelta(days=1)
_WHY_NOT = {
    QUEUED: "It is already waiting to be sent.",
    "sending": "It is being sent just now.",
    SENT: "It was sent: the relay has taken it.",
    "superseded": "A newer message took its place before it left.",
    "suppressed": "Mail to this address comes back; correct the address, or let mail go again on the learner's page.",
}


def retry(work: Work, delivery_id: int) -> Delivery:
    """Send a deferred, dead or expired message again, now, the same octets; `Conflict` where that makes no sense."""
    delivery = find(work, Delivery, delivery_id, lock=True)
    work.db.refresh(delivery)
    if delivery.state not in AGAIN:
        raise Conflict(_WHY_NOT[delivery.state], extra={"state": delivery.state})
    if _comes_back(work, delivery):
        raise Conflict(
            "Mail to this address comes back. Let mail go again on the learner's page: what did not arrive is then sent as it stands now.",
            extra={"state": delivery.state},
        )
    if delivery.state != DEFERRED and _overtaken(work, delivery):
        raise Conflict(
            "A newer message about the same calendar entry was sent or waits; this one would say what no longer holds.",
            extra={"state": delivery.state},
        )
    delivery.state, delivery.due_at, delivery.final_at, delivery.worker_id = QUEUED, work.now, None, None
    delivery.expires_at = max(delivery.expires_at, work.now + _LIVES)
    work.record(
        "message retried",
        live_session_id=delivery.live_session_id,
        enrolment_id=delivery.enrolment_id,
        learner_id=delivery.learner_id,
        detail={"delivery_id": delivery.id},
    )
    work.db.flush()
    return delivery


def discard(work: Work, inbound_id: int) -> InboundMessage:
    """Put an incoming message aside for good; doing it twice changes nothing. `Conflict` while it is judged or once it took effect."""
    message = find(work, InboundMessage, inbound_id, lock=True)
    work.db.refresh(message)
    if message.outcome == PENDING:
        raise Conflict("The message is being judged just now; look again in a moment.", extra={"outcome": PENDING})
    if message.outcome == "applied":
        raise Conflict("The message has taken effect; change the status of the enrolment instead.", extra={"outcome": "applied"})
    if message.reason_code == "discarded":
        return message
    proposing.let_go(work, message.id)
    before = message.outcome
    reason = f"An administrator discarded it. Before that: {message.reason or before}"
    write(message, None, Verdict("rejected", "discarded", reason), work.now, by=work.actor)
    work.record(
        "message discarded",
        inbound_id=message.id,
        enrolment_id=message.enrolment_id,
        learner_id=message.learner_id,
        detail={"outcome": before},
    )
    work.db.flush()
    return message


def _comes_back(work: Work, delivery: Delivery) -> bool:
    learner = work.db.get(Learner, delivery.learner_id) if delivery.learner_id else None
    return bool(learner and learner.address_problem and learner.address.lower() == delivery.recipient.lower())


def _overtaken(work: Work, delivery: Delivery) -> bool:
    newer = aliased(Delivery)
    gone_out = (newer.id > delivery.id, newer.state.in_((*OPEN, SENT)))
    if delivery.entry_id is not None:
        same = (newer.enrolment_id == delivery.enrolment_id, newer.entry_id == delivery.entry_id)
    elif delivery.lane is not None and delivery.channel == CALDAV:
        same = (newer.lane == delivery.lane,)
    elif delivery.milestone_entry_id is not None:
        same = (newer.learner_id == delivery.learner_id, newer.milestone_entry_id == delivery.milestone_entry_id)
    else:
        return False
    return bool(work.db.scalar(select(exists().where(*same, *gone_out))))
