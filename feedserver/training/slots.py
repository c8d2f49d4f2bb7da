"""A trainer's hours cut into slots of one place each (coaching)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from ..errors import Invalid

MOST = 200
SHORTEST, LONGEST = 5, 12 * 60


def slots(days: Iterable[date], begins: time, ends: time, length: int, pause: int = 0) -> list[tuple[datetime, datetime]]:
    """Start and end of each slot, local wall-clock times, in order. `length` and `pause` in minutes. Raises `Invalid`."""
    if not SHORTEST <= length <= LONGEST:
        raise Invalid(f"A slot takes {SHORTEST} to {LONGEST} minutes.", field="length")
    if not 0 <= pause <= LONGEST:
        raise Invalid(f"A break takes 0 to {LONGEST} minutes.", field="pause")
    if ends <= begins:
        raise Invalid("The hours end before they begin.", field="ends")
    found = []
    for day in sorted(set(days)):
        start, last = datetime.combine(day, begins), datetime.combine(day, ends)
        while start + timedelta(minutes=length) <= last:
            found.append((start, start + timedelta(minutes=length)))
            start += timedelta(minutes=length + pause)
    if not found:
        raise Invalid("No slot fits into these hours; give a day, longer hours or shorter slots.", field="ends")
    if len(found) > MOST:
        raise Invalid(f"That is {len(found)} slots; at most {MOST} are made at once.", field="days")
    return found
