"""An entry of a collection elsewhere (RFC 4791 4.1): one VEVENT with its VTIMEZONE, no METHOD, ORGANIZER or ATTENDEE.

With those a scheduling server would send mail of its own to everybody in it. Each date of a series is an entry of its own, as in
feeds: then a moved or cancelled date is one object more or less, whatever a server makes of RECURRENCE-ID.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from feedserver.training.audiences import View
from feedserver.training.changes import Snapshot

from . import PRODID, vevent
from .sameness import fingerprint
from .slots import DTSTAMP, MARK, NOTES, NOTES_ALONE, SEQUENCE, STATUS, UID, fill, slot_dtstamp, slot_sequence, slot_status, slot_uid
from .words import Words

_MARK = re.compile(r"[0-9a-f]{12}")
_HEAD = f"BEGIN:VCALENDAR\r\nPRODID:{PRODID}\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\n".encode()


def uid_of(mark: str, session_id: int) -> str:
    """The UID of a session in one collection. `mark` is that collection's own: nothing of a learner's entry is in it, and no "@", which servers escape unalike."""
    if not _MARK.fullmatch(mark):
        raise ValueError("a collection's mark is 12 hexadecimal digits")
    return f"feedserver-{mark}-{session_id}"


def session_of(mark: str, uid: str) -> int | None:
    """The session that a UID of this collection names; None: the entry is somebody else's, and none of our business."""
    number = uid.removeprefix(f"feedserver-{mark}-")
    return int(number) if number != uid and number.isascii() and number.isdecimal() and len(number) <= 18 else None


def href_of(uid: str) -> str:
    """The name of its resource within the collection."""
    return f"{uid}.ics"


@lru_cache(maxsize=4096)
def entry(snapshot: Snapshot, view: View, words: Words) -> bytes:
    """The calendar object of one date with slots for UID, DTSTAMP and SEQUENCE: what it shows, and nothing of how often that was said."""
    date = replace(snapshot, rule="", left_out=(), moved=False)
    values = {
        MARK: b"",
        NOTES: b"",
        NOTES_ALONE: b"",
        STATUS: slot_status("CONFIRMED", blocks=view.blocks),
        **{name: b"\x00" + name.encode() + b"\x00" for name in (UID, DTSTAMP, SEQUENCE)},
    }
    body = fill(vevent.for_others(date, view, words), values)
    return b"".join((_HEAD, vevent.zone_of(date) or b"", body, b"END:VCALENDAR\r\n"))


@lru_cache(maxsize=8192)
def digest(data: bytes, uid: str) -> str:
    """Names what an `entry` of this UID shows, whoever has written it anew meanwhile."""
    return fingerprint(filled(data, uid, 0, 0))


def filled(data: bytes, uid: str, stamp: int, sequence: int) -> bytes:
    """The object as it is stored: `stamp` in seconds since 1970, `sequence` that of the published revision."""
    return fill(data, {UID: slot_uid(uid), DTSTAMP: slot_dtstamp(stamp), SEQUENCE: slot_sequence(sequence)})
