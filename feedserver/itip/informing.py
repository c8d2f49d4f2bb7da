"""REQUEST and CANCEL of a day to note (RFC 5546 3.2.2, 3.2.5): RSVP=FALSE, so no answer is asked for."""

from __future__ import annotations

from datetime import date
from typing import Literal

from feedserver.addresses import Mailbox
from feedserver.ical import PRODID, all_day
from feedserver.ical.words import Words


def inform(
    method: Literal["REQUEST", "CANCEL"], title: str, day: date, *, words: Words, organizer: Mailbox, description: str = "", url: str = ""
) -> bytes:
    """The VCALENDAR with the slots uid, dtstamp, sequence, informed and, if a REQUEST, page. A day needs no VTIMEZONE."""
    event = all_day.render(title, day, method=method, words=words, description=description, url=url, organizer=organizer)
    head = f"BEGIN:VCALENDAR\r\nPRODID:{PRODID}\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\nMETHOD:{method}\r\n".encode()
    return b"".join((head, event, b"END:VCALENDAR\r\n"))
