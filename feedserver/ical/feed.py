"""A feed: a calendar to subscribe to (RFC 5545 with the names and hints of RFC 7986), joined from filled pieces."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from . import PRODID
from .lines import clean_line
from .slots import line
from .vtimezone import vtimezone

# An empty feed needs one component (RFC 5545 3.4; sabre's validator refuses it else).
_NOTHING = (
    b"BEGIN:VTIMEZONE\r\nTZID:UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\n"
    b"TZNAME:UTC\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)


def document(parts: Iterable[bytes], vtimezones: Iterable[bytes], *, name: str, refresh: str = "PT1H") -> bytes:
    """The whole VCALENDAR from filled VEVENTs.

    `refresh` is a duration. No METHOD: it would make programs take the feed for a message.
    """
    events, zones = b"".join(parts), b"".join(vtimezones)
    return b"".join((head(name, refresh), zones or (b"" if events else _NOTHING), events, b"END:VCALENDAR\r\n"))


def head(name: str, refresh: str = "PT1H") -> bytes:
    """BEGIN:VCALENDAR and the calendar's own properties."""
    name = clean_line(name)
    return b"".join(
        (
            f"BEGIN:VCALENDAR\r\nPRODID:{PRODID}\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\n".encode(),
            line("NAME", name),
            line("X-WR-CALNAME", name),
            f"REFRESH-INTERVAL;VALUE=DURATION:{refresh}\r\nX-PUBLISHED-TTL:{refresh}\r\n".encode(),
        )
    )


def vtimezones(zones: Iterable[str], first: datetime, last: datetime) -> list[bytes]:
    """One VTIMEZONE a zone, right from `first` to `last` (aware).

    For the zones of those entries for which `vevent.zone_of` gave one.
    """
    made = (vtimezone(zone, first, last) for zone in sorted(set(zones)))
    return [one for one in made if one]
