"""Slots.

The few lines of a rendered object that are a learner's own, filled in by plain substitution (design decision 10).

In bytes a slot is its name between two NULs, which no cleaned text holds. It stands for whole folded content lines,
but for four that continue a line: `mark` (before a title), `page` and `notes` (at the very end of a description) and `join` (near its beginning).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from .lines import LIMIT, clean_line, escape, fold, param
from .valarm import valarm

UID, DTSTAMP, SEQUENCE, ATTENDEE, STAMP = "uid", "dtstamp", "sequence", "attendee", "stamp"
STATUS, MARK, PAGE, ALARM = "status", "mark", "page", "alarm"
JOIN, JOIN_URL, JOIN_PLACE = "join", "join_url", "join_place"
OWN, NOTES, NOTES_ALONE = "own", "notes", "notes_alone"


def slot(name: str) -> bytes:
    """The place of a slot."""
    return b"\x00" + name.encode() + b"\x00"


class Template:
    """Bytes with slots, split once; `fill` is a copy and a join."""

    __slots__ = ("names", "parts", "places")

    def __init__(self, data: bytes) -> None:
        self.parts = data.split(b"\x00")
        if len(self.parts) % 2 == 0:
            raise ValueError("A slot in this template is not closed.")
        self.places = tuple((i, self.parts[i].decode()) for i in range(1, len(self.parts), 2))
        self.names = frozenset(name for _, name in self.places)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """The bytes with every slot replaced; raises KeyError with the name of one that has no value."""
        parts = self.parts.copy()
        for i, name in self.places:
            parts[i] = values[name]
        return b"".join(parts)


def fill(template: bytes, values: Mapping[str, bytes]) -> bytes:
    """Fill once. Whoever fills the same bytes again keeps a `Template`."""
    return Template(template).fill(values)


def slot_uid(uid: str) -> bytes:
    """UID (RFC 5545 3.8.4.7)."""
    return fold("UID:" + escape(uid))


def utc_text(epoch_seconds: int) -> str:
    """A UTC date-time as calendars write it: 20270303T090000Z."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(epoch_seconds))


def slot_dtstamp(epoch_seconds: int) -> bytes:
    """DTSTAMP and LAST-MODIFIED, alike.

    Google takes over a changed feed entry only when both SEQUENCE and LAST-MODIFIED rise.
    """
    stamp = utc_text(epoch_seconds)
    return f"DTSTAMP:{stamp}\r\nLAST-MODIFIED:{stamp}\r\n".encode()


def slot_stamp(epoch_seconds: int) -> bytes:
    """DTSTAMP alone, where LAST-MODIFIED must not stand (RFC 5546 3.2.8)."""
    return f"DTSTAMP:{utc_text(epoch_seconds)}\r\n".encode()


def slot_sequence(number: int) -> bytes:
    """SEQUENCE (RFC 5545 3.8.7.4)."""
    return b"SEQUENCE:%d\r\n" % number


def slot_attendee(name: str, address: str, partstat: str) -> bytes:
    """The one ATTENDEE of a message; RSVP=TRUE always, since Outlook sends no answer without."""
    name = clean_line(name)
    cn = ";CN=" + param(name) if name else ""
    who = f"PARTSTAT={partstat};RSVP=TRUE{cn}:mailto:{clean_line(address)}"
    return fold("ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;" + who)


def slot_page(url: str, notice: str = "") -> bytes:
    """The learner's own page, as the continuation that ends DESCRIPTION, and a sentence of ours below it; empty where there is none."""
    text = "\n\n".join(clean_line(one) for one in (url, notice) if one)
    return b"\r\n " + fold(escape(text), LIMIT - 1)[:-2] if text else b""


def slot_notes(text: str) -> bytes:
    """Lines that end DESCRIPTION, after a blank one, as a continuation; nothing for no text."""
    return b"\r\n " + fold(escape("\n\n" + text), LIMIT - 1)[:-2] if text else b""


def slot_notes_alone(text: str) -> bytes:
    """The same where they are all of DESCRIPTION."""
    return line("DESCRIPTION", text)


def slot_join(url: str) -> bytes:
    """The learner's own join page within DESCRIPTION, as a continuation that another one follows."""
    return slot_page(url) + b"\r\n "


def slot_join_url(url: str) -> bytes:
    """The same as URL (RFC 5545 3.8.4.6)."""
    return fold(f"URL:{clean_line(url)}")


def slot_join_place(url: str) -> bytes:
    """The same as LOCATION, where there is no other: phones show that as the thing to press."""
    return line("LOCATION", clean_line(url))


def slot_own(own: Mapping | None) -> bytes:
    """What one learner's entry of a series says besides: dates that they are not in (EXDATE), the series that a moved date left (RELATED-TO).

    `own`: `out` are wall-clock starts such as 20270512T090000 in `tzid`, in UTC where that is "", and `related` a UID; each may be missing.
    """
    if not own:
        return b""
    related = fold("RELATED-TO:" + escape(own["related"])) if own.get("related") else b""
    return exdates(own.get("out", ()), own.get("tzid", "")) + related


def exdates(starts: Iterable[str], tzid: str) -> bytes:
    """One EXDATE (RFC 5545 3.8.5.1) a line: ical.js reads only the first of several values in the like of it (programs.md 1)."""
    name = f"EXDATE;TZID={tzid}" if tzid else "EXDATE"
    return b"".join(fold(f"{name}:{start}{'' if tzid else 'Z'}") for start in sorted(starts))


def slot_mark(word: str) -> bytes:
    """What stands before a title in a feed ("Waiting list.

    "); the fold behind it keeps the title's own folds right. Empty for no word.
    """
    return fold(escape(clean_line(word)) + ": ", LIMIT - len("SUMMARY:"))[:-2] + b"\r\n " if word else b""


_FREE = b"TRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\r\n"
_STATUS = {
    "CONFIRMED": b"STATUS:CONFIRMED\r\nTRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\n",
    "TENTATIVE": b"STATUS:TENTATIVE\r\n" + _FREE,
    "CANCELLED": b"STATUS:CANCELLED\r\n" + _FREE,
}


def slot_status(status: str, *, blocks: bool = True) -> bytes:
    """STATUS and whether the time is taken: only CONFIRMED takes it, where it `blocks`. Raises KeyError for another word."""
    line_of, end, _rest = _STATUS[status].partition(b"\r\n")
    return _STATUS[status] if blocks else line_of + end + _FREE


def slot_alarm(minutes: int | None, text: str) -> bytes:
    """The alarm of a feed entry, or nothing."""
    return b"" if minutes is None else valarm(minutes, text)


def line(name: str, text: str) -> bytes:
    """A property with a TEXT value, or nothing for an empty text."""
    return fold(f"{name}:{escape(text)}") if text else b""
