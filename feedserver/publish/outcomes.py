"""What an exchange with a destination came to, and what follows: for the delivery, and for the destination. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from sqlalchemy.orm import Session

RETRIES = tuple(timedelta(seconds=s) for s in (2, 10, 30, 120, 600, 1800, 3600))
"""When one delivery is tried again; the last holds from then on, until it is of no use any more."""
RESTS = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 1800, 3600))
"""How long a destination rests that failed three times in a row, then four times, and so on: nothing else is tried there meanwhile."""
PATIENCE = 3
LONGEST_REST = timedelta(hours=6)


class Result(StrEnum):
    """`done`; `refused`: this one never goes; `failed`: this one, this time; `unreachable`: no exchange; `busy`: it asked for rest;
    `denied`: it does not let us in; `gone`: it says it is no more."""

    DONE, REFUSED, FAILED, UNREACHABLE = "done", "refused", "failed", "unreachable"
    BUSY, DENIED, GONE = "busy", "denied", "gone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`words` for people; `note` writes what the sender knows now, in the transaction that marks the delivery."""

    result: Result
    code: int | None = None
    words: str = ""
    retry_after: timedelta | None = None
    may_have_arrived: bool = False
    note: Callable[[Session, datetime], None] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """`state` and `due_at` of the delivery; `rest_until` and `ends` (broken, paused) of the destination; `stops`: no more there in this turn."""

    state: str
    due_at: datetime | None = None
    rest_until: datetime | None = None
    ends: str | None = None
    stops: bool = False


def after(outcome: Outcome, delivery_id: int, attempts: int, failures: int, now: datetime) -> Step:
    """What follows; `attempts` counts this one, `failures` of the destination in a row do not."""
    r = outcome.result
    if r == Result.DONE:
        return Step("sent")
    if r == Result.REFUSED:
        return Step("dead")
    again = now + _spread(RETRIES[min(max(attempts - 1, 0), len(RETRIES) - 1)], f"{delivery_id}:{attempts}")
    if r == Result.GONE:
        return Step("deferred", now, ends="paused", stops=True)
    if r == Result.BUSY:
        rest = now + min(max(outcome.retry_after or RESTS[1], timedelta(seconds=1)), LONGEST_REST)
        return Step("deferred", rest, rest_until=rest, stops=True)
    in_a_row = failures + 1
    if r == Result.DENIED:
        rest = now + RESTS[min(2 + failures, len(RESTS) - 1)]
        return Step("deferred", rest, rest_until=rest, ends="broken" if in_a_row >= PATIENCE else None, stops=True)
    if in_a_row < PATIENCE:
        return Step("deferred", again)
    rest = now + _spread(RESTS[min(in_a_row - PATIENCE, len(RESTS) - 1)], f"{delivery_id}:{in_a_row}")
    # What waits is tried as soon as the destination has rested: its own turn may not lie behind that.
    return Step("deferred", min(again, rest), rest_until=rest, stops=True)


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """`Retry-After` in either form (RFC 9110, 10.2.3); None for what is none."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), 10**6))
    try:
        return parsedate_to_datetime(text) - now
    except (ValueError, TypeError):
        return None


def _spread(plain: timedelta, of: str) -> timedelta:
    return plain * (0.8 + hashlib.sha256(of.encode()).digest()[0] / 255 * 0.4)
