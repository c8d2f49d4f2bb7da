"""Outgoing messages."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select

from ...services import messages
from ...services.finding import find
from ...services.work import Work
from ...store.outbox import MAIL, OPEN, Delivery, message_id
from . import paging
from .fields import Out, QueryId, RowId
from .paging import Page
from .routing import Call, route

State = Literal["queued", "sending", "deferred", "sent", "superseded", "suppressed", "expired", "dead"]


class DeliveryOut(Out):
    """One message and what became of it; `sequence` is that of its calendar part, `next_attempt_at` null once the state is final.

    Of a channel other than mail `recipient` is the connection's name, and `message_id` empty.
    """

    id: RowId
    channel: str
    kind: str
    recipient: str
    method: str | None
    sequence: int | None
    message_id: str
    state: State
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    uid: str | None
    session_id: int | None
    enrolment_id: int | None
    learner_id: int | None
    created_at: datetime
    final_at: datetime | None


class DeliveryQuery(paging.Query):
    """Which messages."""

    channel: Literal["mail", "caldav", "webhook", "chat"] | None = None
    state: State | None = None
    session_id: QueryId | None = None
    learner_id: QueryId | None = None


_PLAIN = (
    "id", "channel", "kind", "recipient", "method", "sequence", "state", "attempts", "last_error", "uid", "enrolment_id", "learner_id", "created_at",
    "final_at",
)  # fmt: skip


def show(delivery: Delivery) -> DeliveryOut:
    """A row as it is answered."""
    return DeliveryOut(
        **{name: getattr(delivery, name) for name in _PLAIN},
        session_id=delivery.live_session_id,
        message_id=message_id(delivery.id, delivery.dtstamp, delivery.sender) if delivery.channel == MAIL else "",
        next_attempt_at=delivery.due_at if delivery.state in OPEN else None,
    )


@route("GET", "/deliveries", query=DeliveryQuery, answer=Page[DeliveryOut])
def list_deliveries(work: Work, call: Call) -> Page[DeliveryOut]:
    """List outgoing messages, newest first."""
    given = call.query
    query = select(Delivery).where(Delivery.organisation_id == work.organisation_id)
    for column, value in (
        (Delivery.channel, given.channel),
        (Delivery.state, given.state),
        (Delivery.live_session_id, given.session_id),
        (Delivery.learner_id, given.learner_id),
    ):
        if value is not None:
            query = query.where(column == value)
    rows, following = paging.by_id(work.db, query, Delivery.id, given, newest_first=True)
    return Page[DeliveryOut](items=[show(row) for row in rows], next=following)


@route("GET", "/deliveries/<id:delivery_id>", answer=DeliveryOut, problems=(404,))
def get_delivery(work: Work, call: Call) -> DeliveryOut:
    """One outgoing message."""
    return show(find(work, Delivery, call.path["delivery_id"]))


@route("POST", "/deliveries/<id:delivery_id>/retry", answer=DeliveryOut, problems=(404, 409))
def retry_delivery(work: Work, call: Call) -> DeliveryOut:
    """Send a deferred, dead or expired message again, now, the same octets."""
    return show(messages.retry(work, call.path["delivery_id"]))
