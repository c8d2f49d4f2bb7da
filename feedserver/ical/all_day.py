"""A day to note as a VEVENT (RFC 5545 3.6.1): VALUE=DATE with an exclusive end, free for whoever has it, asking nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from feedserver.addresses import Mailbox

from .lines import clean_line, escape, fold, param
from .plaintext import plain, web_url
from .slots import ALARM, DTSTAMP, PAGE, SEQUENCE, UID, line, slot
from .vevent import organizer_line
from .words import Words

INFORMED = "informed"
ALARM_MINUTES = 15 * 60
"""An alarm of a day counts from its midnight: nine o'clock on the day before."""
_FREE = b"TRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\r\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\r\n"


def render(
    title: str, day: date, *, method: Literal["REQUEST", "CANCEL"] | None, words: Words, description: str = "", url: str = "",
    organizer: Mailbox | None = None,
) -> bytes:  # fmt: skip
    """The VEVENT with the slots uid, dtstamp, sequence and page; in a message (`method`) also informed, in a feed (None) alarm.

    `description` is Markdown. A CANCEL has no description, hence no page.
    """
    if method is not None and organizer is None:
        raise ValueError("A message needs its ORGANIZER.")
    parts = [
        b"BEGIN:VEVENT\r\n",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\nDTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}\r\n".encode(),
        line("SUMMARY", clean_line(title) or words.training),
        fold("URL:" + web_url(url)) if web_url(url) else b"",
        b"CLASS:PUBLIC\r\n",
        b"STATUS:CANCELLED\r\n" if method == "CANCEL" else b"STATUS:CONFIRMED\r\n",
        _FREE,
    ]
    if method is not None:
        parts.append(organizer_line(organizer))
    if method != "CANCEL":
        text = plain(description)
        head = (text + "\n\n" if text else "") + words.page + ": "
        parts.append(fold("DESCRIPTION:" + escape(head))[:-2] + slot(PAGE) + b"\r\n")
    names = (UID, DTSTAMP, SEQUENCE, INFORMED if method is not None else ALARM)
    return b"".join([*parts, *(slot(name) for name in names), b"END:VEVENT\r\n"])


def slot_informed(name: str, address: str) -> bytes:
    """The one ATTENDEE of a message that asks for no answer (RSVP=FALSE, RFC 5545 3.2.17).

    ACCEPTED, since NEEDS-ACTION says that one is wanted: programs would show the day as not answered for ever.
    """
    name = clean_line(name)
    cn = ";CN=" + param(name) if name else ""
    who = f"PARTSTAT=ACCEPTED;RSVP=FALSE{cn}:mailto:{clean_line(address)}"
    return fold("ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;" + who)
