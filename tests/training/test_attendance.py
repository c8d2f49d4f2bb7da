"""Who came: words that people write, when a check-in or a join link counts, what is proposed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedserver.training.attendance import counts_as_joining, may_check_in, proposed, read_mark, refusal
from feedserver.training.statuses import EnrolmentStatus as S

START = datetime(2027, 3, 10, 14, tzinfo=UTC)
END = START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("words", "mark"),
    [
        ("Attended present YES x 1 Ja", S.ATTENDED),
        ("absent no No-Show 0 - nein", S.ABSENT),
        ("Go_Show walk-in", S.GO_SHOW),
        ("maybe ? 7", None),
    ],
)
def test_people_write_it_in_many_words(words, mark):
    assert {read_mark(word) for word in words.split()} == {mark}


@pytest.mark.parametrize(("minutes", "open_"), [(-31, False), (-30, True), (30, True), (120, True), (121, False)])
def test_check_in_is_open_around_the_session(minutes, open_):
    assert may_check_in(START, END, START + timedelta(minutes=minutes)) is open_


@pytest.mark.parametrize(("minutes", "counts"), [(-16, False), (-15, True), (60, True), (61, False)])
def test_the_join_link_says_something_only_during_the_session(minutes, counts):
    assert counts_as_joining(START, END, START + timedelta(minutes=minutes)) is counts


def test_whoever_was_seen_is_proposed_and_nobody_else():
    assert proposed(S.REGISTERED, START, None) is S.ATTENDED and proposed(S.WAITING_LIST, None, START) is S.GO_SHOW
    assert proposed(S.REGISTERED, None, None) is None and proposed(S.ABSENT, START, None) is None


@pytest.mark.parametrize(
    ("status", "mark", "refused"),
    [
        (S.REGISTERED, S.ABSENT, False),
        (S.DECLINED, S.ATTENDED, False),
        (S.WAITING_LIST, S.ABSENT, True),
        (None, S.ATTENDED, True),
        (None, S.GO_SHOW, False),
        (S.CANCELLED, S.ATTENDED, True),
        (S.WAITING_LIST, S.REGISTERED, True),
        (S.ATTENDED, S.REGISTERED, False),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused_with_words(status, mark, refused):
    assert bool(refusal(status, mark)) is refused
