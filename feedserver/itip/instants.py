"""Times in foreign calendars: seconds since 1970 where the zone is certain, else nothing.

A foreign VTIMEZONE is never computed with: its rules may be made to hang, its name may mean something else elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from .lines import Line

_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(Z?)", re.A)
_DURATION = re.compile(r"\+?P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)", re.A)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_UTC_NAMES = frozenset({"UTC", "GMT", "Etc/UTC", "tzone://Microsoft/Utc"})


def epoch(line: Line, zones: Mapping[str, str]) -> int | None:
    """The instant of a DATE-TIME property in seconds since 1970; None for a date, floating time or unknown zone.

    `zones` maps the TZIDs of embedded VTIMEZONEs to the IANA names that they carry (X-LIC-LOCATION).
    """
    found = _MOMENT.fullmatch(line.value)
    if not found:
        return None
    zone = UTC if found[7] else _resolved(line.get("TZID"), zones)
    year, month, day, hour, minute, second = (int(n) for n in found.groups()[:6])
    try:
        # Second 60 is allowed in text (RFC 5545 3.3.12) and not in Python.
        return int(datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).timestamp()) if zone else None
    except (ValueError, OverflowError):
        return None


def seconds(text: str) -> int | None:
    """A positive DURATION (RFC 5545 3.3.6) in seconds; None for what is none."""
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        return None
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), (604_800, 86_400, 3_600, 60, 1), strict=True))


def is_utc(line: Line) -> bool:
    """Whether the value has the form of a UTC DATE-TIME, as DTSTAMP must have (RFC 5545 3.8.7.2)."""
    return line.value.endswith("Z")


def _resolved(tzid: str, zones: Mapping[str, str]) -> ZoneInfo | None:
    for name in (tzid, zones.get(tzid, ""), WINDOWS_TO_OLSON.get(tzid, ""), _tail(tzid)):
        if name and (zone := iana(name)):
            return zone
    return None


def _tail(tzid: str) -> str:
    # /freeassociation.sourceforge.net/Europe/Berlin, /mozilla.org/20070129_1/Europe/Berlin
    return "/".join(tzid.split("/")[-2:]) if tzid.startswith("/") else ""


@lru_cache(512)
def iana(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None. Never raises: zoneinfo opens a directory for "Pacific" (CPython 85702)."""
    if name in _UTC_NAMES:
        return ZoneInfo("UTC")
    if len(name) > 64 or not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
