"""When somebody is reminded: zones, the nights when clocks change, outages, moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedserver.errors import Invalid
from feedserver.training.reminders import BEGUN, LATE, LATER_ONE, RULES, SENT, USUAL, check, due, in_effect, moment

START = datetime(2027, 3, 10, 13, tzinfo=UTC)
LONG_AGO = datetime(2027, 1, 1, tzinfo=UTC)


def at(now: datetime, rules=USUAL, zone="Europe/Berlin", starts_at=START, known=LONG_AGO, since=LONG_AGO, done=()) -> dict[str, str]:
    found = due(rules, starts_at, zone, now, since=since, known_since=known, done=dict.fromkeys(done))
    return {one.rule: one.outcome for one in found}


@pytest.mark.parametrize(
    ("start", "zone", "expected"),
    [
        ("2027-03-28T09:00", "Europe/Berlin", "2027-03-28T06:00"),  # clocks went forward this night
        ("2027-10-31T10:00", "Europe/Berlin", "2027-10-31T07:00"),  # and back
        ("2027-04-04T00:30", "Australia/Sydney", "2027-04-03T22:00"),  # the southern autumn; there it is Sunday already
        ("2027-03-10T01:00", "America/Los_Angeles", "2027-03-09T16:00"),  # there it is the day before
        ("2027-03-10T06:59", "Europe/Berlin", None),  # begins before eight: no morning is left
    ],
)
def test_the_morning_is_that_of_the_day_where_the_reader_lives(start, zone, expected):
    found = moment("morning", datetime.fromisoformat(start).replace(tzinfo=UTC), zone)
    assert found == (expected and datetime.fromisoformat(expected).replace(tzinfo=UTC))


def test_hours_are_hours_also_where_the_clock_changes_between():
    assert moment("48h", datetime(2027, 3, 28, 13, tzinfo=UTC), "Europe/Berlin") == datetime(2027, 3, 26, 13, tzinfo=UTC)


def test_each_goes_at_its_moment_and_not_a_second_before():
    moment_of_first = START - timedelta(hours=48)
    assert at(moment_of_first - timedelta(seconds=1)) == {}
    assert at(moment_of_first) == {"48h": SENT}
    assert at(moment_of_first, done=["48h"]) == {}


def test_after_an_outage_what_is_past_is_noted_and_only_the_latest_goes():
    morning = datetime(2027, 3, 10, 7, tzinfo=UTC)
    assert at(morning + timedelta(hours=1)) == {"48h": LATE, "morning": SENT}
    assert at(START + timedelta(minutes=1)) == {"48h": BEGUN, "morning": BEGUN}
    assert at(morning + timedelta(hours=3)) == {"48h": LATE, "morning": LATE}
    assert at(START - timedelta(minutes=50), rules=("4h", "1h"), since=LONG_AGO) == {"4h": LATE, "1h": SENT}
    assert at(START - timedelta(hours=3), rules=("4h", "morning")) == {"4h": SENT, "morning": LATE}
    early = datetime(2027, 3, 10, 8, 30, tzinfo=UTC)
    assert at(early - timedelta(minutes=30), rules=("morning", "1h"), starts_at=early) == {"morning": LATER_ONE, "1h": SENT}


def test_who_was_told_of_this_time_after_the_moment_gets_none():
    now = START - timedelta(hours=47)
    assert at(now, known=now - timedelta(minutes=30)) == {}
    assert at(now, since=now - timedelta(minutes=1)) == {}


def test_the_most_specific_that_says_something_wins_and_nothing_is_an_answer():
    assert in_effect(None, None, None) == USUAL
    assert in_effect(None, ["24h"], ["1h"]) == ("24h",)
    assert in_effect([], ["24h"], None) == ()


def test_only_what_the_table_has_can_be_chosen():
    assert check(["morning", "48h", "48h"]) == ["48h", "morning"] and check(None) is None and len(RULES) > 3
    with pytest.raises(Invalid, match="is no reminder"):
        check(["soon"])
