"""Two sessions at one time: what both want is named, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.training.availability import Booking, clashes, many, overlaps

TEN = datetime(2027, 3, 1, 10, tzinfo=UTC)


def booking(hour: float = 0, hours: float = 1, **values) -> Booking:
    start = TEN + timedelta(hours=hour)
    return Booking(start, start + timedelta(hours=hours), **values)


def kinds(one: Booking, other: Booking, shared: int = 0) -> list[str]:
    return [clash.kind for clash in clashes(one, [other], {other.session_id: shared})]


def test_tina_in_two_rooms_at_ten_is_one_instructor_too_few():
    tina = frozenset({"tina@corp.example"})
    assert kinds(booking(instructors=tina, room_id=1), booking(0.5, session_id=2, instructors=tina, room_id=2)) == ["instructor"]


def test_one_room_for_two_sessions_is_named():
    assert kinds(booking(room_id=1), booking(-0.5, session_id=2, room_id=1)) == ["room"]


def test_one_after_the_other_is_no_conflict():
    assert kinds(booking(room_id=1), booking(1, session_id=2, room_id=1), 50) == []


def test_without_rooms_nobody_shares_one():
    assert kinds(booking(), booking(session_id=2)) == []


def test_a_session_is_never_in_its_own_way():
    assert kinds(booking(room_id=1, session_id=7), booking(room_id=1, session_id=7)) == []


@pytest.mark.parametrize(
    ("shared", "people", "said"),
    [(0, 1, False), (1, 1, True), (1, 5, False), (2, 9, True), (2, 10, False), (3, 100, False), (4, 100, True)],
)
def test_more_than_three_or_a_fifth_of_the_learners_are_many(shared, people, said):
    assert many(shared, people) is said
    assert kinds(booking(people=people), booking(session_id=2), shared) == (["learners"] if said else [])


@given(st.integers(-50, 50), st.integers(1, 50), st.integers(-50, 50), st.integers(1, 50))
def test_overlapping_is_mutual_and_means_a_shared_moment(start, length, other_start, other_length):
    one, other = booking(start, length), booking(other_start, other_length)
    shared = set(range(start, start + length)) & set(range(other_start, other_start + other_length))
    assert overlaps(one, other) == overlaps(other, one) == bool(shared)
