"""Webhooks: programs of yours that are told what happens (docs/webhooks.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from ...services import webhooks
from ...services.work import Work
from ...store.destinations import Destination
from ...store.outbox import OPEN, Delivery
from ..auth import Caller
from ..house import allow
from . import paging
from .deliveries import State
from .fields import Body, Out, RowId, line, optional
from .paging import Page
from .routing import Answer, Call, at, route

Family = Literal["enrolment", "answer", "attendance", "session", "completion", "certificate"]
Address = line(2000, empty=False)


class NewWebhook(Body):
    """Where to POST, and which families of events; all of them unless you say."""

    name: line(200, empty=False)
    url: Address
    events: list[Family] = optional()
    active: bool = True


class WebhookChange(Body):
    """What is to change. `active` false pauses it: what happens meanwhile waits. An address on another server gets another secret."""

    name: line(200, empty=False) = optional()
    url: Address = optional()
    events: list[Family] = optional()
    active: bool = optional()


class WebhookOut(Out):
    """A webhook and how it fares. `secret` is there once, when it is made; `waiting`: deliveries that have not arrived."""

    id: RowId
    name: str
    url: str
    events: list[Family]
    state: Literal["active", "paused", "broken", "leaving"]
    problem: str | None
    problem_at: datetime | None
    rest_until: datetime | None
    last_ok_at: datetime | None
    waiting: int
    secret: str | None
    created_at: datetime


class WebhookDeliveryOut(Out):
    """One event on its way to a webhook. `event_id` is the id in the event and in `webhook-id`; `body` null where it is kept no more."""

    id: RowId
    event_id: str | None
    type: str
    state: State
    code: int | None
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    body: str | None
    created_at: datetime
    final_at: datetime | None


class WebhookDeliveryQuery(paging.Query):
    """Which deliveries."""

    state: State | None = None


_PLAIN = ("id", "name", "url", "state", "problem", "problem_at", "rest_until", "last_ok_at", "created_at")


def show(work: Work, found: Sequence[Destination], secret: str | None = None) -> list[WebhookOut]:
    """Rows as they are answered."""
    waiting = webhooks.waiting(work, found)
    return [
        WebhookOut(
            **{name: getattr(one, name) for name in _PLAIN}, events=one.settings["events"], waiting=waiting.get(one.id, 0), secret=secret
        )
        for one in found
    ]  # fmt: skip


def show_delivery(one: Delivery) -> WebhookDeliveryOut:
    """One of its deliveries."""
    said: dict[str, Any] = one.extra or {}
    return WebhookDeliveryOut(
        id=one.id, event_id=said.get("id"), type=one.kind, state=one.state, code=one.last_code, attempts=one.attempts,
        next_attempt_at=one.due_at if one.state in OPEN else None, last_error=one.last_error, body=said.get("body"), created_at=one.created_at,
        final_at=one.final_at,
    )  # fmt: skip


def _allowed(_who: Caller, call: Call) -> None:
    allow(call.body.given().get("url"))


@route("POST", "/webhooks", body=NewWebhook, answer=WebhookOut, status=201, problems=(409,), shown_once=("secret",), outside=_allowed)
def create_webhook(work: Work, call: Call) -> Answer:
    """Make a webhook. Its secret is answered this once; a repeated call with the same `Idempotency-Key` answers without it."""
    one, secret = webhooks.create(work, call.body.given())
    return Answer(show(work, [one], secret)[0], headers=at("webhooks", one.id))


@route("GET", "/webhooks", query=paging.Query, answer=Page[WebhookOut])
def list_webhooks(work: Work, call: Call) -> Page[WebhookOut]:
    """List them, newest first."""
    rows, following = paging.by_number(webhooks.list_all(work), call.query)
    return Page[WebhookOut](items=show(work, rows), next=following)


@route("GET", "/webhooks/<id:webhook_id>", answer=WebhookOut, problems=(404,))
def get_webhook(work: Work, call: Call) -> WebhookOut:
    """One of them."""
    return show(work, [webhooks.find(work, call.path["webhook_id"])])[0]


@route("PATCH", "/webhooks/<id:webhook_id>", body=WebhookChange, answer=WebhookOut, problems=(404,), outside=_allowed)
def edit_webhook(work: Work, call: Call) -> WebhookOut:
    """Change it, pause it, let it go on. `secret` is answered where it got another one."""
    one, secret = webhooks.edit(work, call.path["webhook_id"], call.body.given())
    return show(work, [one], secret)[0]


@route("DELETE", "/webhooks/<id:webhook_id>", status=204, problems=(404,))
def delete_webhook(work: Work, call: Call) -> None:
    """Remove it. What waited for it is told to nobody."""
    webhooks.remove(work, call.path["webhook_id"])


@route("POST", "/webhooks/<id:webhook_id>/rotate", answer=WebhookOut, problems=(404, 409), shown_once=("secret",))
def rotate_webhook(work: Work, call: Call) -> WebhookOut:
    """Make a new secret, answered this once. For 24 hours everything is signed by the old one, too."""
    one, secret = webhooks.rotate(work, call.path["webhook_id"])
    return show(work, [one], secret)[0]


@route("POST", "/webhooks/<id:webhook_id>/test", answer=WebhookDeliveryOut, status=201, problems=(404, 409))
def test_webhook(work: Work, call: Call) -> WebhookDeliveryOut:
    """Send it a `ping`. Ask for the delivery again to see what came of it."""
    return show_delivery(webhooks.test(work, call.path["webhook_id"]))


@route("GET", "/webhooks/<id:webhook_id>/deliveries", query=WebhookDeliveryQuery, answer=Page[WebhookDeliveryOut], problems=(404,))
def list_webhook_deliveries(work: Work, call: Call) -> Page[WebhookDeliveryOut]:
    """What it was told, newest first, for 90 days."""
    one, limit = webhooks.find(work, call.path["webhook_id"]), call.query.limit
    before = (paging.read_cursor(call.query.cursor) or (None,))[0]
    rows = list(webhooks.log(work, one, limit + 1, before, call.query.state))
    rows, following = paging.page_of(rows, limit, lambda row: (row.id,))
    return Page[WebhookDeliveryOut](items=[show_delivery(row) for row in rows], next=following)


@route("POST", "/webhooks/<id:webhook_id>/deliveries/<id:delivery_id>/retry", answer=WebhookDeliveryOut, problems=(404, 409))
def retry_webhook_delivery(work: Work, call: Call) -> WebhookDeliveryOut:
    """Send it once more, now: the same octets, the same id, also where it had arrived."""
    one = webhooks.find(work, call.path["webhook_id"])
    return show_delivery(webhooks.send_again(work, one, call.path["delivery_id"]))
