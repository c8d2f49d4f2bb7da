"""How long a certificate holds, and when its warnings are due."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from feedserver.errors import Invalid
from feedserver.training import certificates


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
    ],
)
def test_months_end_where_the_month_does(day, months, then):
    assert certificates.add_months(day, months) == then


def test_who_renews_early_loses_nothing_and_who_renews_late_has_a_gap():
    assert certificates.expiry(date(2026, 11, 1), 12, date(2027, 1, 15)) == date(2028, 1, 15)
    assert certificates.expiry(date(2027, 3, 1), 12, date(2027, 1, 15)) == date(2028, 3, 1)
    assert certificates.expiry(date(2027, 3, 1), None, date(2027, 1, 15)) is None


def test_it_holds_on_its_last_day():
    ends = date(2027, 3, 1)
    states = [certificates.state(ends, day) for day in (date(2026, 12, 30), date(2026, 12, 31), ends, date(2027, 3, 2))]
    assert states == ["valid", "expiring", "expiring", "lapsed"] and certificates.state(None, ends) == "valid"


def test_the_morning_comes_to_each_zone_in_its_turn():
    zones = ["Pacific/Kiritimati", "Europe/Berlin", "America/New_York"]
    found = certificates.mornings(zones, datetime(2027, 3, 1, 8, 0, tzinfo=UTC))
    assert found[date(2027, 3, 1), date(2027, 3, 1)] == zones[:2] and found[date(2027, 2, 28), date(2027, 3, 1)] == zones[2:]
    early = certificates.mornings(zones[1:2], datetime(2027, 3, 1, 7, 59, 59, tzinfo=UTC))
    assert list(early) == [(date(2027, 2, 28), date(2027, 3, 1))]


def test_days_are_taken_once_the_farthest_first_and_within_a_year():
    assert certificates.check_days([0, 60, 7, 60], "days") == [60, 7, 0] and certificates.following([60, 7, 0], 60) == 7
    for wrong in ([366], [-1], list(range(11))):
        with pytest.raises(Invalid, match="before the end"):
            certificates.check_days(wrong, "days")
