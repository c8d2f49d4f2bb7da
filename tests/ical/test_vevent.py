"""A session as a calendar entry: what a learner's calendar and feed show."""

from __future__ import annotations

from datetime import datetime

import icalendar

from feedserver.ical import feed, slots, vevent
from feedserver.ical.words import Words
from feedserver.itip.cancel import cancel
from feedserver.itip.request import request
from tests.support.sessions import TRAINING, UID, snapshot

PAGE = "https://training.example.net/my/" + "a1B2,;" * 20
OWN = {
    "uid": slots.slot_uid(UID),
    "dtstamp": slots.slot_dtstamp(1_795_168_800),
    "sequence": slots.slot_sequence(2),
    "attendee": slots.slot_attendee("Lea", "lea@corp.example", "NEEDS-ACTION"),
    "page": slots.slot_page(PAGE),
    "status": slots.slot_status("CONFIRMED"),
    "mark": slots.slot_mark(""),
    "alarm": slots.slot_alarm(None, ""),
}


def invited(**changes) -> icalendar.Event:
    data = request(snapshot(**changes), words=Words(), organizer=TRAINING, alarm_minutes=15)
    return icalendar.Calendar.from_ical(slots.fill(data, OWN)).walk("VEVENT")[0]


def fed(own=(), detail="everything", **changes) -> icalendar.Event:
    data = slots.fill(vevent.render(snapshot(**changes), method=None, words=Words(), detail=detail), OWN | dict(own))
    return icalendar.Calendar.from_ical(feed.document([data], [], name="Lea")).walk("VEVENT")[0]


def test_an_invitation_says_when_where_and_how_to_join_first() -> None:
    event = invited()

    assert event["DTSTART"].to_ical() == b"20270303T100000" and event["DTSTART"].params["TZID"] == "Europe/Berlin"
    assert event["LOCATION"] == "Room 5, main building" and event["URL"] == "https://meet.example/fire?room=5&x=1"
    assert event["DESCRIPTION"] == (
        "Join: https://meet.example/fire?room=5&x=1\nAccess code: 4711\n\nBring your laptop (https://c.example/laptop).\n\n- one\n- two\n\n"
        f"Instructors: Ann Trainer\nCourse: Safety https://c.example/safety\n\nYour page: {PAGE}"
    )
    assert (event["UID"], event["SEQUENCE"], event["STATUS"], event["CLASS"]) == (UID, 2, "CONFIRMED", "PUBLIC")


def test_the_alarm_stands_last_and_can_be_turned_off() -> None:
    assert invited().subcomponents[0]["TRIGGER"].to_ical() == b"-PT15M"
    data = request(snapshot(), words=Words(), organizer=TRAINING, alarm_minutes=15)
    assert data.endswith(b"END:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    assert b"VALARM" not in request(snapshot(), words=Words(), organizer=TRAINING)


def test_without_a_room_the_link_is_the_place() -> None:
    assert invited(location="")["LOCATION"] == "https://meet.example/fire?room=5&x=1"


def test_a_private_session_shows_a_stranger_nothing() -> None:
    event = invited(visibility="private")

    assert (event["SUMMARY"], event["CLASS"]) == ("Training", "PRIVATE")
    assert event["DESCRIPTION"].startswith("Join: https://meet.example/fire") and PAGE in event["DESCRIPTION"]
    assert b"Fire safety" not in event.to_ical() and b"laptop" not in event.to_ical() and b"Ann" not in event.to_ical()


def test_a_cancel_repeats_what_it_cancels_and_has_no_alarm() -> None:
    data = slots.fill(cancel(snapshot(), words=Words(), organizer=TRAINING), OWN)
    event = icalendar.Calendar.from_ical(data).walk("VEVENT")[0]

    assert (event["STATUS"], event["SUMMARY"], event["LOCATION"]) == ("CANCELLED", "Fire safety", "Room 5, main building")
    assert "DTSTART" in event and "DTEND" in event and event.subcomponents == []


def test_a_feed_entry_names_nobody() -> None:
    event = fed()

    assert "ORGANIZER" not in event and "ATTENDEE" not in event
    assert (event["SUMMARY"], event["TRANSP"]) == ("Fire safety", "OPAQUE")


def test_waiting_shows_in_the_title_and_takes_no_time() -> None:
    own = {"mark": slots.slot_mark("Waiting list"), "status": slots.slot_status("TENTATIVE")}
    title = "A title of more than one line, " * 5
    event = fed(own, title=title)

    assert event["SUMMARY"] == "Waiting list: " + title.strip()
    assert (event["STATUS"], event["TRANSP"]) == ("TENTATIVE", "TRANSPARENT")


def test_a_feed_can_say_busy_and_no_more() -> None:
    text = fed(detail="busy").to_ical()

    assert b"SUMMARY:Busy" in text
    assert not [word for word in (b"Fire", b"Room", b"meet.example", b"laptop", b"my/") if word in text]


def test_either_of_two_equal_hours_is_written_in_utc() -> None:
    autumn = {"start": datetime(2027, 10, 31, 2, 15), "end": datetime(2027, 10, 31, 2, 45)}

    assert invited(**autumn, fold=1)["DTSTART"].to_ical() == b"20271031T011500Z"
    assert invited(**autumn)["DTSTART"].to_ical() == b"20271031T001500Z"


def test_utc_sessions_need_no_zone() -> None:
    data = request(snapshot(timezone="UTC"), words=Words(), organizer=TRAINING)

    assert b"DTSTART:20270303T100000Z\r\n" in data and b"VTIMEZONE" not in data


def test_a_link_that_is_none_becomes_no_link() -> None:
    for url in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://"):
        assert "URL" not in invited(join_url=url)
    assert invited(join_url="https://meet.example/a b\r\nATTENDEE:x")["URL"] == "https://meet.example/a%20b%0AATTENDEE:x"
    assert "javascript" not in invited(description="[x](javascript:alert(1)) ![y](https://track.example/p.gif)")["DESCRIPTION"].replace(
        "[x](javascript:alert(1))", ""
    )


def test_an_empty_feed_still_holds_a_component() -> None:
    text = feed.document([], [], name="Lea; my, calendar")

    assert icalendar.Calendar.from_ical(text).walk("VTIMEZONE") and b"NAME:Lea\\; my\\, calendar\r\n" in text
    assert b"BEGIN:VTIMEZONE" in text and b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in text and b"METHOD" not in text
