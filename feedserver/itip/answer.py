"""REPLY (RFC 5546 3.2.3) to a REQUEST of ours, as a learner's program would write it: /dev/mailbox answers with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from ..addresses import Mailbox, canonical
from ..ical.lines import escape, fold, param
from .lines import Line, decoded, scan, unescaped

PRODID = "-//feedserver//dev mailbox//EN"
_ECHOED = ("UID", "RECURRENCE-ID", "SUMMARY", "DTSTART", "DTEND", "SEQUENCE", "ORGANIZER", "LOCATION")
_SEEN = frozenset({"BEGIN", "END", "METHOD", "ATTENDEE", "STATUS", *_ECHOED})
_ZONE = re.compile(r"^BEGIN:VTIMEZONE$.*?^END:VTIMEZONE$", re.S | re.M | re.I)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the card of an invitation shows. `start` and `end` are wall-clock times in `timezone` ("UTC" where they end in Z)."""

    method: str
    uid: str
    sequence: int
    title: str
    location: str
    start: datetime | None
    end: datetime | None
    timezone: str
    organizer: Mailbox
    attendee: Mailbox
    partstat: str


def read_invitation(calendar: bytes) -> Invitation | None:
    """The first VEVENT of a calendar part that we sent; None where it holds none."""
    method, event = _event(calendar)
    if not event:
        return None
    first = {line.name: line for line in reversed(event)}
    start, zone = _time(first.get("DTSTART"))
    end, _ = _time(first.get("DTEND"))
    attendee = first.get("ATTENDEE")
    return Invitation(
        method=method,
        uid=_text(first.get("UID")),
        sequence=int(first["SEQUENCE"].value) if "SEQUENCE" in first and first["SEQUENCE"].value.isdecimal() else 0,
        title=_text(first.get("SUMMARY")),
        location=_text(first.get("LOCATION")),
        start=start,
        end=end,
        timezone=zone,
        organizer=_mailbox(first.get("ORGANIZER")),
        attendee=_mailbox(attendee),
        partstat=attendee.get("PARTSTAT") if attendee else "",
    )


def reply(calendar: bytes, partstat: str, now: datetime, *, attendee: Mailbox, comment: str = "") -> bytes:
    """The VCALENDAR that answers a REQUEST: UID, SEQUENCE, times and ORGANIZER echoed, one ATTENDEE, DTSTAMP now.

    Raises ValueError for a calendar part that invites nobody to anything.
    """
    method, event = _event(calendar)
    if method != "REQUEST" or not event:
        raise ValueError("Only an invitation can be answered.")
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    # VEVENT's own zone goes back as it came: answers that echo a TZID without it are read differently by programs.
    zones = _ZONE.findall(decoded(calendar, "utf-8"))
    lines = ["BEGIN:VCALENDAR", f"PRODID:{PRODID}", "VERSION:2.0", "METHOD:REPLY"]
    lines += [line for zone in zones for line in zone.split("\n")]
    lines += ["BEGIN:VEVENT", f"DTSTAMP:{stamp}"]
    lines += [_written(line) for line in event if line.name in _ECHOED]
    mine = next((line for line in event if line.name == "ATTENDEE" and _is(line, attendee)), None)
    named = (mine.get("CN") if mine else "") or attendee.name
    lines.append(f"ATTENDEE;CN={param(named)};PARTSTAT={partstat}:mailto:{attendee.address}")
    if comment:
        lines.append(f"COMMENT:{escape(comment)}")
    lines += ["END:VEVENT", "END:VCALENDAR"]
    return b"".join(fold(line) for line in lines)


def _event(calendar: bytes) -> tuple[str, list[Line]]:
    method, inside, event = "", [], []
    for line in scan(decoded(calendar, "utf-8"), _SEEN):
        if line is None:
            continue
        if line.name == "BEGIN":
            inside.append(line.value.upper())
        elif line.name == "END":
            if inside and inside.pop() == "VEVENT":
                break
        elif line.name == "METHOD" and inside == ["VCALENDAR"]:
            method = line.value.upper()
        elif inside == ["VCALENDAR", "VEVENT"]:
            event.append(line)
    return method, event


def _written(line: Line) -> str:
    return line.name + "".join(f";{name}={_value(value)}" for name, value in line.params) + ":" + line.value


def _value(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z0-9_/.+-]+", value) else param(value)


def _is(line: Line, box: Mailbox) -> bool:
    return canonical(_address(line)) == canonical(box.address)


def _address(line: Line) -> str:
    return re.sub(r"(?i)^mailto:", "", line.value)


def _mailbox(line: Line | None) -> Mailbox:
    return Mailbox(line.get("CN"), _address(line)) if line else Mailbox("", "")


def _text(line: Line | None) -> str:
    return unescaped(line.value) if line else ""


def _time(line: Line | None) -> tuple[datetime | None, str]:
    if line is None:
        return None, "UTC"
    try:
        value = datetime.strptime(line.value.removesuffix("Z"), "%Y%m%dT%H%M%S")
    except ValueError:
        return None, "UTC"
    return value, line.get("TZID") or "UTC"
