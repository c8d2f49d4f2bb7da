"""What a relay's answer means for a delivery: its next state and when it is tried again (Postfix's own intervals). Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from .dsn import BounceClass, classify
from .envelope import Outcome

FIRST, LONGEST = timedelta(seconds=300), timedelta(seconds=4000)
AFTER_CUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Next:
    """The columns that follow from an outcome; `attempt` says whether the try counts."""

    state: str
    due_at: datetime | None = None
    bounce_class: str | None = None
    ambiguous: bool = False
    attempt: bool = True
    error: str | None = None


def backoff(delivery_id: int, attempts: int) -> timedelta:
    """300 s at first (past usual greylisting), doubled up to 4000 s, a fifth more or less by the delivery's own number."""
    plain = min(FIRST * 2 ** min(max(attempts - 1, 0), 10), LONGEST)
    spread = hashlib.sha256(f"{delivery_id}:{attempts}".encode()).digest()[0] / 255 * 0.4 - 0.2
    return plain * (1 + spread)


def after(outcome: Outcome, attempts: int, now: datetime) -> Next:
    """The table of security.md b.3 and b.5 in words: sent, again later, again at once, or dead with its class."""
    words = f"{outcome.code or ''} {outcome.text}".strip() or "No answer."
    if outcome.state == "sent":
        return Next("sent")
    if outcome.state == "unsent":
        return Next("queued", now, attempt=False, error=words)
    if outcome.state == "ambiguous":
        return Next(
            "deferred", now + AFTER_CUT, ambiguous=True, error=f"The connection was lost before the relay said whether it took it: {words}"
        )
    kind = classify(outcome.code, outcome.enhanced or "", outcome.text)
    # A refusal for policy is about us, not the person: it is tried again until it is of no use any more.
    if outcome.state == "temporary" or kind == BounceClass.POLICY:
        return Next("deferred", now + backoff(outcome.key, attempts), bounce_class=kind.value, error=words)
    return Next("dead", bounce_class=kind.value, error=words)


def about_the_address(outcome: Outcome, step: Next) -> bool:
    """Whether a refusal says something of the recipient's address: it does not exist or fails for good, or its mailbox is full just now."""
    if outcome.state not in ("permanent", "temporary") or outcome.phase in ("mail", "rset"):
        return False
    if step.bounce_class == BounceClass.MAILBOX_FULL:
        return True
    return step.state == "dead" and step.bounce_class in (BounceClass.HARD_ADDRESS, BounceClass.TRANSIENT)
