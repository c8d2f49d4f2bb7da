"""The chat channel: incoming webhooks of Slack and of Teams (Workflows), one message a second and channel at most."""

from __future__ import annotations

import threading
import time
from datetime import datetime

from sqlalchemy import Row

from ..ical.lines import clean_line
from .guard import Answer, Client
from .outcomes import Outcome, Result, retry_after
from .sending import Target

SECONDS = 10.0
APART = 1.0
_GONE = {404: "It does not know this address any more (404)", 410: "The channel is gone or archived (410)"}


class Chat:
    """Posts a row's body as it is written there; the address, a secret, is in no log and in no words for people."""

    def __init__(self, apart: float = APART) -> None:
        self.apart = apart
        self._last: dict[int, float] = {}
        self._lock = threading.Lock()

    def deliver(self, row: Row, target: Target, client: Client, now: datetime) -> Outcome:
        """One message. May raise `OutboundError`."""
        self._wait(target.id)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return outcome_of(client.request("POST", target.secret, headers=headers, body=row.extra["body"].encode(), seconds=SECONDS), now)

    def _wait(self, target_id: int) -> None:
        with self._lock:
            begin = max(time.monotonic(), self._last.get(target_id, 0.0) + self.apart)
            self._last[target_id] = begin
        time.sleep(max(0.0, begin - time.monotonic()))


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    """What an answer means; Slack says 200 `ok`, a workflow of Teams 202."""
    code = answer.status
    said = clean_line(answer.body[:200].decode("utf-8", "replace"))[:80].strip()
    if 200 <= code < 300:
        return Outcome(Result.DONE, code)
    if code in _GONE:
        return Outcome(Result.GONE, code, f"{_GONE[code]}: make a new incoming webhook there and paste its address here.")
    if code in (401, 403):
        return Outcome(Result.DENIED, code, f"It does not let us post ({code}{': ' + said if said else ''}).")
    if code == 400:
        return Outcome(Result.REFUSED, code, f"It does not take this message (400{': ' + said if said else ''}).")
    if code == 429 or code == 503:
        return Outcome(Result.BUSY, code, f"It asks for rest ({code}).", retry_after=retry_after(answer.headers.get("retry-after"), now))
    return Outcome(Result.FAILED, code, f"It answers {code}{': ' + said if said else ''}.")
