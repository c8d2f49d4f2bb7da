"""REQUEST (RFC 5546 3.2.2): an invitation, or the same one changed or sent again, to one learner."""

from __future__ import annotations

from feedserver.addresses import Mailbox
from feedserver.ical import PRODID, vevent
from feedserver.ical.words import Words
from feedserver.training.changes import Snapshot


def request(
    snapshot: Snapshot, *, words: Words, organizer: Mailbox, alarm_minutes: int | None = None, notice: str = "", join_page: bool = False
) -> bytes:  # fmt: skip
    """The VCALENDAR with the slots uid, dtstamp, sequence, attendee and page; `notice` is a sentence of ours in the description.

    `join_page`: the join link is a page of the learner's own (slots join, join_url, join_place).
    """
    event = vevent.render(
        snapshot, method="REQUEST", words=words, organizer=organizer, alarm_minutes=alarm_minutes, notice=notice, join_page=join_page
    )  # fmt: skip
    return calendar("REQUEST", snapshot, event)


def calendar(method: vevent.Method, snapshot: Snapshot, event: bytes) -> bytes:
    """One VEVENT in its VCALENDAR, with the VTIMEZONE that its times need."""
    head = f"BEGIN:VCALENDAR\r\nPRODID:{PRODID}\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\nMETHOD:{method}\r\n".encode()
    return b"".join((head, vevent.zone_of(snapshot) or b"", event, b"END:VCALENDAR\r\n"))
