"""REQUEST and CANCEL: whatever a session or a name holds, the message says its own fields and nothing more."""

from __future__ import annotations

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.ical import slots
from feedserver.ical.lines import clean, clean_line
from feedserver.ical.words import Words
from feedserver.itip.cancel import cancel
from feedserver.itip.request import request
from tests.support.sessions import TRAINING, UID, snapshot

INJECTIONS = [
    "a\r\nATTENDEE:mailto:evil@x.example",
    "a\rb",
    "a\nb",
    "a\u2028b",
    "a\u0085b",
    "a\x0bb\x0cc\x00d\x1be\x7f",
    "a;b,c\\d\\n",
    "quo\"te ^n ^' car^et: colon",
    "X;PARTSTAT=ACCEPTED",
    "x" * 255,
    "ü" * 200,
    "👩\u200d👩\u200d👧" * 30,
    "e" + "\u0301" * 2000,
    "\u202eevil\u202c \u2066x\u2069",
    "שלום עולם",
    "<script>alert(1)</script>",
    "BEGIN:VCALENDAR\nEND:VEVENT",
    "=1+1",
    "{{7*7}} {% include 'x' %} %s %(title)s {0.__class__}",
]


def parsed(data: bytes, name: str = "Lea") -> icalendar.Event:
    own = {
        "uid": slots.slot_uid(UID),
        "dtstamp": slots.slot_dtstamp(1_795_168_800),
        "sequence": slots.slot_sequence(0),
        "attendee": slots.slot_attendee(name, "lea@corp.example", "NEEDS-ACTION"),
        "page": slots.slot_page("https://t.example/my/x"),
    }
    [event] = icalendar.Calendar.from_ical(slots.fill(data, own)).walk("VEVENT")
    assert event.errors == []
    return event


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_becomes_a_line_of_its_own(text: str) -> None:
    plain = parsed(request(snapshot(), words=Words(), organizer=TRAINING))
    event = parsed(request(snapshot(title=text, location=text, access_code=text), words=Words(), organizer=TRAINING), name=text)

    assert set(event) == set(plain)
    assert event["SUMMARY"] == clean_line(text) == event["LOCATION"]
    assert event["ATTENDEE"] == "mailto:lea@corp.example" and event["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert event["ATTENDEE"].params["CN"] == clean_line(text)


@given(st.text(max_size=200), st.sampled_from([request, cancel]))
def test_any_title_and_description_leave_the_message_whole(text: str, make) -> None:
    data = make(snapshot(title=text, description=text, visibility="busy"), words=Words(), organizer=TRAINING)

    assert parsed(data)["SUMMARY"] == (clean_line(text) or "Training")
    assert all(len(line) <= 75 for line in data.split(b"\r\n") if b"\x00" not in line)
    assert clean(data.decode()).count("BEGIN:VEVENT") == 1 or "VEVENT" in text


def test_the_two_methods_differ_as_they_should() -> None:
    invitation, end = (make(snapshot(), words=Words(), organizer=TRAINING) for make in (request, cancel))

    assert b"\r\nMETHOD:REQUEST\r\n" in invitation and b"STATUS:CONFIRMED" in invitation
    assert b"\r\nMETHOD:CANCEL\r\n" in end and b"STATUS:CANCELLED" in end
    assert b'ORGANIZER;CN="Training":mailto:training@localhost\r\n' in invitation and b"ORGANIZER" in end
