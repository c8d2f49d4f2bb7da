"""How long a place is kept for somebody: an offer from the waiting list, and a place that was declined."""

from __future__ import annotations

from datetime import datetime, timedelta

SHORTEST_OFFER, LONGEST = 1, 60 * 24 * 60
"""Minutes that a session can set."""


def offered_until(now: datetime, starts_at: datetime, offer_minutes: int) -> datetime | None:
    """Until when a free place is held for the first in line, never past the start; None once the session has begun: then nothing is offered."""
    return min(now + timedelta(minutes=offer_minutes), starts_at) if now < starts_at else None


def kept_until(now: datetime, starts_at: datetime, hold_minutes: int, lock_minutes: int) -> datetime | None:
    """Until when a declined place stays theirs who declined, never into the locked time before the start; None: it is free at once."""
    until = min(now + timedelta(minutes=hold_minutes), starts_at - timedelta(minutes=lock_minutes))
    return until if until > now else None
