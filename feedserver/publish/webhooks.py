"""The webhook channel: one signed POST for each event, in the form of Standard Webhooks (docs/webhooks.md, security.md S56, S58)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Row

from ..ical.lines import clean_line
from .guard import Answer, Client
from .outcomes import Outcome, Result, retry_after
from .sending import Target

SECONDS = 10.0
LARGEST = 1024 * 1024
_FEW_WORDS = 120


class Webhooks:
    """Sends a row's body as it is written there; id and body are the same on every try, the time that is signed is that of the try."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds

    def deliver(self, row: Row, target: Target, client: Client, now: datetime) -> Outcome:
        """One POST; 2xx is a delivery, everything else is tried again. May raise `OutboundError`."""
        body = row.extra["body"].encode()
        headers = {"Content-Type": "application/json", **signed(row.extra["id"], body, live_secrets(target.secret, now), now)}
        answer = client.request("POST", target.url, headers=headers, body=body, seconds=self.seconds, largest=LARGEST)
        return outcome_of(answer, now)


def signed(number: str, body: bytes, secrets: Iterable[str], now: datetime) -> dict[str, str]:
    """The three headers: id of the event, time of this try, and a signature by each secret."""
    stamp = str(int(now.timestamp()))
    signatures = (signature(number, stamp, body, secret) for secret in secrets)
    return {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def signature(number: str, stamp: str, body: bytes, secret: str) -> str:
    """`v1,` and the HMAC-SHA256 over id.timestamp.body, by the octets that `whsec_…` stands for."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256)).decode()


def live_secrets(stored: str, now: datetime) -> list[str]:
    """Those that sign now, the newest first: an older one until its time is over."""
    return [secret for secret, until in json.loads(stored) if until is None or datetime.fromisoformat(until) > now]


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    """What an answer means for the event."""
    code = answer.status
    if 200 <= code < 300:
        return Outcome(Result.DONE, code)
    if code == 410:
        return Outcome(Result.GONE, code, "It says that it is gone for good (410): paused until you let it go on.")
    if 300 <= code < 400:
        there = clean_line(answer.headers.get("location", ""))[:_FEW_WORDS]
        return Outcome(
            Result.FAILED, code, f"It redirects ({code}) to {there or 'nowhere'}, which is never followed: enter the address itself."
        )
    wait = retry_after(answer.headers.get("retry-after"), now)
    if code == 429 or (code == 503 and wait is not None):
        return Outcome(Result.BUSY, code, f"It asks for rest ({code}).", retry_after=wait)
    said = clean_line(answer.body[: 4 * _FEW_WORDS].decode("utf-8", "replace"))[:_FEW_WORDS].strip()
    return Outcome(Result.FAILED, code, f"It answers {code}" + (f": {said}" if said else "."))
