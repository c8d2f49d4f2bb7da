"""The week that a plan by mail is about: it goes out on Monday morning where the reader lives, and not for a week that has begun long ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .changes import instant

MORNING = time(7)
GRACE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Week:
    """From Monday morning, `begins`, to the end of Sunday, `ends` (UTC), in one zone."""

    monday: date
    begins: datetime
    ends: datetime


def due_week(now: datetime, timezone: str) -> Week | None:
    """The week whose plan is due now for somebody in this zone, if one is."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    monday = today - timedelta(days=today.weekday())
    begins = instant(datetime.combine(monday, MORNING), timezone, 0).astimezone(UTC)
    ends = instant(datetime.combine(monday + timedelta(days=7), time()), timezone, 0).astimezone(UTC)
    return Week(monday, begins, ends) if begins <= now < begins + GRACE else None
