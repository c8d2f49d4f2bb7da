"""Plans of sessions: what is planned, what publishing it would do, publishing and discarding it; and chasing who may have the old time."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ...services import planning, preview, resending
from ...services.work import Work
from ..house import settings
from .fields import Out
from .routing import Call, route
from .session_shapes import OneSessionOut
from .sessions import seen_version, show_one


class PlannedOut(Out):
    """One field that will be another."""

    field: str
    before: Any
    after: Any


class ToldOut(Out):
    """People who would get the same kind of message; `asked`: they have to answer again. `learner_ids` names up to 200 of them."""

    kind: str
    method: Literal["REQUEST", "CANCEL"] | None
    asked: bool
    number: int
    learner_ids: list[int]


class PreviewOut(Out):
    """What publishing would do now. `minutes`: how long the relay takes at its pace with what waits already, null where it has none."""

    changes: list[PlannedOut]
    told: list[ToldOut]
    requests: int
    cancels: int
    nothing: int = Field(description="How many people would be told nothing.")
    mails: int
    waiting: int = Field(description="Messages that wait for the relay already.")
    minutes: int | None
    problem: str | None = Field(description="Why it cannot be published as it stands.")


class SentOut(Out):
    """How many messages were written."""

    sent: int


@route("GET", "/sessions/<id:session_id>/preview", answer=PreviewOut, problems=(404, 409), rehearsal=True)
def preview_session(work: Work, call: Call) -> PreviewOut:
    """What publishing the plan would do: before and after, who gets which message, how many mails. Changes nothing."""
    seen = preview.preview(work, call.path["session_id"])
    told = [
        ToldOut(kind=t.kind, method=t.method, asked=t.asked, number=t.number, learner_ids=[i for i, _name in t.people]) for t in seen.told
    ]
    return PreviewOut(
        changes=[PlannedOut(field=c.field, before=_plain(c.before), after=_plain(c.after)) for c in seen.changes],
        told=told, requests=seen.number("REQUEST"), cancels=seen.number("CANCEL"), nothing=seen.nothing, mails=seen.mails, waiting=seen.ahead,
        minutes=preview.minutes(seen, settings().smtp_rate), problem=seen.problem or None,
    )  # fmt: skip


@route("POST", "/sessions/<id:session_id>/publish", answer=OneSessionOut, problems=(404, 409, 412), tagged=True)
def publish_session(work: Work, call: Call) -> OneSessionOut:
    """Publish the plan as one change; planning ends. 409 where nothing is planned."""
    session_id = call.path["session_id"]
    preview.publish(work, session_id, seen_version(work, call))
    return show_one(work, planning.locked_session(work, session_id))


@route("DELETE", "/sessions/<id:session_id>/plan", answer=OneSessionOut, problems=(404,), tagged=True)
def discard_plan(work: Work, call: Call) -> OneSessionOut:
    """Forget what is planned; planning ends and nobody is told anything."""
    return show_one(work, planning.discard(work, call.path["session_id"]))


@route("POST", "/sessions/<id:session_id>/chase", answer=SentOut, problems=(404, 409))
def chase_session(work: Work, call: Call) -> SentOut:
    """Send the invitation again to those alone who may still have the old time: neither an answer nor a fetched feed since it moved."""
    return SentOut(sent=resending.chase(work, call.path["session_id"]))


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
