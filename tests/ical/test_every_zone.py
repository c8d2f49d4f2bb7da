"""Sessions of 2020 to 2040 in every zone there is: a foreign reader of the VTIMEZONE finds what the zone data say, or UTC is written."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import tzical

from feedserver.ical.vevent import is_utc, zone_of
from feedserver.ical.vtimezone import _source
from tests.support.sessions import snapshot

FIRST, LAST, STEP = 2020, 2040, 3
DAY = timedelta(days=1)


@cache
def read(vtimezone: bytes):
    """The zone as dateutil understands it, whatever its name."""
    return tzical(io.StringIO(vtimezone.decode().replace("\r\n", "\n"))).get()


def different_zones() -> list[str]:
    """One name for all that hold the same data."""
    return list({_source(name).read_bytes(): name for name in sorted(available_timezones()) if not is_utc(name)}.values())


def sessions(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, datetime]]:
    """Local starts and ends: in January, and by turns before and after each change of the clocks, and two days across it."""
    months = [datetime(year + n // 12, n % 12 + 1, 1, 12, tzinfo=UTC) for n in range(13)]
    yield _local(months[0], zone), _local(months[0] + timedelta(hours=2), zone)
    for low, high in pairwise(months):
        offset = low.astimezone(zone).utcoffset()
        if high.astimezone(zone).utcoffset() == offset:
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
        around = ((low - DAY / 2, low - DAY / 4), (high + DAY / 4, high + DAY / 2), (low - DAY, high + DAY))
        for first, last in around[:2] if (year // STEP) % 2 else around[2:]:
            yield _local(first, zone), _local(last, zone)


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


@pytest.mark.slow
def test_the_vtimezone_of_every_session_says_what_the_zone_data_say() -> None:
    seen, wrong, in_utc = 0, set(), defaultdict(int)
    for number, name in enumerate(different_zones()):
        zone = ZoneInfo(name)
        # Neighbours share their laws: each zone is looked at every third year, and every year in a third of them.
        for year in range(FIRST + number % STEP, LAST + 1, STEP):
            for start, end in sessions(zone, year):
                seen += 1
                vtimezone = zone_of(snapshot(start=start, end=end, timezone=name))
                if vtimezone is None:
                    in_utc[name] += 1
                    continue
                theirs = read(vtimezone)
                if any(theirs.utcoffset(local) != local.replace(tzinfo=zone).utcoffset() for local in (start, end)):
                    wrong.add((name, start))
    assert wrong == set()
    assert seen > 3_000
    assert sum(in_utc.values()) <= 10, in_utc
