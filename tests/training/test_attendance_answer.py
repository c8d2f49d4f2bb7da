"""Lists that come back by mail: thirty ways in which people say who was there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.training.attendance_answer import read
from feedserver.training.statuses import EnrolmentStatus as S

NAMES = {1: "Anna Ahlers", 2: "Ben Bauer", 3: "Cara Çelik", 4: "Dirk Müller", 5: "Eva Müller", 6: "José Núñez"}
SENT = "".join(f"[ ] {number} {name}\n" for number, name in NAMES.items())
QUOTED = "".join(f"> {line}\n" for line in SENT.splitlines())
YES, NO = S.ATTENDED, S.ABSENT


def marks(**who: S) -> dict[int, S]:
    return {int(number[1:]): mark for number, mark in who.items()}


EVERYBODY = dict.fromkeys(NAMES, YES)
EXAMPLES = [
    ("boxes ticked in the quote", QUOTED.replace("[ ] 1", "[x] 1").replace("[ ] 3", "[X] 3"), {1: YES, 3: YES}),
    ("boxes with words", "[x] 1 Anna Ahlers\n[no] 2 Ben Bauer\n[ ] 3 Cara Çelik", {1: YES, 2: NO}),
    ("a minus in the box", "> [-] 2 Ben Bauer\n> [+] 1 Anna Ahlers", {1: YES, 2: NO}),
    ("numbers alone", "1 3 5-6", {1: YES, 3: YES, 5: YES, 6: YES}),
    ("numbers with commas and a word", "1, 2 und 4", {1: YES, 2: YES, 4: YES}),
    ("numbers above what is quoted", f"1 2\n\n{QUOTED}", {1: YES, 2: YES}),
    ("all", "All", EVERYBODY),
    ("everybody, with courtesy", f"Hi,\n\neverybody came.\n\nBest regards\nTina\n\n{QUOTED}", EVERYBODY),
    ("all but one", "all but 3", EVERYBODY | {3: NO}),
    ("all but some, in German", "Alle außer 2 und 5", EVERYBODY | {2: NO, 5: NO}),
    ("all but one by name", "alle bis auf Ben", EVERYBODY | {2: NO}),
    ("all but a span, in French", "tous sauf 4-6", EVERYBODY | {4: NO, 5: NO, 6: NO}),
    ("nobody", "niemand", dict.fromkeys(NAMES, NO)),
    ("words behind numbers", "1 yes\n2 no\n3: present\n4 - absent", {1: YES, 2: NO, 3: YES, 4: NO}),
    ("words in German", "1 da\n2 gefehlt\n3 anwesend", {1: YES, 2: NO, 3: YES}),
    ("words behind names", "Anna Ahlers: yes\nBen Bauer absent", {1: YES, 2: NO}),
    ("first names, where they are enough", "Anna x\nBen no", {1: YES, 2: NO}),
    ("accents left out", "Cara Celik yes\nJose Nunez no", {3: YES, 6: NO}),
    ("the word first", "absent: 2, 4", {2: NO, 4: NO}),
    ("the word first, with names", "missing Ben and Cara", {2: NO, 3: NO}),
    ("a cross first", "x 1\nx 2", {1: YES, 2: YES}),
    ("some, and the rest", "1 2 3\nrest absent", {1: YES, 2: YES, 3: YES, 4: NO, 5: NO, 6: NO}),
    ("the rest in German", "2 abwesend\ndie übrigen da", EVERYBODY | {2: NO}),
    ("a line of the list without its box", "1 Anna Ahlers\n4 Dirk Müller", {1: YES, 4: YES}),
    ("answered below the quote", f"{QUOTED}\nall but 6", EVERYBODY | {6: NO}),
    ("own words outweigh the quote", "2 no\n" + QUOTED.replace("[ ] 2", "[x] 2"), {2: NO}),
    ("lines of an HTML mail without quote marks", SENT.replace("[ ] 4", "[x] 4"), {4: YES}),
    ("go show", "5 walk-in", {5: S.GO_SHOW}),
    ("notes behind the name", "> [x] 2 Ben Bauer (no answer yet)", {2: YES}),
    ("ticks of a phone", "☑ 1 Anna Ahlers\n☐ 2 Ben Bauer\n✗ 3 Cara Çelik", {1: YES, 3: NO}),
    ("Outlook's separator", f"1 2\n________________________________\nFrom: Training\n{SENT}", {1: YES, 2: YES}),
    ("HTML alone, below a line that says who wrote", f"all but 2\nOn Friday Training wrote:\nWhen: 3 March 2027\n{SENT}", EVERYBODY | {2: NO}),
    ("all, above boxes that were ticked before", "all\n> [-] 2 Ben Bauer", EVERYBODY),
    ("the list as it was", QUOTED, {}),
    ("nothing that is meant", "Thanks, will do.\n\n" + QUOTED, {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_who_was_there_is_read_from(text, expected):
    found = read(text, NAMES)
    assert (dict(found.marks), found.unclear) == (expected, ())


@pytest.mark.parametrize(
    "line", ["1 2 77", "Müller yes", "3 perhaps", "[??] 2 Ben Bauer", "2 yes no", "all but Zoe", "Tel. 0171 1234567", "[x] 2 absent"]
)
def test_what_cannot_be_told_is_said_back_and_marks_nobody(line):
    found = read(line, NAMES)
    assert not found.marks and len(found.unclear) == 1, found


def test_what_contradicts_itself_marks_nobody_and_the_rest_counts():
    found = read("1 yes\n1 no\n2 yes", NAMES)
    assert found.marks == {2: YES} and found.unclear == ("1 Anna Ahlers: Absent / Attended",)


def test_orders_in_what_is_quoted_are_not_the_answer():
    assert not read("> all\n> all but 3\n> 1 2 3\n> rest absent", NAMES).marks


@given(st.text(alphabet="[]x 123-,:\nAnaBen yesnoall>☑", max_size=200))
def test_only_people_of_the_list_are_marked_and_nothing_raises(text):
    assert set(read(text, NAMES).marks) <= set(NAMES)
