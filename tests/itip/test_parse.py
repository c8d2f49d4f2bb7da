"""What a calendar part says: the real programs, the bent forms, and that no bytes ever raise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.itip.attendees import address_of
from feedserver.itip.parse import ItipObject, as_dict, merged, objects
from feedserver.itip.reply import AttendeeProblem, answer_of, attendee_of
from feedserver.training.statuses import Answer

LEA = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:lea@corp.example"
BASE = ["UID:u1", "DTSTAMP:20261120T203409Z", "SEQUENCE:2", LEA]


def calendar(*lines: str, method: str = "METHOD:REPLY", component: str = "VEVENT", before: tuple[str, ...] = ()) -> bytes:
    inside = ["BEGIN:VCALENDAR", "VERSION:2.0", method, *before, f"BEGIN:{component}", *lines]
    return "\r\n".join([*inside, f"END:{component}", "END:VCALENDAR", ""]).encode()


def only(data: bytes, charset: str | None = None) -> ItipObject:
    found, _ = objects(data, charset)
    assert len(found) == 1
    return found[0]


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


def test_a_plain_reply_says_who_what_and_when():
    one = only(calendar(*BASE, "DTSTART:20270310T130000Z", "ORGANIZER:mailto:training@localhost", "COMMENT:Late\\, sorry"))
    assert (one.component, one.method, one.uid, one.sequence) == ("VEVENT", "REPLY", "u1", 2)
    assert (one.dtstamp, one.dtstart) == (at(2026, 11, 20, 20, 34, 9), at(2027, 3, 10, 13))
    assert (one.organizer, one.comment, one.defects) == ("training@localhost", "Late, sorry", ())
    assert [(a.address, a.partstat) for a in one.attendees] == [("lea@corp.example", "ACCEPTED")]


@pytest.mark.parametrize("line, instant", [
    ("RECURRENCE-ID:20270405T070000Z", at(2027, 4, 5, 7)),
    ("RECURRENCE-ID;TZID=Europe/Berlin:20270405T090000", at(2027, 4, 5, 7)),
    ("RECURRENCE-ID;TZID=W. Europe Standard Time:20270405T090000", at(2027, 4, 5, 7)),
    ('RECURRENCE-ID;TZID="/freeassociation.sourceforge.net/Europe/Berlin":20270405T090000', at(2027, 4, 5, 7)),
    ("RECURRENCE-ID;VALUE=DATE-TIME;TZID=Europe/Berlin:20270405T090000", at(2027, 4, 5, 7)),
    ("RECURRENCE-ID;VALUE=DATE:20270405", None),
    ("RECURRENCE-ID:20270405T090000", None),
    ("RECURRENCE-ID;TZID=Pacific:20270405T090000", None),
    ("RECURRENCE-ID;TZID=../../etc/passwd:20270405T090000", None),
    ("RECURRENCE-ID;TZID=Bogus/Zone:20270405T090000", None),
    ("RECURRENCE-ID:20270230T090000Z", None),
])  # fmt: skip
def test_an_occurrence_is_an_instant_where_its_zone_is_certain_and_its_text_stays(line, instant):
    one = only(calendar(*BASE, line))
    assert (one.recurrence_id, one.recurrence_text) == (instant, line.rpartition(":")[2])


def test_a_zone_that_says_its_iana_name_is_believed_and_its_rules_are_not_run():
    zone = ("BEGIN:VTIMEZONE", "TZID:Custom", "X-LIC-LOCATION:Europe/Berlin", "RRULE:FREQ=SECONDLY", "END:VTIMEZONE")
    assert only(calendar(*BASE, "DTSTART;TZID=Custom:20270405T090000", before=zone)).dtstart == at(2027, 4, 5, 7)
    assert only(calendar(*BASE, "DTSTART;TZID=Custom:20270405T090000")).dtstart is None


@pytest.mark.parametrize("value, sequence", [("0", 0), ("7", 7), ("-1", None), ("2147483648", None), ("abc", None), ("9" * 5000, None)])
def test_a_sequence_is_a_number_of_the_standard_or_none(value, sequence):
    one = only(calendar("UID:u1", f"SEQUENCE:{value}", LEA))
    assert one.sequence == sequence
    assert ("sequence_invalid" in one.defects) == (sequence is None)


@pytest.mark.parametrize("line", ["DTSTAMP:20261120T203409", "DTSTAMP:00000101T000000Z", "DTSTAMP:${timestamp}", "DTSTAMP:20261120"])
def test_a_time_stamp_that_is_no_utc_time_is_left_out_and_noted(line):
    one = only(calendar("UID:u1", line, LEA))
    assert (one.dtstamp, one.defects) == (None, ("dtstamp_invalid",))


@pytest.mark.parametrize("uri", [
    "mailto:lea@corp.example", "MAILTO:lea@corp.example", "lea@corp.example", "<lea@corp.example>", "mailto:<lea@corp.example>",
    " mailto: lea@corp.example ", "mailto:lea%40corp.example", "mailto:lea@CORP.example?subject=x",
])  # fmt: skip
def test_addresses_are_read_as_programs_write_them(uri):
    assert address_of(uri) == "lea@corp.example"


@pytest.mark.parametrize("uri", ["", "urn:uuid:1", "mailto:", "mailto:a@b@c", "http://x/y", "mailto:lea@x.example:mailto:b@y.example"])
def test_what_is_no_address_is_empty(uri):
    assert address_of(uri) == ""


def test_a_calendar_server_that_names_people_by_uuid_gives_the_address_beside():
    assert (
        only(calendar("UID:u1", 'ATTENDEE;PARTSTAT=ACCEPTED;EMAIL="lea@corp.example":urn:uuid:1-2')).attendees[0].address
        == "lea@corp.example"
    )


def test_two_answers_in_one_line_are_none():
    one = only(calendar("UID:u1", "ATTENDEE;PARTSTAT=ACCEPTED;PARTSTAT=DECLINED:mailto:lea@corp.example"))
    assert (one.attendees[0].partstat, one.defects) == ("", ("partstat_twice",))


def test_an_unquoted_sent_by_never_passes_for_the_person():
    one = only(calendar("UID:u1", "ATTENDEE;PARTSTAT=ACCEPTED;SENT-BY=mailto:eve@x.example:mailto:lea@corp.example"))
    assert one.attendees[0].address == "" and "sent_by_unreadable" in one.defects


def test_google_comments_are_unescaped_once_and_cannot_turn_the_line_around():
    comment = 'X-RESPONSE-COMMENT="I&rsquo\\;ve &amp\\;lt\\; \u202eabc"'
    one = only(calendar("UID:u1", f"ATTENDEE;PARTSTAT=DECLINED;{comment}:mailto:lea@corp.example"))
    assert one.comment == "I’ve &lt; abc"


def test_methods_that_differ_are_no_method_and_the_same_twice_is_one():
    assert only(calendar(*BASE, method="METHOD:REPLY\r\nMETHOD:CANCEL")).defects == ("method_twice",)
    assert only(calendar(*BASE, method="METHOD:REPLY\r\nMETHOD:reply")).method == "REPLY"
    assert only(calendar(*BASE, method="X-A:b")).defects == ("method_missing",)
    assert only(calendar("METHOD:REPLY", *BASE, method="X-A:b")).method == ""


@pytest.mark.parametrize("data, charset", [
    (calendar(*BASE, "COMMENT:Zoë").decode().encode("utf-16"), "utf-16"),
    (calendar(*BASE, "COMMENT:Zoë").decode().encode("utf-16-le"), "utf-16"),
    (b"\xef\xbb\xbf" + calendar(*BASE, "COMMENT:Zoë"), None),
    (calendar(*BASE, "COMMENT:Zoë").decode().encode("latin-1"), None),
    (calendar(*BASE, "COMMENT:Zoë").decode().encode("latin-1"), "iso-4444-5"),
    (calendar(*BASE, "COMMENT:Zoë").decode().encode("cp1252"), "windows-1252"),
    (calendar(*BASE, "COMMENT:Zoë"), "us-ascii"),
    (calendar(*BASE, "COMMENT:Zoë").replace(b"\xc3\xab", b"\xc3\r\n \xab"), "utf-8"),
    (calendar(*BASE, "COMMENT:Zoë").replace(b"\r\n", b"\n"), "utf-8"),
    (calendar(*BASE, "COMMENT:Zoë").replace(b"\r\n", b"\r"), "utf-8"),
    (calendar(*BASE, "COMMENT:Zoë").replace(b"UID:u1", b"uid:u\r\n\t1"), "utf-8"),
])  # fmt: skip
def test_every_coding_and_line_end_that_programs_send_is_read(data, charset):
    one = only(data, charset)
    assert (one.uid, one.comment, one.sequence) == ("u1", "Zoë", 2)


def test_a_calendar_that_breaks_off_counts_for_nothing():
    assert objects(calendar(*BASE)[:-30]) == ([], ["truncated"])


@pytest.mark.parametrize("data, defect", [
    (b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\n" * 9000, "too_deep"),
    (b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nEND:VEVENT\n" * 9000, "too_many_objects"),
    (b"x" * 300_000, "calendar_too_large"),
])  # fmt: skip
def test_bombs_are_named(data, defect):
    assert defect in objects(data)[1]


@pytest.mark.parametrize(
    "piece", [b"\r\n X", b'ATTENDEE;CN="', b"ATTENDEE;X=1", b";A=b", b"\r", b"ATTENDEE:mailto:a@b.example\n", b"\r\n\r"]
)
def test_a_quarter_megabyte_of_anything_is_read_in_moments(piece):
    import time

    data = calendar(*BASE, "ATTENDEE" + (piece * (200_000 // len(piece))).decode())
    began = time.process_time()
    objects(data)
    assert time.process_time() - began < 1.5


@given(st.binary(max_size=300))
def test_no_bytes_ever_raise(noise):
    assert isinstance(objects(noise)[1], list)
    assert isinstance(objects(calendar(*BASE).replace(b"u1", noise))[0], list)
    for charset in ("utf-7", "idna", "unicode_escape", "utf-16", "nope\x00", "base64", "zlib"):
        objects(calendar(*BASE) + noise, charset)


def test_an_object_goes_through_json_and_comes_back_the_same():
    import json

    one = only(calendar(*BASE, "COMMENT:x", "DTSTART:20270310T130000Z"))
    assert ItipObject.from_dict(json.loads(json.dumps(as_dict(one)))) == one


def test_twins_count_once_and_contradictions_are_seen():
    yes = only(calendar(*BASE))
    no = only(calendar(*[line.replace("ACCEPTED", "DECLINED") for line in BASE]))
    other_date = only(calendar(*BASE, "RECURRENCE-ID:20270405T070000Z").replace(b"ACCEPTED", b"DECLINED"))
    assert merged([yes, yes]) == ([yes], [])
    assert merged([yes, no])[1] == ["conflicting_parts"]
    assert merged([yes, other_date]) == ([yes, other_date], [])


def test_the_one_who_answers_is_found_among_several_or_nobody_is():
    bob = "ATTENDEE;PARTSTAT=DECLINED:mailto:bob@corp.example"
    both = only(calendar("UID:u1", LEA, bob))
    assert attendee_of(both, {"lea@corp.example"}).partstat == "ACCEPTED"
    assert attendee_of(both, {"eve@corp.example"}) is AttendeeProblem.MULTIPLE
    waiting = only(calendar("UID:u1", LEA, bob.replace("DECLINED", "NEEDS-ACTION")))
    assert answer_of(attendee_of(waiting, set())) is Answer.YES
    assert attendee_of(only(calendar("UID:u1")), set()) is AttendeeProblem.MISSING
    assert attendee_of(only(calendar("UID:u1", "ATTENDEE:nobody")), set()) is AttendeeProblem.UNREADABLE
