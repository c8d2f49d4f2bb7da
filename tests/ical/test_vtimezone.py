"""Every zone there is says the same as the zone data, in the form that Outlook and Thunderbird read."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import tzical

from feedserver.ical.vtimezone import load, vtimezone

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 12, 31, tzinfo=UTC)


def read(data: bytes):
    """The same VTIMEZONE as dateutil understands it."""
    return tzical(io.StringIO(data.decode().replace("\r\n", "\n"))).get()


def grid(first: datetime, last: datetime, hours: int):
    while first < last:
        yield first
        first += timedelta(hours=hours)


@pytest.mark.slow
def test_every_zone_gets_a_vtimezone_for_the_years_to_come() -> None:
    made = {zone: vtimezone(zone, FIRST, LAST) for zone in available_timezones()}

    assert len(made) > 590
    assert [zone for zone, data in made.items() if not data or f"TZID:{zone}\r\n".encode() not in data] == []
    assert {data.count(b"RDATE") for data in made.values()} == {0}


@pytest.mark.slow
def test_a_foreign_reader_finds_the_right_offset_in_every_zone() -> None:
    wrong = set()
    for zone in sorted(available_timezones()):
        theirs, ours = read(vtimezone(zone, FIRST, LAST)), ZoneInfo(zone)
        for utc in grid(FIRST, LAST, 24 * 5):
            local = utc.astimezone(ours).replace(tzinfo=None)
            if local.replace(tzinfo=theirs).utcoffset() != local.replace(tzinfo=ours).utcoffset():
                wrong.add(zone)
    assert wrong == set()


def test_around_each_change_the_hours_are_right() -> None:
    for zone in (
        "Europe/Berlin",
        "America/Havana",
        "Africa/Casablanca",
        "Africa/Cairo",
        "America/Santiago",
        "Asia/Gaza",
        "Australia/Lord_Howe",
    ):
        theirs, ours = read(vtimezone(zone, FIRST, LAST)), ZoneInfo(zone)
        for utc in grid(FIRST, LAST, 1):
            local = utc.astimezone(ours)
            nearby = {(utc + timedelta(hours=h)).astimezone(ours).utcoffset() for h in (-2, 2)}
            if len(nearby) == 2 and not local.fold and local.replace(fold=1).utcoffset() == local.utcoffset():
                assert local.replace(tzinfo=theirs).utcoffset() == local.utcoffset(), (zone, local)


def test_berlin_is_one_standard_and_one_daylight_by_yearly_rule() -> None:
    data = vtimezone("Europe/Berlin", FIRST, LAST).decode()

    assert re.findall("BEGIN:(STANDARD|DAYLIGHT)", data) == ["DAYLIGHT", "STANDARD"]
    assert "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU" in data and "DTSTART:19700329T020000" in data


def test_dublins_winter_is_not_called_daylight() -> None:
    data = vtimezone("Europe/Dublin", FIRST, LAST).decode()
    summer = data[data.index("BEGIN:DAYLIGHT") : data.index("END:DAYLIGHT")]

    assert "TZOFFSETTO:+0100" in summer and "TZNAME:IST" in summer


def test_cairo_changes_on_the_friday_after_the_last_thursday() -> None:
    data = vtimezone("Africa/Cairo", datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 6, 2, tzinfo=UTC)).decode()

    assert "BYDAY=-1FR" in data and "BYMONTHDAY" not in data and data.count("BEGIN:") == 3


def test_a_session_in_havana_s_odd_winter_gets_what_holds_then() -> None:
    when = datetime(2026, 12, 10, 15, tzinfo=UTC)
    data = vtimezone("America/Havana", when, when + timedelta(hours=1))

    assert read(data).utcoffset(datetime(2026, 12, 10, 11)) == when.astimezone(ZoneInfo("America/Havana")).utcoffset()


def test_vancouver_follows_the_pinned_data_and_not_the_machine() -> None:
    when = datetime(2027, 1, 15, tzinfo=UTC)

    assert when.astimezone(load("America/Vancouver")).utcoffset() == timedelta(hours=-7)
    assert b"TZOFFSETTO:-0700" in vtimezone("America/Vancouver", when, when)


@pytest.mark.parametrize("zone", ["Bogus/Zone", "../../etc/passwd", "Pacific", "", "Europe/", "zone.tab", "tzdata.zi"])
def test_what_is_no_zone_gets_none(zone: str) -> None:
    assert vtimezone(zone, FIRST, LAST) is None


def test_hours_that_no_rule_can_say_are_left_to_utc() -> None:
    long_ago = datetime(1890, 1, 1, tzinfo=UTC)

    assert vtimezone("Europe/Amsterdam", long_ago, long_ago) is None
