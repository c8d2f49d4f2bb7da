"""Days of steps relative to a start date."""

from __future__ import annotations

from datetime import date

import pytest

from feedserver.training.onboarding import day_of, in_reach

FRIDAY = date(2027, 1, 1)


@pytest.mark.parametrize(
    ("days", "as_it_is", "working"),
    [
        (0, date(2027, 1, 1), date(2027, 1, 1)),
        (1, date(2027, 1, 2), date(2027, 1, 4)),
        (2, date(2027, 1, 3), date(2027, 1, 4)),
        (3, date(2027, 1, 4), date(2027, 1, 4)),
        (-6, date(2026, 12, 26), date(2026, 12, 28)),
        (424, date(2028, 2, 29), date(2028, 2, 29)),
    ],
)
def test_a_weekend_gives_way_to_the_monday_after_it(days, as_it_is, working):
    assert day_of(FRIDAY, days) == as_it_is
    assert day_of(FRIDAY, days, working_days=True) == working


def test_days_out_of_reach_are_known_before():
    assert in_reach(FRIDAY, [-30, 3650])
    assert not in_reach(date(2199, 12, 1), [60]) and not in_reach(date(1990, 1, 2), [-2])
