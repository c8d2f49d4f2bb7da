"""What follows from an exchange: one delivery that fails is tried again, a destination that fails rests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedserver.publish.outcomes import LONGEST_REST, Outcome, Result, after, retry_after

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def step(result: Result, attempts: int = 1, failures: int = 0, **values):
    return after(Outcome(result, **values), 7, attempts, failures, NOW)


def test_done_and_refused_are_final():
    assert step(Result.DONE).state == "sent" and step(Result.REFUSED).state == "dead"


def test_what_fails_is_tried_again_later_each_time():
    waits = [step(Result.FAILED, attempts).due_at - NOW for attempts in (1, 2, 3, 4, 5, 6, 9)]
    assert waits == sorted(waits) and timedelta(seconds=1) < waits[0] < timedelta(seconds=3)
    assert timedelta(minutes=40) < waits[-1] < timedelta(minutes=80)


@pytest.mark.parametrize("result", [Result.FAILED, Result.UNREACHABLE])
def test_the_third_failure_in_a_row_gives_the_destination_a_rest_that_grows(result):
    assert [step(result, failures=n).rest_until for n in (0, 1)] == [None, None]
    rests = [step(result, attempts=9, failures=n).rest_until - NOW for n in (2, 3, 4, 5, 20)]
    assert rests == sorted(rests) and rests[0] < timedelta(seconds=7) and timedelta(minutes=40) < rests[-1] < timedelta(minutes=80)
    resting = step(result, attempts=9, failures=2)
    assert resting.stops and resting.due_at == resting.rest_until


def test_a_server_that_asks_for_rest_has_it_but_not_for_ever():
    asked = step(Result.BUSY, retry_after=timedelta(seconds=90))
    assert asked.rest_until == asked.due_at == NOW + timedelta(seconds=90) and asked.stops
    assert step(Result.BUSY, retry_after=timedelta(days=9)).rest_until == NOW + LONGEST_REST
    assert step(Result.BUSY, retry_after=timedelta(seconds=-5)).rest_until > NOW


def test_who_is_not_let_in_knocks_three_times_and_who_is_told_that_it_is_gone_stops():
    assert [step(Result.DENIED, failures=n).ends for n in (0, 1, 2)] == [None, None, "broken"]
    assert step(Result.DENIED).rest_until > NOW and step(Result.GONE).ends == "paused"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("Sat, 21 Nov 2026 10:02:00 GMT", 120), ("", None), (None, None), ("soon", None), ("-5", None), ("9" * 400, 10**6)],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    assert retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))
