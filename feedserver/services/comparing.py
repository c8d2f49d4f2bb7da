"""Whether a collection elsewhere says what we published. Servers write entries anew in their own way: what they mean is compared, never their bytes.

Pure: what stands there and what ought to in, the differences out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..ical.published import session_of
from ..ical.vtimezone import load
from ..itip.lines import Line, decoded, scan, unescaped

LARGEST = 256 * 1024
_TEXTS = ("SUMMARY", "DESCRIPTION", "LOCATION", "URL")
_TIMES = ("DTSTART", "DTEND")
# What a property means where it is missing (RFC 5545 3.8.1.3, 3.8.2.7).
_USUAL = {**dict.fromkeys((*_TEXTS, *_TIMES, "STATUS"), ""), "CLASS": "PUBLIC", "TRANSP": "OPAQUE"}
_NEVER = ("ORGANIZER", "ATTENDEE", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "DURATION")
_WANTED = frozenset({*_USUAL, *_NEVER, "BEGIN", "END", "UID"})
_MOMENT = re.compile(r"(\d{8})T(\d{6})(Z?)")
WORDS = {
    "SUMMARY": "title", "DESCRIPTION": "description", "LOCATION": "place", "URL": "link", "DTSTART": "start", "DTEND": "end",
    "STATUS": "status", "CLASS": "secrecy", "TRANSP": "whether it blocks the time", "ORGANIZER": "an organizer", "ATTENDEE": "attendees",
    "RRULE": "a rule of repetition", "RDATE": "further dates", "EXDATE": "dates left out", "RECURRENCE-ID": "a date of a series", "DURATION": "length",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """An object as it stands on the server: where, which version, its bytes."""

    href: str
    etag: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object as it ought to stand there."""

    session_id: int
    uid: str
    title: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it ought to be. `state`: missing, extra (one of ours that is published no more) or different; `fields` in words."""

    state: str
    session_id: int
    title: str
    uid: str
    href: str = ""
    etag: str = ""
    fields: tuple[str, ...] = ()


def compare(mark: str, wanted: Iterable[Wanted], standing: Iterable[Standing]) -> tuple[list[Finding], int]:
    """(what is missing, extra or different, how many entries there are somebody else's). Only UIDs of this collection's own `mark` are ours."""
    ours: dict[int, Standing] = {}
    found, foreign = [], 0
    for one in standing:
        uid = uid_in(one.data)
        number = session_of(mark, uid)
        if number is None:
            foreign += 1
        elif number in ours:
            found.append(Finding("extra", number, title_in(one.data), uid, one.href, one.etag))
        else:
            ours[number] = one
    for one in wanted:
        there = ours.pop(one.session_id, None)
        if there is None:
            found.append(Finding("missing", one.session_id, one.title, one.uid))
        elif fields := differences(one.data, there.data):
            found.append(Finding("different", one.session_id, one.title, one.uid, there.href, there.etag, fields))
    found += [Finding("extra", number, title_in(one.data), uid_in(one.data), one.href, one.etag) for number, one in ours.items()]
    return found, foreign


def differences(ours: bytes, theirs: bytes) -> tuple[str, ...]:
    """What they show unlike us, in words; nothing where both mean the same."""
    mine, other = meaning(ours), meaning(theirs)
    if mine is None or other is None:
        return ("what kind of entry it is",)
    return tuple(WORDS[name] for name in WORDS if mine.get(name, "") != other.get(name, ""))


def meaning(data: bytes) -> Mapping[str, str] | None:
    """What an entry shows: times as instants, texts without the white space that servers trim; None for what is not one entry and no more."""
    if len(data) > LARGEST:
        return None
    seen = dict(_USUAL)
    entries, inside = 0, []
    for one in scan(decoded(data, "utf-8"), _WANTED):
        if one is None:
            return None
        if one.name == "BEGIN":
            inside.append(one.value.upper())
            entries += inside[-1] in ("VEVENT", "VTODO", "VJOURNAL")
        elif one.name == "END":
            inside = inside[:-1]
        elif inside[-1:] == ["VEVENT"] and one.name != "UID":
            seen[one.name] = "1" if one.name in _NEVER else _value(one)
    return seen if entries == 1 else None


def uid_in(data: bytes) -> str:
    """The UID of the first entry in it; "" where there is none."""
    return _first(data, "UID")


def title_in(data: bytes) -> str:
    """Its title, for people to see."""
    return " ".join(_first(data, "SUMMARY").split())[:200]


def _first(data: bytes, name: str) -> str:
    inside = []
    for one in scan(decoded(data[:LARGEST], "utf-8"), frozenset({"BEGIN", "END", name})):
        if one is None:
            continue
        if one.name == "BEGIN":
            inside.append(one.value.upper())
        elif one.name == "END":
            inside = inside[:-1]
        elif inside[-1:] == ["VEVENT"]:
            return unescaped(one.value)
    return ""


def _value(one: Line) -> str:
    if one.name in _TIMES:
        return _instant(one)
    if one.name in _TEXTS:
        return " ".join(unescaped(one.value).split())
    return one.value.upper()


def _instant(one: Line) -> str:
    """As UTC where the time can be told, else as it is written."""
    match = _MOMENT.fullmatch(one.value)
    zone = load(one.get("TZID")) if match and not match[3] and one.get("TZID") else None
    if match is None or (zone is None and not match[3]):
        return f"{one.get('TZID')}:{one.value}"
    try:
        local = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")
    except ValueError:
        return one.value
    return (local.replace(tzinfo=zone) if zone else local.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
