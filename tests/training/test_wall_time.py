"""Wall-clock times: which exist, once or twice, and what is said of those that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.errors import Invalid
from feedserver.training.changes import instant
from feedserver.training.wall_time import check_times, check_zone, exists

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
# zone, a time that the clocks skip, what is offered instead
GAPS = [
    ("Europe/Berlin", datetime(2027, 3, 28, 2, 30), "Choose 01:30 or 03:30."),
    ("America/New_York", datetime(2027, 3, 14, 2, 0), "Choose 01:00 or 03:00."),
    ("Australia/Lord_Howe", datetime(2027, 10, 3, 2, 15), "Choose 01:45 or 02:45."),
    ("America/Santiago", datetime(2027, 9, 5, 0, 30), "Choose 23:30 or 01:30."),
]
OVERLAPS = [
    ("Europe/Berlin", datetime(2027, 10, 31, 2, 30), 60),
    ("America/New_York", datetime(2027, 11, 7, 1, 0), 60),
    ("Australia/Lord_Howe", datetime(2027, 4, 4, 1, 45), 30),
]


@pytest.mark.parametrize(("zone", "local", "choice"), GAPS)
@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_the_clocks_skip_is_refused_with_the_choice(zone, local, choice, fold):
    assert not exists(local, zone, fold)
    with pytest.raises(Invalid, match=choice) as refused:
        check_times(local, local + timedelta(hours=5), zone, fold)
    assert refused.value.field == "start"


def test_an_end_that_the_clocks_skip_is_named_as_the_end():
    with pytest.raises(Invalid, match="does not exist") as refused:
        check_times(datetime(2027, 3, 28, 1), datetime(2027, 3, 28, 2, 30), "Europe/Berlin", 0)
    assert refused.value.field == "end"


@pytest.mark.parametrize(("zone", "local", "minutes"), OVERLAPS)
def test_a_time_that_exists_twice_is_two_instants(zone, local, minutes):
    assert exists(local, zone, 0) and exists(local, zone, 1)
    assert instant(local, zone, 1) - instant(local, zone, 0) == timedelta(minutes=minutes)


@given(st.sampled_from(ZONES), st.datetimes(datetime(1990, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)))
def test_whatever_a_clock_shows_exists_and_leads_back_to_the_moment(zone, moment):
    shown = moment.astimezone(ZoneInfo(zone))
    assert exists(shown.replace(tzinfo=None, fold=0), zone, shown.fold)
    assert instant(shown.replace(tzinfo=None, fold=0), zone, shown.fold) == moment


@pytest.mark.parametrize(
    ("length", "refused"),
    [(timedelta(0), "end after it starts"), (-timedelta(minutes=1), "end after"), (timedelta(days=31, seconds=1), "31 days")],
)
def test_lengths_that_make_no_session(length, refused):
    start = datetime(2027, 6, 1, 10)
    check_times(start, start + timedelta(days=31), "UTC", 0)
    with pytest.raises(Invalid, match=refused) as error:
        check_times(start, start + length, "UTC", 0)
    assert error.value.field == "end"


@pytest.mark.parametrize("year", [1989, 2201])
def test_years_that_are_a_slip_of_the_hand(year):
    with pytest.raises(Invalid, match="outside the years"):
        check_times(datetime(year, 5, 1, 10), datetime(year, 5, 1, 11), "UTC", 0)


@pytest.mark.parametrize(
    "name", ["", "Berlin", "Europe/Berlín", "../etc/passwd", "/etc/localtime", "posix/UTC", "localtime", "Factory", "a\0b"]
)
def test_what_is_no_zone_is_refused_in_words(name):
    with pytest.raises(Invalid, match="not an IANA time zone") as refused:
        check_zone(name)
    assert refused.value.field == "timezone"


def test_a_zone_keeps_its_name():
    assert check_zone("Europe/Berlin") == "Europe/Berlin" and check_zone("Asia/Calcutta") == "Asia/Calcutta"
