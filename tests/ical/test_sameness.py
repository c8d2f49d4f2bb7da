"""Two objects say the same, whichever server has rewritten one of them; any change that a person would see is a difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.ical.sameness import fingerprint

OURS = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//feedserver//EN\r
BEGIN:VTIMEZONE\r
TZID:Europe/Berlin\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:u1\r
DTSTAMP:20261120T100000Z\r
SEQUENCE:3\r
DTSTART;TZID=Europe/Berlin:20261201T100000\r
DTEND;TZID=Europe/Berlin:20261201T110000\r
SUMMARY:Fire safety\\, first part of three parts that together make the whole \r
 of it\r
STATUS:CONFIRMED\r
END:VEVENT\r
END:VCALENDAR\r
"""
REWRITTEN = b"""BEGIN:VCALENDAR
PRODID:-//PYVOBJECT//NONSGML Version 0.9.9//EN
BEGIN:VEVENT
CREATED:20261120T100000Z
SUMMARY:Fire safety\\, first part of three parts that together make the whole o
 f it
DTEND;TZID="Europe/Berlin":20261201T110000
DTSTART;VALUE=DATE-TIME;X-VOBJ-ORIGINAL-TZID=Europe/Berlin;TZID=Europe/Berlin:20261201T100000
UID:u1
TRANSP:OPAQUE
X-SERVER-NOTE:hello
END:VEVENT
END:VCALENDAR
"""


def test_a_server_that_writes_it_anew_has_changed_nothing():
    assert fingerprint(OURS) == fingerprint(REWRITTEN)


@pytest.mark.parametrize(
    ("said", "instead"),
    [(b"T100000\r\nDTEND", b"T103000\r\nDTEND"), (b"Fire", b"Water"), (b"CONFIRMED", b"CANCELLED"), (b"UID:u1", b"UID:u2"), (b"STATUS", b"ATTENDEE:mailto:x\r\nSTATUS")],
)  # fmt: skip
def test_what_a_person_would_see_is_a_difference(said, instead):
    assert said in OURS and fingerprint(OURS.replace(said, instead)) != fingerprint(OURS)


@given(st.binary(max_size=300))
def test_nothing_that_a_server_gives_back_raises(data):
    assert len(fingerprint(data)) == 64
