"""One ordinary function: a message and its envelope in, a verdict out (design: mail).

Only a REPLY whose UID, ATTENDEE and From fit changes anything; every other message ends in a visible outcome with a reason in plain words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from feedserver.imip.incoming import Incoming
from feedserver.services import circling
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage

from . import circles_in, letters_in, proposals_in, replies_in, reports_in
from .milestones_in import unless_a_day_to_note
from .whose import learner_of

_OUTSIDE = {
    "request": "an invitation from outside",
    "cancel": "a cancellation from outside",
    "publish": "a published calendar",
    "add": "an addition from outside",
    "declinecounter": "an answer to a proposal that we never made",
}


def decide(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """Judge one message and let it take effect, in the transaction of `work`."""
    verdict = circles_in.answer(work, message, incoming, settings)
    if verdict is None:
        verdict = _HANDLERS.get(incoming.kind, _outside)(work, message, incoming, settings)
    if incoming.kind == "reply" and verdict.outcome == "applied" and not settings.captures:
        circling.proved(work)
    return replace(verdict, evidence={"incoming": incoming.to_dict(), **verdict.evidence})


def _broken(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    return Verdict("rejected", "broken", incoming.reason or "It cannot be read.")


def _outside(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    what = _OUTSIDE.get(incoming.kind, f"a message of kind {incoming.kind}")
    reason = f"It is {what}. We send such, we take none; nothing was changed."
    return Verdict("rejected", incoming.kind, reason, learner_id=learner_of(work, incoming))


_HANDLERS: dict[str, Callable[[Work, InboundMessage, Incoming, Settings], Verdict]] = {
    "reply": unless_a_day_to_note(replies_in.reply),
    "counter": unless_a_day_to_note(proposals_in.counter),
    "refresh": unless_a_day_to_note(proposals_in.refresh),
    "bounce": reports_in.bounce,
    "complaint": reports_in.complaint,
    "receipt": letters_in.automatic,
    "auto_reply": letters_in.automatic,
    "human": letters_in.human,
    "broken": _broken,
}
