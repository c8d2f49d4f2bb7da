"""The hourly mail to ourselves: a REPLY as a learner's program writes one, to an invitation that nobody was sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..addresses import Mailbox
from ..ical import slots
from ..ical.words import Words
from ..itip.answer import reply
from ..itip.request import request
from ..tokens import new_id
from ..training.changes import Snapshot
from .reply_mail import reply_mail
from .skeleton import Skeleton

TITLE = "Do answers come back?"


def loop_mail(uid: str, *, mailbox: Mailbox, to: str, now: datetime) -> bytes:
    """The stored form of a mail that is sent once, from the mailbox to itself or to `to`, an address below it; nothing is left to fill in."""
    start = now.replace(tzinfo=None, minute=0, second=0, microsecond=0) + timedelta(days=1)
    snapshot = Snapshot(TITLE, start, start + timedelta(minutes=15), "UTC")
    values = {
        slots.UID: slots.slot_uid(uid),
        slots.DTSTAMP: slots.slot_dtstamp(int(now.timestamp())),
        slots.SEQUENCE: slots.slot_sequence(0),
        slots.ATTENDEE: slots.slot_attendee(mailbox.name, mailbox.address, "NEEDS-ACTION"),
        slots.PAGE: b"",
    }
    asked = slots.fill(request(snapshot, words=Words(), organizer=mailbox), values)
    mail = reply_mail(
        reply(asked, "ACCEPTED", now, attendee=mailbox), partstat="ACCEPTED", attendee=mailbox, organizer=Mailbox(mailbox.name, to),
        title=TITLE, message_id=f"{new_id()}@{mailbox.domain}", now=now,
    )  # fmt: skip
    # A machine wrote it: no vacation program answers (RFC 3834 5).
    return Skeleton(b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF\r\n" + mail).to_bytes()
