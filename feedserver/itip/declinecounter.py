"""DECLINECOUNTER (RFC 5546 3.2.8): a proposal is not taken; the entry stays as it is."""

from __future__ import annotations

from feedserver.addresses import Mailbox
from feedserver.ical import PRODID, slots, vevent
from feedserver.ical.lines import clean


def decline_counter(organizer: Mailbox, comment: str = "") -> bytes:
    """The VCALENDAR with the slots uid, stamp and sequence.

    Nothing else: 3.2.8 allows neither times nor ATTENDEE, so that no program takes it for the entry itself.
    """
    said = slots.line("COMMENT", clean(comment).strip())
    inside = b"".join(slots.slot(name) for name in (slots.UID, slots.STAMP, slots.SEQUENCE))
    head = f"BEGIN:VCALENDAR\r\nPRODID:{PRODID}\r\nVERSION:2.0\r\nMETHOD:DECLINECOUNTER\r\nBEGIN:VEVENT\r\n".encode()
    return b"".join((head, vevent.organizer_line(organizer), said, inside, b"END:VEVENT\r\nEND:VCALENDAR\r\n"))
