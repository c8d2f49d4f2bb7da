"""Content lines: nothing that people type can say more than its own text."""

from __future__ import annotations

import icalendar
from hypothesis import example, given
from hypothesis import strategies as st

from feedserver.ical.lines import clean, clean_line, escape, fold, param

NASTY = "a\r\nb\rc\nd\u2028e\u0085f\x0bg\x0ch\x00i\x1bj\x7fk;l,m\\n\\o\u202ep\u2066q\u200br\ufeff"


def event_of(*lines: bytes) -> icalendar.Event:
    return icalendar.Event.from_ical(b"BEGIN:VEVENT\r\n" + b"".join(lines) + b"END:VEVENT\r\n")


@given(st.text())
@example(NASTY)
@example("BEGIN:VCALENDAR\nEND:VEVENT\nATTENDEE:mailto:x@y.example")
def test_whatever_somebody_types_comes_back_as_its_own_text(text: str) -> None:
    event = event_of(fold("SUMMARY:" + escape(text)))

    assert list(event) == ["SUMMARY"]
    assert str(event["SUMMARY"]) == clean(text)


@given(st.text())
@example('Zoë "Z", ^boss: x;PARTSTAT=ACCEPTED')
def test_a_name_stays_inside_its_parameter(name: str) -> None:
    event = event_of(fold(f"ATTENDEE;CN={param(name)};PARTSTAT=NEEDS-ACTION:mailto:lea@corp.example"))

    assert set(event["ATTENDEE"].params) == {"CN", "PARTSTAT"}
    assert event["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert event["ATTENDEE"].params["CN"] == clean(name)


def test_what_programs_read_differently_is_taken_out() -> None:
    assert clean(NASTY) == "a\nb\nc\ndefghijk;l,m\\n\\opqr"
    assert clean_line(" two\n lines ") == "two lines"
    assert clean("lone \ud83d surrogate") == "lone  surrogate"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400), st.integers(20, 75))
def test_every_line_is_short_and_whole(text: str, room: int) -> None:
    text = clean(text).replace("\n", " ")
    lines = fold(text, room).split(b"\r\n")

    assert lines.pop() == b""
    assert len(lines[0]) <= room and all(len(line) <= 75 for line in lines)
    assert all(line.decode() for line in lines[1:])
    assert b"".join([lines[0], *(line[1:] for line in lines[1:])]).decode() == text


def test_a_fold_splits_no_emoji_accent_or_flag() -> None:
    for whole in ("👩\u200d👩\u200d👧", "e\u0301\u0323", "👍🏽", "🇩🇪", "🏴\U000e0067\U000e0062\U000e007f"):
        for before in range(50, 76):
            pieces = fold("x" * before + whole * 9)[:-2].split(b"\r\n ")
            rest = b"".join(pieces).decode().removeprefix("x" * before)
            assert rest == whole * 9
            assert all(piece.decode().replace("x", "").replace(whole, "") == "" for piece in pieces), (whole, before)


def test_ten_thousand_accents_still_fold() -> None:
    assert max(map(len, fold("a" + "\u0301" * 10_000).split(b"\r\n"))) <= 75
