"""A trainer's hours cut into slots."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feedserver.errors import Invalid
from feedserver.training.slots import slots

DAY = date(2026, 12, 1)


def test_an_afternoon_of_three_with_breaks():
    found = slots([DAY], time(13), time(16), 45, 15)
    assert [start.hour for start, _ in found] == [13, 14, 15] and found[0][1] == datetime(2026, 12, 1, 13, 45)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"ends": time(9)}, "before they begin"),
        ({"length": 240}, "No slot fits"),
        ({"length": 1}, "takes 5 to 720"),
        ({"pause": -1}, "A break"),
        ({"days": [DAY + timedelta(days=n) for n in range(100)], "length": 5}, "at most 200"),
    ],
)
def test_hours_that_make_no_slots_are_refused_in_words(values, why):
    with pytest.raises(Invalid, match=why):
        slots(**{"days": [DAY], "begins": time(10), "ends": time(12), "length": 30, **values})


@given(st.integers(0, 22), st.integers(1, 23), st.integers(5, 300), st.integers(0, 120))
def test_slots_stay_within_the_hours_and_never_overlap(begins, ends, length, pause):
    assume(ends > begins and length <= (ends - begins) * 60 <= 200 * (length + pause))
    found = slots([DAY], time(begins), time(ends), length, pause)
    assert all(end - start == timedelta(minutes=length) and end <= datetime(2026, 12, 1, ends) for start, end in found)
    assert all(later[0] - earlier[1] == timedelta(minutes=pause) for earlier, later in pairwise(found))
