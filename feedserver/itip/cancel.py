"""CANCEL (RFC 5546 3.2.5): the entry leaves one learner's calendar."""

from __future__ import annotations

from feedserver.addresses import Mailbox
from feedserver.ical import vevent
from feedserver.ical.words import Words
from feedserver.training.changes import Snapshot

from .request import calendar


def cancel(snapshot: Snapshot, *, words: Words, organizer: Mailbox, join_page: bool = False) -> bytes:
    """The VCALENDAR with the slots uid, dtstamp, sequence and attendee.

    It repeats when, what and where (Nextcloud looks at DTSTART) and carries STATUS:CANCELLED, since it is all
    this one calendar holds of it.
    """
    return calendar("CANCEL", snapshot, vevent.render(snapshot, method="CANCEL", words=words, organizer=organizer, join_page=join_page))
