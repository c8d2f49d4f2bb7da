"""An entry of a collection elsewhere: what a server is given, and what it may make of that."""

from __future__ import annotations

from datetime import UTC

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.ical import published
from feedserver.ical.words import Words
from feedserver.services.comparing import Standing, Wanted, compare, differences
from feedserver.training.audiences import PUBLISHED
from feedserver.training.audiences import published as view
from tests.support.sessions import snapshot

MARK = "0123456789ab"


def stored(
    session_id: int = 7, kind: str = "room", detail: str = "full", stamp: int = 1_795_168_800, sequence: int = 2, **changes
) -> bytes:
    session = snapshot(**changes)
    data = published.entry(session, view(kind, detail, session.visibility), Words())
    return published.filled(data, published.uid_of(MARK, session_id), stamp, sequence)


def rewritten(data: bytes, *extra: str) -> bytes:
    """As a server gives it back that sorts, unfolds and writes times in UTC."""
    event = icalendar.Calendar.from_ical(data).walk("VEVENT")[0]
    lines = event.to_ical().decode().replace("\r\n ", "").split("\r\n")[1:-2]
    starts = [f"{name}:{event[name].dt.astimezone(UTC):%Y%m%dT%H%M%SZ}" for name in ("DTSTART", "DTEND")]
    kept = sorted(line for line in lines if not line.startswith(("DTSTART", "DTEND", "DTSTAMP"))) + starts
    return "\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *kept, "CREATED:20261121T000000Z", *extra, "END:VEVENT", "END:VCALENDAR", ""]
    ).encode()


@pytest.mark.parametrize("kind", PUBLISHED)
@pytest.mark.parametrize("detail", ["full", "title", "busy"])
def test_no_entry_names_or_counts_people_or_makes_a_server_send_mail(kind, detail):
    data = stored(kind=kind, detail=detail)
    event = icalendar.Calendar.from_ical(data).walk("VEVENT")[0]
    assert event["UID"] == "feedserver-0123456789ab-7" and event["SEQUENCE"] == 2 and event["STATUS"] == "CONFIRMED"
    assert not any(word in data for word in (b"METHOD", b"ORGANIZER", b"ATTENDEE", b"Seats", b"Register", b"\x00"))
    assert (b"Fire safety" in data) is (detail != "busy") and (b"Room 5" in data) is (detail == "full")
    assert (b"meet.example" in data) is (kind == "instructor" and detail == "full")


def test_what_is_private_stays_away_or_blocks_the_room_alone():
    assert view("everything", "full", "private") is view("course", "title", "private") is None
    data = stored(visibility="private")
    assert b"SUMMARY:Busy" in data and b"CLASS:PRIVATE" in data and b"TRANSP:OPAQUE" in data and b"laptop" not in data


def test_a_uid_names_a_session_in_one_collection_alone():
    assert published.session_of(MARK, published.uid_of(MARK, 7)) == 7
    strange = (
        "feedserver-0123456789ab-",
        "feedserver-0123456789ab-7x",
        "feedserver-ffffffffffff-7",
        "7",
        "",
        "feedserver-0123456789ab-" + "9" * 30,
    )
    assert [published.session_of(MARK, uid) for uid in strange] == [None] * 6


def test_the_same_words_have_the_same_digest_however_often_they_were_said():
    shown = view("room", "title", "public")
    first, second = (published.entry(snapshot(description=words), shown, Words()) for words in ("one", "two"))
    assert published.digest(first, "u") == published.digest(second, "u")
    assert published.digest(first, "u") != published.digest(published.entry(snapshot(title="Ice"), shown, Words()), "u")


def test_a_server_that_writes_an_entry_anew_has_changed_nothing():
    assert differences(stored(), stored(stamp=1_895_168_800, sequence=9)) == ()
    assert differences(stored(), rewritten(stored())) == ()
    assert differences(stored(), rewritten(stored(location="Elsewhere", title="Ice safety"))) == ("title", "place")
    assert differences(stored(), rewritten(stored(), "ATTENDEE:mailto:eve@corp.example")) == ("attendees",)


def test_comparing_finds_what_is_missing_extra_and_different_and_leaves_what_is_not_ours():
    wanted = [Wanted(n, published.uid_of(MARK, n), f"S{n}", stored(n)) for n in (1, 2, 3)]
    theirs = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:dentist\r\nSUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    there = [("1", stored(1)), ("2", stored(2, title="Ice")), ("9", stored(9)), ("copy", stored(1)), ("d", theirs), ("e", b"\xff\x00")]
    found, foreign = compare(MARK, wanted, [Standing(href, "e", data) for href, data in there])
    assert sorted((one.state, one.href, one.fields) for one in found) == [
        ("different", "2", ("title",)), ("extra", "9", ()), ("extra", "copy", ()), ("missing", "", ()),
    ]  # fmt: skip
    assert foreign == 2


@given(st.binary(max_size=200), st.sampled_from([b"UID", b"DTSTART;TZID=Mars/Base", b"SUMMARY", b"BEGIN:VALARM\r\nSUMMARY"]))
def test_comparing_bears_any_bytes(noise, name):
    data = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + name + b":" + noise + b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    found, foreign = compare(MARK, [Wanted(1, "u", "S", stored(1))], [Standing("x", "", data), Standing("y", "", noise)])
    assert [one.state for one in found][:1] in (["missing"], ["different"]) and foreign <= 2
