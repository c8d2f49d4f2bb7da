"""What a relay's answer means for a delivery: the table, and when it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.envelope import Outcome
from mail.retries import AFTER_CUT, after, backoff

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def outcome(state: str, code: int = 0, enhanced: str | None = None, text: str = "", phase: str = "dot") -> Outcome:
    return Outcome(7, state, code, enhanced, text, phase)


# state, code, enhanced, words -> state, class, ambiguous, counted
TABLE = [
    (outcome("sent", 250), "sent", None, False, True),
    (outcome("temporary", 450, "4.7.1", "greylisted"), "deferred", "policy", False, True),
    (outcome("temporary", 451, "4.3.0", "try later"), "deferred", "transient", False, True),
    (outcome("temporary", 452, "4.2.2", "mailbox full"), "deferred", "mailbox_full", False, True),
    (outcome("permanent", 550, "5.1.1", "no such user"), "dead", "hard_address", False, True),
    (outcome("permanent", 552, "5.3.4", "too big"), "dead", "too_big", False, True),
    (outcome("permanent", 554, "5.7.1", "blocked"), "deferred", "policy", False, True),
    (outcome("permanent", 554, "5.6.0", "bad content"), "dead", "content", False, True),
    (outcome("ambiguous", 0, None, "connection lost"), "deferred", None, True, True),
    (outcome("unsent", 0, None, "421 closing"), "queued", None, False, False),
]


@pytest.mark.parametrize(("said", "state", "kind", "ambiguous", "counted"), TABLE)
def test_each_answer_has_its_consequence(said, state, kind, ambiguous, counted):
    step = after(said, 1, NOW)
    assert (step.state, step.bounce_class, step.ambiguous, step.attempt) == (state, kind, ambiguous, counted)
    assert (step.due_at is not None) == (state in ("deferred", "queued"))
    assert (step.error or "").startswith((str(said.code or ""), "The connection was lost")) or state == "sent"


def test_what_may_have_left_goes_out_again_soon_and_what_did_not_at_once():
    assert after(outcome("ambiguous"), 1, NOW).due_at == NOW + AFTER_CUT
    assert after(outcome("unsent"), 1, NOW).due_at == NOW


def test_no_words_from_the_relay_are_still_words_for_us():
    assert after(outcome("permanent"), 1, NOW).error == "No answer."


@given(st.integers(1, 2**40), st.integers(1, 200))
def test_each_wait_is_past_greylisting_and_never_longer_than_the_longest(number, attempts):
    wait = backoff(number, attempts)
    assert timedelta(seconds=240) <= wait <= timedelta(seconds=4800) and wait == backoff(number, attempts)


@given(st.integers(1, 2**40))
def test_waits_grow_and_a_hundred_tries_take_days(number):
    waits = [backoff(number, n) for n in range(1, 7)]
    assert waits[2] > waits[0] and waits[4] > waits[2] and sum((backoff(number, n) for n in range(1, 101)), timedelta()) > timedelta(days=3)


def test_a_crowd_does_not_come_back_in_one_second():
    assert len({backoff(n, 1) // timedelta(seconds=1) for n in range(500)}) > 80
