"""How long a place is kept: the wish of the session, cut at its start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from feedserver.training.offers import kept_until, offered_until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
minutes = st.integers(0, 100_000)


def test_an_offer_lasts_a_day_but_never_past_the_start():
    assert offered_until(NOW, NOW + timedelta(days=9), 24 * 60) == NOW + timedelta(days=1)
    assert offered_until(NOW, NOW + timedelta(hours=3), 24 * 60) == NOW + timedelta(hours=3)
    assert offered_until(NOW, NOW, 24 * 60) is None


def test_a_declined_place_is_free_at_once_unless_the_session_holds_it():
    assert kept_until(NOW, NOW + timedelta(days=9), 0, 0) is None
    assert kept_until(NOW, NOW + timedelta(days=9), 120, 0) == NOW + timedelta(hours=2)


def test_nothing_is_held_into_the_locked_time():
    assert kept_until(NOW, NOW + timedelta(hours=3), 600, 60) == NOW + timedelta(hours=2)
    assert kept_until(NOW, NOW + timedelta(hours=1), 600, 60) is None


@given(minutes, minutes, minutes)
def test_what_is_kept_ends_after_now_and_not_after_the_start(start, length, lock):
    begins = NOW + timedelta(minutes=start)
    for until in (offered_until(NOW, begins, length + 1), kept_until(NOW, begins, length, lock)):
        assert until is None or NOW < until <= begins
