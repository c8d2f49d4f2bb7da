"""What /dev/mailbox sends back is what a learner's own program would: our reader reads it as a plain REPLY."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedserver.addresses import Mailbox
from feedserver.imip.extract import read
from feedserver.imip.reply_mail import reply_mail
from feedserver.itip.answer import read_invitation, reply

NOW = datetime(2027, 3, 3, 9, 30, tzinfo=UTC)
LEA = Mailbox("Léa, Learner", "lea@example.net")
DESK = Mailbox("Training", "training@localhost")
INVITATION = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n"
    "DTSTART:19701025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    "BEGIN:VEVENT\r\nUID:abc@training\r\nSEQUENCE:3\r\nSUMMARY:Fire\\, safety\r\nDTSTAMP:20270301T000000Z\r\n"
    "DTSTART;TZID=Europe/Berlin:20270310T140000\r\nDTEND;TZID=Europe/Berlin:20270310T153000\r\n"
    'ORGANIZER;CN="Training":mailto:training@localhost\r\n'
    'ATTENDEE;CN="Léa, Learner";PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:lea@example.net\r\n'
    "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
).encode()


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE", "DECLINED"])
def test_the_answer_says_which_invitation_who_and_what(partstat):
    calendar = reply(INVITATION, partstat, NOW, attendee=LEA)
    mail = reply_mail(calendar, partstat=partstat, attendee=LEA, organizer=DESK, title="Fire, safety", message_id="1@dev", now=NOW)
    seen = read(mail)
    (one,) = seen.objects
    assert (seen.kind, seen.sender, seen.message_id) == ("reply", "lea@example.net", "<1@dev>")
    assert (one.uid, one.sequence, one.organizer, one.dtstamp) == (
        "abc@training", 3, "training@localhost", int(NOW.timestamp()),
    )  # fmt: skip
    assert [(a.address, a.partstat, a.name) for a in one.attendees] == [("lea@example.net", partstat, "Léa, Learner")]
    assert (one.dtstart, one.defects, seen.defects) == (
        int(datetime(2027, 3, 10, 13, tzinfo=UTC).timestamp()),
        (),
        (),
    )


def test_the_card_shows_title_time_and_zone():
    card = read_invitation(INVITATION)
    assert (card.method, card.title, card.timezone, card.sequence) == ("REQUEST", "Fire, safety", "Europe/Berlin", 3)
    assert (card.start, card.end) == (datetime(2027, 3, 10, 14), datetime(2027, 3, 10, 15, 30))
    assert card.attendee == LEA


def test_a_cancellation_cannot_be_answered():
    with pytest.raises(ValueError, match="Only an invitation"):
        reply(INVITATION.replace(b"METHOD:REQUEST", b"METHOD:CANCEL"), "ACCEPTED", NOW, attendee=LEA)
