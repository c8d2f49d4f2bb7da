"""Certificates: how long they hold, when a warning of their end is due, and what becomes of one that is found late."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ..errors import Invalid

USUAL_DAYS = (60, 30, 7, 0)
USUAL_NOTIFY_DAYS = (7, 0)
MORNING = time(9)
SOON = timedelta(days=60)
LATEST = timedelta(days=14)
"""So long after its end a certificate's warning is of no use any more."""
MOST_DAYS = 365
MOST_RULES = 10
MOST_MONTHS = 600

VALID, EXPIRING, LAPSED, RENEWED, REVOKED = "valid", "expiring", "lapsed", "renewed", "revoked"
STATES = (VALID, EXPIRING, LAPSED, RENEWED, REVOKED)
CURRENT = (VALID, EXPIRING, LAPSED)

SENT, LATER_ONE, LATE, BEFORE, UNREACHED, LEFT, NOBODY = "sent", "later_one", "late", "before", "unreached", "left", "nobody"
WORDS = {
    SENT: "sent",
    LATER_ONE: "missed: a later one was due, too, and says what then holds",
    LATE: f"missed: found more than {LATEST.days} days after the end",
    BEFORE: "missed: it had ended before it was put on record",
    UNREACHED: "not sent: mail to this address comes back",
    LEFT: "not sent: the learner has left",
    NOBODY: "not sent: no manager is named",
}
"""What became of a warning."""


def add_months(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where it has no such day (31 January and 1 month: 28 or 29 February)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def expiry(awarded_on: date, months: int | None, before: date | None = None) -> date | None:
    """The last day on which it holds, None for ever. `before` is that of the certificate it renews: who renews early loses nothing of it."""
    if months is None:
        return None
    return add_months(awarded_on if before is None else max(awarded_on, before), months)


def state(expires_on: date | None, today: date) -> str:
    """Of one that was neither renewed nor revoked: valid, expiring within `SOON`, or lapsed. It holds on its last day."""
    if expires_on is None or expires_on > today + SOON:
        return VALID
    return LAPSED if expires_on < today else EXPIRING


def check_days(days: Iterable[int], field: str) -> list[int]:
    """Days before the end on which to warn, the longest first, each once; raises `Invalid`."""
    found = sorted(set(days), reverse=True)
    if len(found) > MOST_RULES or any(not 0 <= one <= MOST_DAYS for one in found):
        raise Invalid(f"Name up to {MOST_RULES} days before the end, each from 0 to {MOST_DAYS}.", field=field)
    return found


def check_months(months: int | None, field: str = "validity_months") -> int | None:
    """How many months it holds; None for ever. Raises `Invalid`."""
    if months is not None and not 1 <= months <= MOST_MONTHS:
        raise Invalid(f"A certificate holds for 1 to {MOST_MONTHS} months, or for ever.", field=field)
    return months


def following(days: Sequence[int], one: int) -> int | None:
    """The next nearer warning after this one; None after the last."""
    return max((other for other in days if other < one), default=None)


def mornings(zones: Iterable[str], now: datetime) -> dict[tuple[date, date], list[str]]:
    """Zones by (the last day whose `MORNING` has come there, the day that it is there): three or four groups, however many zones."""
    out: dict[tuple[date, date], list[str]] = defaultdict(list)
    for zone in zones:
        local = now.astimezone(ZoneInfo(zone))
        today = local.date()
        out[today if local.time() >= MORNING else today - timedelta(days=1), today].append(zone)
    return dict(out)
