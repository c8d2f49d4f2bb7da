"""COUNTER (RFC 5546 3.2.7): another time that somebody proposes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from .parse import ItipObject

_EARLIEST, _LATEST = 631_152_000, 7_226_582_400  # the years 1990 to 2198, as sessions themselves


@dataclass(frozen=True, slots=True)
class ProposedTime:
    """When it should be: aware UTC datetimes. `end` is None where it is not said, or not after the start."""

    start: datetime
    end: datetime | None


def proposed_time(one: ItipObject) -> ProposedTime | None:
    """The time of a COUNTER; None where it says none that is certain (a whole day, a zone that nobody knows)."""
    if one.dtstart is None or not _EARLIEST <= one.dtstart < _LATEST:
        return None
    ends = one.dtend is not None and one.dtstart < one.dtend < _LATEST
    return ProposedTime(datetime.fromtimestamp(one.dtstart, UTC), datetime.fromtimestamp(one.dtend, UTC) if ends else None)
