"""What people propose instead of answering: another time, somebody else; and what we say to a time that is not taken."""

from __future__ import annotations

from datetime import UTC, datetime

import icalendar
import pytest

from feedserver.addresses import Mailbox
from feedserver.ical import slots
from feedserver.itip.attendees import Attendee
from feedserver.itip.counter import ProposedTime, proposed_time
from feedserver.itip.declinecounter import decline_counter
from feedserver.itip.delegation import Instead, instead
from feedserver.itip.parse import ItipObject, objects

LEA, TOM = "lea@corp.example", "tom@corp.example"
NINE, TEN = datetime(2027, 3, 3, 9, tzinfo=UTC), datetime(2027, 3, 3, 10, tzinfo=UTC)


def counter(*times: str) -> ItipObject:
    text = "\n".join(("BEGIN:VCALENDAR", "METHOD:COUNTER", "BEGIN:VEVENT", "UID:1", *times, "END:VEVENT", "END:VCALENDAR", ""))
    [[one], _defects] = objects(text.encode())
    return one


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["DTSTART:20270303T090000Z", "DTEND:20270303T100000Z"], ProposedTime(NINE, TEN)),
        (["DTSTART;TZID=W. Europe Standard Time:20270303T100000", "DURATION:PT1H"], ProposedTime(NINE, TEN)),
        (['DTSTART;TZID="Europe/Berlin":20270303T100000', "DURATION:P1W"], ProposedTime(NINE, datetime(2027, 3, 10, 9, tzinfo=UTC))),
        (["DTSTART:20270303T090000Z", "DTEND:20270303T080000Z"], ProposedTime(NINE, None)),
        (["DTSTART:20270303T090000Z", "DURATION:PT"], ProposedTime(NINE, None)),
        (["DTSTART:20270303T090000"], None),
        (["DTSTART;VALUE=DATE:20270303", "DTEND;VALUE=DATE:20270304"], None),
        (["DTSTART:99991231T090000Z"], None),
        (["DURATION:PT1H"], None),
    ],
)
def test_a_proposed_time_is_read_in_whatever_zone_it_was_written(times, expected):
    assert proposed_time(counter(*times)) == expected


def reply(*attendees: Attendee) -> ItipObject:
    return ItipObject("VEVENT", "REPLY", uid="1", attendees=attendees)


HANDS_ON, COMES = Attendee(LEA, "DELEGATED", delegated_to=TOM), Attendee(TOM, "ACCEPTED", delegated_from=LEA)


@pytest.mark.parametrize(
    ("attendees", "expected"),
    [
        ([HANDS_ON], Instead(Attendee(TOM), HANDS_ON)),
        ([HANDS_ON, COMES], Instead(COMES, HANDS_ON)),
        ([COMES], Instead(COMES)),
        ([Attendee(TOM, "TENTATIVE")], Instead(Attendee(TOM, "TENTATIVE"))),
        ([Attendee(TOM, "DECLINED")], None),
        ([Attendee(LEA, "ACCEPTED")], None),
        ([Attendee(LEA, "DELEGATED")], None),
        ([Attendee(LEA, "DELEGATED", delegated_to="LEA@corp.example")], None),
        ([HANDS_ON, Attendee("eve@evil.example", "ACCEPTED")], None),
        ([HANDS_ON, Attendee(TOM, "DECLINED")], None),
        ([Attendee(LEA, "DECLINED"), COMES], None),
        ([COMES, Attendee("eve@evil.example", "ACCEPTED")], None),
    ],
)
def test_who_wants_to_come_instead_is_understood_only_where_it_is_certain(attendees, expected):
    assert instead(reply(*attendees), frozenset({LEA})) == expected


def test_a_proposal_is_declined_with_what_rfc_5546_allows_and_no_more():
    own = {"uid": slots.slot_uid("u1"), "stamp": slots.slot_stamp(1_795_168_800), "sequence": slots.slot_sequence(2)}
    filled = slots.fill(decline_counter(Mailbox("Training", "training@localhost"), "Sorry; the room, too"), own)
    calendar = icalendar.Calendar.from_ical(filled)
    [event] = calendar.subcomponents
    assert calendar["METHOD"] == "DECLINECOUNTER" and sorted(event) == ["COMMENT", "DTSTAMP", "ORGANIZER", "SEQUENCE", "UID"]
    assert (event["ORGANIZER"], event["SEQUENCE"], event["COMMENT"]) == ("mailto:training@localhost", 2, "Sorry; the room, too")
