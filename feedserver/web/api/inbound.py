"""Incoming messages and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import defer

from ...services import messages, rejudging
from ...services.finding import find
from ...services.work import Work
from ...store.inbox import InboundMessage
from ...store.verdicts import VerdictRow
from . import paging
from .fields import Body, Out, RowId
from .paging import Page
from .routing import Answer, Call, route

_MOST = 50
Outcome = Literal["pending", "applied", "unchanged", "stale", "quarantined", "bounce", "auto_reply", "human", "rejected"]


class InboundOut(Out):
    """One message and what became of it, with the reason in plain words."""

    id: RowId
    received_at: datetime
    sender: str
    subject: str
    kind: str
    outcome: Outcome
    reason: str
    reason_code: str
    enrolment_id: int | None
    learner_id: int | None
    delivery_id: int | None
    via: str
    envelope_from: str
    envelope_to: list[str]
    judged_at: datetime | None


class VerdictOut(Out):
    """One judgement: `by` is `first`, `again`, or who decided."""

    judged_at: datetime
    by: str
    outcome: Outcome
    reason_code: str
    reason: str
    evidence: dict[str, Any] | None


class InboundWithEvidence(InboundOut):
    """With what spoke for and against it, and each judgement, the oldest first."""

    evidence: dict[str, Any] | None
    verdicts: list[VerdictOut] = []


class JudgeAgain(Body):
    """Which messages; what had an effect is never judged again."""

    outcome: Literal["quarantined", "rejected", "auto_reply"] = "quarantined"


class JudgedAgain(Out):
    """How many the worker judges again."""

    count: int


class InboundQuery(paging.Query):
    """Which messages."""

    outcome: Outcome | None = None


def show(work: Work, message: InboundMessage) -> InboundWithEvidence:
    """A row as it is answered alone."""
    rows = work.db.scalars(select(VerdictRow).where(VerdictRow.inbound_id == message.id).order_by(VerdictRow.id.desc()).limit(_MOST))
    found = InboundWithEvidence.model_validate(message, from_attributes=True)
    found.verdicts = [VerdictOut.model_validate(row, from_attributes=True) for row in reversed(rows.all())]
    return found


@route("GET", "/inbound", query=InboundQuery, answer=Page[InboundOut])
def list_inbound(work: Work, call: Call) -> Page[InboundOut]:
    """List incoming messages, newest first; those that are not judged yet are `pending`."""
    query = select(InboundMessage).where(InboundMessage.organisation_id == work.organisation_id)
    query = paging.narrowed(query, call.query, outcome=InboundMessage.outcome)
    query = query.options(defer(InboundMessage.raw), defer(InboundMessage.evidence))
    rows, following = paging.by_id(work.db, query, InboundMessage.id, call.query, newest_first=True)
    shown = [InboundOut.model_validate(row, from_attributes=True) for row in rows]
    return Page[InboundOut](items=shown, next=following)


@route("GET", "/inbound/<id:inbound_id>", answer=InboundWithEvidence, problems=(404,))
def get_inbound(work: Work, call: Call) -> InboundWithEvidence:
    """One incoming message."""
    return show(work, find(work, InboundMessage, call.path["inbound_id"]))


@route("GET", "/inbound/<id:inbound_id>/raw", raw="application/octet-stream", problems=(404,))
def get_inbound_raw(work: Work, call: Call) -> Answer:
    """The message as it came, for saving: never shown in place."""
    message = find(work, InboundMessage, call.path["inbound_id"])
    name = f'attachment; filename="inbound-{message.id}.eml"'
    return Answer(message.raw, headers={"Content-Disposition": name, "Content-Security-Policy": "default-src 'none'; sandbox"})


@route("POST", "/inbound/<id:inbound_id>/apply", answer=InboundWithEvidence, problems=(404, 409))
def apply_inbound(work: Work, call: Call) -> InboundWithEvidence:
    """Let a message take effect that was held back."""
    from ...services import answering  # the judging of mail is loaded only where it is done

    inbound_id = call.path["inbound_id"]
    find(work, InboundMessage, inbound_id)
    answering.apply_by_hand(work, inbound_id)
    return _again(work, inbound_id)


@route("POST", "/inbound/<id:inbound_id>/discard", answer=InboundWithEvidence, problems=(404, 409))
def discard_inbound(work: Work, call: Call) -> InboundWithEvidence:
    """Put a message aside for good. A second time changes nothing."""
    return show(work, messages.discard(work, call.path["inbound_id"]))


@route("POST", "/inbound/<id:inbound_id>/judge", answer=InboundWithEvidence, problems=(404, 409))
def judge_inbound(work: Work, call: Call) -> InboundWithEvidence:
    """Judge a message again that had no effect, after a fix or once an address is known: it is `pending` until the worker has done it."""
    return show(work, rejudging.judge_again(work, call.path["inbound_id"]))


@route("POST", "/inbound/judge", body=JudgeAgain, body_required=False, answer=JudgedAgain)
def judge_all_inbound(work: Work, call: Call) -> JudgedAgain:
    """Judge all messages of one outcome again, but those that somebody discarded."""
    return JudgedAgain(count=rejudging.judge_all_again(work, call.body.outcome))


def _again(work: Work, inbound_id: int) -> InboundWithEvidence:
    work.db.flush()
    message = find(work, InboundMessage, inbound_id)
    work.db.refresh(message)
    return show(work, message)
