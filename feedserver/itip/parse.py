"""What a calendar part says (RFC 5546 3): bytes from a stranger to frozen values, bounded, never raising.

Only the properties that a scheduling message needs are read; rules, alarms and zones of others are never computed.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..addresses import canonical
from .attendees import Attendee, address_in, attendee_in
from .instants import epoch, iana, is_utc, seconds
from .lines import Line, decoded, scan, seen, unescaped

MAX_BYTES = 256 * 1024
MAX_DEPTH = 8
MAX_OBJECTS = 50
MAX_ATTENDEES = 100
MAX_COMMENT = 1000
MAX_UID = 512
COMPONENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"})
_WANTED = frozenset(
    {"BEGIN", "END", "METHOD", "PRODID", "TZID", "X-LIC-LOCATION", "UID", "RECURRENCE-ID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND"}
    | {"DURATION", "ORGANIZER", "ATTENDEE", "COMMENT", "X-CALENDARSERVER-PRIVATE-COMMENT"}
)


@dataclass(frozen=True, slots=True)
class ItipObject:
    """One component of a scheduling message. Instants are seconds since 1970, the texts beside them as they came.

    `method` stands in upper case as the body has it ("" where it has none, or several that differ). `sequence` is None
    where it is missing or no number of RFC 5545; `defects` says which. `product` is PRODID: which program wrote it.
    """

    component: str
    method: str
    uid: str = ""
    recurrence_id: int | None = None
    recurrence_text: str = ""
    sequence: int | None = None
    dtstamp: int | None = None
    dtstart: int | None = None
    dtstart_text: str = ""
    dtend: int | None = None
    organizer: str = ""
    attendees: tuple[Attendee, ...] = ()
    comment: str = ""
    defects: tuple[str, ...] = ()
    product: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ItipObject:
        """The inverse of `dataclasses.asdict`, as it comes back out of JSON."""
        attendees = tuple(Attendee(**one) for one in values["attendees"])
        return cls(**{**values, "attendees": attendees, "defects": tuple(values["defects"])})

    @property
    def key(self) -> tuple:
        """What is spoken of, and for whom (RFC 5546 2.1.5)."""
        who = tuple(sorted(canonical(a.address) for a in self.attendees))
        return self.uid, self.recurrence_id if self.recurrence_id is not None else self.recurrence_text, who


def objects(data: bytes, charset: str | None = None) -> tuple[list[ItipObject], list[str]]:
    """Every VEVENT, VTODO, VJOURNAL, VFREEBUSY of a calendar part, and what was wrong with the whole. Never raises."""
    if len(data) > MAX_BYTES:
        return [], ["calendar_too_large"]
    reader = _Reader()
    for line in scan(decoded(data, charset), _WANTED):
        if not reader.take(line):
            break
    return reader.finished()


def merged(found: Iterable[ItipObject]) -> tuple[list[ItipObject], list[str]]:
    """Twins count once (Google and Thunderbird say everything twice); objects that contradict others are a defect."""
    kept: dict[tuple, ItipObject] = {}
    for one in found:
        kept.setdefault((*one.key, one.dtstamp, one.method, tuple(a.partstat for a in one.attendees)), one)
    said: dict[tuple, set] = {}
    for one in kept.values():
        said.setdefault(one.key, set()).add((one.method, tuple(a.partstat for a in one.attendees), one.sequence))
    return list(kept.values()), ["conflicting_parts"] if any(len(s) > 1 for s in said.values()) else []


@dataclass
class _Calendar:
    """One VCALENDAR while it is read; judged when it ends, since METHOD and zones may stand behind."""

    methods: list[str] = field(default_factory=list)
    product: str = ""
    zones: dict[str, str] = field(default_factory=dict)
    components: list[tuple[str, list[Line | None]]] = field(default_factory=list)


class _Reader:
    def __init__(self) -> None:
        self.stack: list[str] = []
        self.calendar = _Calendar()
        self.tzid = ""
        self.found: list[ItipObject] = []
        self.defects: list[str] = []

    def take(self, line: Line | None) -> bool:
        """One line; False when nothing more is to be read."""
        if line is None:
            if len(self.stack) == 2 and self.calendar.components:
                self.calendar.components[-1][1].append(None)
        elif line.name == "BEGIN":
            return self._begin(line.value.upper())
        elif line.name == "END":
            self._end(line.value.upper())
        elif len(self.stack) == 1 and line.name == "METHOD":
            self.calendar.methods.append(line.value.upper())
        elif len(self.stack) == 1 and line.name == "PRODID":
            self.calendar.product = seen(line.value[:200])
        elif len(self.stack) == 2:
            self._property(line)
        return True

    def _begin(self, name: str) -> bool:
        if len(self.stack) >= MAX_DEPTH or len(self.calendar.components) + len(self.found) > MAX_OBJECTS:
            self.defects.append("too_deep" if len(self.stack) >= MAX_DEPTH else "too_many_objects")
            return False
        if (name == "VCALENDAR") != (not self.stack):
            self.defects.append("unbalanced")
            if not self.stack:
                return True
        self.stack.append(name)
        if len(self.stack) == 2 and name in COMPONENTS:
            self.calendar.components.append((name, []))
        return True

    def _end(self, name: str) -> None:
        if not self.stack or self.stack[-1] != name:
            self.defects.append("unbalanced")
            if name not in self.stack:
                return
        while self.stack.pop() != name:
            pass
        if not self.stack:
            self.found += _judged(self.calendar)
            self.calendar = _Calendar()

    def _property(self, line: Line) -> None:
        inside = self.stack[-1]
        if inside == "VTIMEZONE":
            if line.name == "TZID":
                self.tzid = line.value
            elif line.name == "X-LIC-LOCATION" and iana(line.value):
                self.calendar.zones[self.tzid] = line.value
        elif inside in COMPONENTS and len(self.calendar.components[-1][1]) < MAX_ATTENDEES * 2:
            self.calendar.components[-1][1].append(line)

    def finished(self) -> tuple[list[ItipObject], list[str]]:
        if self.stack:
            # A calendar that breaks off in the middle may have lost the line that matters: nothing of it counts.
            self.defects.append("truncated")
        return self.found[:MAX_OBJECTS], list(dict.fromkeys(self.defects))


def _judged(calendar: _Calendar) -> list[ItipObject]:
    methods = set(calendar.methods)
    method = calendar.methods[0] if len(methods) == 1 else ""
    shared = ["method_twice"] if len(methods) > 1 else [] if methods else ["method_missing"]
    return [_object(name, method[:40], lines, calendar, shared) for name, lines in calendar.components]


def _object(component: str, method: str, lines: list[Line | None], calendar: _Calendar, shared: list[str]) -> ItipObject:
    zones = calendar.zones
    defects = list(shared)
    if None in lines:
        defects.append("malformed_line")
    by_name: dict[str, list[Line]] = {}
    for line in lines:
        if line is not None:
            by_name.setdefault(line.name, []).append(line)
    recurrence, start = _one(by_name, "RECURRENCE-ID", defects), _one(by_name, "DTSTART", defects)
    if recurrence and recurrence.get("RANGE"):
        defects.append("recurrence_range")
    organizer = _one(by_name, "ORGANIZER", [])
    attendees = by_name.get("ATTENDEE", [])
    if len(attendees) > MAX_ATTENDEES:
        defects.append("too_many_attendees")
    return ItipObject(
        component=component,
        method=method,
        uid=_uid(by_name, defects),
        recurrence_id=epoch(recurrence, zones) if recurrence else None,
        recurrence_text=recurrence.value[:64] if recurrence else "",
        sequence=_sequence(by_name, defects),
        dtstamp=_dtstamp(by_name, defects),
        dtstart=epoch(start, zones) if start else None,
        dtstart_text=start.value[:64] if start else "",
        dtend=_end(by_name, start, zones),
        organizer=address_in(organizer, []) if organizer else "",
        attendees=tuple(dict.fromkeys(attendee_in(line, defects) for line in attendees[:MAX_ATTENDEES])),
        comment=_comment(by_name),
        defects=tuple(dict.fromkeys(defects)),
        product=calendar.product,
    )


def _one(by_name: dict[str, list[Line]], name: str, defects: list[str]) -> Line | None:
    lines = by_name.get(name, [])
    if len({(line.value, line.get("TZID")) for line in lines}) > 1:
        defects.append(f"{name.lower().replace('-', '_')}_twice")
        return None
    return lines[0] if lines else None


def _uid(by_name: dict[str, list[Line]], defects: list[str]) -> str:
    line = _one(by_name, "UID", defects)
    uid = unescaped(line.value) if line else ""
    if not uid or len(uid) > MAX_UID:
        defects.append("uid_too_long" if uid else "uid_missing")
        return ""
    return uid


def _sequence(by_name: dict[str, list[Line]], defects: list[str]) -> int | None:
    line = _one(by_name, "SEQUENCE", defects)
    if line is None:
        return None
    if re.fullmatch(r"\d{1,10}", line.value, re.A) and int(line.value) < 2**31:
        return int(line.value)
    defects.append("sequence_invalid")
    return None


def _end(by_name: dict[str, list[Line]], start: Line | None, zones: dict[str, str]) -> int | None:
    """DTEND, or DTSTART and DURATION; only a proposal (COUNTER) is asked for it, so what is wrong with it is no defect."""
    end, length = _one(by_name, "DTEND", []), _one(by_name, "DURATION", [])
    if end or not (start and length):
        return epoch(end, zones) if end else None
    begin, lasts = epoch(start, zones), seconds(length.value)
    return begin + lasts if begin is not None and lasts else None


def _dtstamp(by_name: dict[str, list[Line]], defects: list[str]) -> int | None:
    line = _one(by_name, "DTSTAMP", defects)
    moment = epoch(line, {}) if line and is_utc(line) else None
    if line and moment is None:
        defects.append("dtstamp_invalid")
    return moment


def _comment(by_name: dict[str, list[Line]]) -> str:
    texts = [unescaped(line.value) for line in by_name.get("COMMENT", [])]
    texts += [unescaped(line.value) for line in by_name.get("X-CALENDARSERVER-PRIVATE-COMMENT", [])]
    texts += [unescaped(line.get("X-RESPONSE-COMMENT")) for line in by_name.get("ATTENDEE", [])[:MAX_ATTENDEES]]
    # Once only: Google writes HTML entities; what is still escaped then was typed so.
    cleaned = (seen(html.unescape(text[: 4 * MAX_COMMENT])).strip() for text in texts)
    return "\n".join(dict.fromkeys(text for text in cleaned if text))[:MAX_COMMENT]


def as_dict(one: ItipObject) -> dict[str, Any]:
    """Plain values, fit for JSON; a third of what `dataclasses.asdict` costs."""
    values = {name: getattr(one, name) for name in _NAMES}
    values["attendees"] = [{name: getattr(attendee, name) for name in _ATTENDEE} for attendee in one.attendees]
    return values


_NAMES = tuple(field.name for field in dataclasses.fields(ItipObject))
_ATTENDEE = tuple(field.name for field in dataclasses.fields(Attendee))
