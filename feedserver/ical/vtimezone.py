"""VTIMEZONE (RFC 5545 3.6.5) in the one form that Outlook and Thunderbird both read, made from the pinned tzdata.

One STANDARD and one DAYLIGHT with a yearly RRULE, from the POSIX footer of the zone's file. Outlook reads no RDATE,
Thunderbird the first date of it only. Whatever is made is compared with the zone itself over the dates in question; a
zone that keeps no rule gets plain observances for just those dates; what cannot be said at all is left to UTC by the
caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_KEY = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_NAME, _OFFSET = r"(<[^>]+>|[A-Za-z]+)", r"([+-]?\d+(?::\d+){0,2})"
_FOOTER = re.compile(rf"{_NAME}{_OFFSET}(?:{_NAME}{_OFFSET}?,M([^,]+),M([^,]+))?")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EPOCH = datetime(1970, 1, 1)
_MOST_CHANGES = 40

Rule = tuple[int, int, int]
"""Month, which one (-1 the last), weekday (Monday 0)."""


@dataclass(frozen=True, slots=True)
class Observance:
    """A STANDARD or DAYLIGHT: from `start` (local, in the offset before) on, each year by `rule` or just once."""

    start: datetime
    before: timedelta
    after: timedelta
    name: str
    rule: Rule | None = None

    def onsets(self, years: range) -> list[tuple[datetime, timedelta]]:
        """When it begins in these years (UTC, naive) and the offset from then on."""
        if self.rule is None:
            return [(self.start - self.before, self.after)]
        return [(datetime.combine(_nth(year, *self.rule), self.start.time()) - self.before, self.after) for year in years]


@lru_cache(maxsize=1024)
def vtimezone(zone: str, first: datetime, last: datetime) -> bytes | None:
    """The VTIMEZONE of an IANA zone, right from `first` to `last` (both aware), or None: then write UTC.

    A short window gets the form for its whole years where that is right, so that events of one zone share it.
    """
    first, last = sorted((first.astimezone(UTC).replace(tzinfo=None), last.astimezone(UTC).replace(tzinfo=None)))
    if load(zone) is None:
        return None
    whole_years = datetime(first.year, 1, 1), datetime(last.year + 1, 1, 1)
    for window in (whole_years, (first, last)):
        observances = _yearly(zone, *window)
        if observances and _agrees(zone, observances, *window):
            return _write(zone, observances)
    observances = _plain(zone, first, last)
    return _write(zone, observances) if observances and _agrees(zone, observances, first, last) else None


@lru_cache(maxsize=1024)
def load(zone: str) -> ZoneInfo | None:
    """The zone from the pinned tzdata, whatever the machine holds; None where there is none of that name."""
    source = _source(zone)
    if source is None:
        return None
    with source.open("rb") as file:
        return ZoneInfo.from_file(file, key=zone)


def _source(zone: str):
    if not _KEY.fullmatch(zone):
        return None
    path = files("tzdata.zoneinfo").joinpath(*zone.split("/"))
    if not path.is_file():
        return None
    return path if path.read_bytes()[:4] == b"TZif" else None


def _nth(year: int, month: int, which: int, weekday: int) -> date:
    if which > 0:
        day = date(year, month, 1)
        return day + timedelta((weekday - day.weekday()) % 7 + 7 * (which - 1))
    day = date(year + month // 12, month % 12 + 1, 1) - timedelta(1)
    return day - timedelta((day.weekday() - weekday) % 7 + 7 * (-which - 1))


def _seconds(text: str) -> int:
    parts = [int(x) for x in text.lstrip("+-").split(":")] + [0, 0]
    return (parts[0] * 3600 + parts[1] * 60 + parts[2]) * (-1 if text[0] == "-" else 1)


@lru_cache(maxsize=4096)
def _yearly(zone: str, first: datetime, last: datetime) -> tuple[Observance, ...]:
    """What the footer says; empty where it has no yearly rule that can be written for these years."""
    footer = _source(zone).read_bytes().rsplit(b"\n", 2)[1].decode()
    match = _FOOTER.fullmatch(footer)
    if match is None:
        return ()
    name, offset, summer_name, summer_offset, *rules = match.groups()
    usual = timedelta(seconds=-_seconds(offset))
    if summer_name is None:
        return (Observance(_EPOCH, usual, usual, name.strip("<>")),)
    other = timedelta(seconds=-_seconds(summer_offset)) if summer_offset else usual + timedelta(hours=1)
    years = range(first.year, last.year + 1)
    pairs = ((rules[0], usual, other, summer_name), (rules[1], other, usual, name))
    observances = [_by_rule(text, before, after, label.strip("<>"), years) for text, before, after, label in pairs]
    return tuple(observances) if all(observances) else ()


def _by_rule(text: str, before: timedelta, after: timedelta, name: str, years: range) -> Observance | None:
    day, _, clock = text.partition("/")
    month, week, weekday = (int(x) for x in day.split("."))
    shift, seconds = divmod(_seconds(clock) if clock else 7200, 86400)
    rule = _shifted((month, -1 if week == 5 else week, (weekday - 1) % 7), shift, years)
    if rule is None:
        return None
    return Observance(datetime.combine(_nth(1970, *rule), datetime.min.time()) + timedelta(seconds=seconds), before, after, name, rule)


def _shifted(rule: Rule, shift: int, years: range) -> Rule | None:
    """The rule moved by days (Cairo: the day after the last Thursday) as an nth weekday, right in all these years."""
    if not shift:
        return rule
    days = [_nth(year, *rule) + timedelta(shift) for year in years]
    weekday = days[0].weekday()
    for month in sorted({day.month for day in days}):
        for which in (1, 2, 3, 4, -1, -2):
            if all(_nth(day.year, month, which, weekday) == day for day in days):
                return month, which, weekday
    return None


def _plain(zone: str, first: datetime, last: datetime) -> tuple[Observance, ...]:
    """Observances that begin once each, for zones that keep no rule (Casablanca, Havana in 2026)."""
    changes = _changes(zone, first, last)
    if len(changes) > _MOST_CHANGES:
        return ()
    at_first = first.replace(tzinfo=UTC).astimezone(load(zone))
    before = at_first.utcoffset()
    observances = [Observance(_EPOCH, before, before, at_first.tzname())]
    for when, after in changes:
        name = when.replace(tzinfo=UTC).astimezone(load(zone)).tzname()
        observances.append(Observance(when + before, before, after, name))
        before = after
    return tuple(observances)


def _changes(zone: str, first: datetime, last: datetime) -> list[tuple[datetime, timedelta]]:
    return [c for year in range(first.year, last.year + 1) for c in _changes_of_year(zone, year) if first < c[0] <= last]


@lru_cache(maxsize=8192)
def _changes_of_year(zone: str, year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """Every change of the offset in a year of UTC: the instant and the new offset."""
    place = load(zone)

    def offset(when: datetime) -> timedelta:
        return when.replace(tzinfo=UTC).astimezone(place).utcoffset()

    found, low = [], datetime(year, 1, 1) - timedelta(seconds=1)
    end = datetime(year + 1, 1, 1) - timedelta(seconds=1)
    while low < end:
        high = min(low + timedelta(days=1), end)
        if offset(low) != offset(high):
            left, right = low, high
            while right - left > timedelta(seconds=1):
                middle = left + (right - left) // 2
                middle = middle.replace(microsecond=0)
                left, right = (middle, right) if offset(middle) == offset(left) else (left, middle)
            found.append((right, offset(right)))
        low = high
    return tuple(found)


def _agrees(zone: str, observances: tuple[Observance, ...], first: datetime, last: datetime) -> bool:
    """Whether the observances give the zone's own offset at `first` and every change of it up to `last`."""
    onsets = sorted(o for one in observances for o in one.onsets(range(first.year - 1, last.year + 2)))
    current = [after for when, after in onsets if when <= first][-1:]
    if current != [first.replace(tzinfo=UTC).astimezone(load(zone)).utcoffset()]:
        return False
    said = []
    for when, after in onsets:
        if first < when <= last and after != current[0]:
            said.append((when, after))
            current = [after]
    return said == _changes(zone, first, last) and all(
        o.before.total_seconds() % 60 == o.after.total_seconds() % 60 == 0 for o in observances
    )


def _write(zone: str, observances: tuple[Observance, ...]) -> bytes:
    ups = [one for one in observances if one.after > one.before]
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone}"]
    for one in observances:
        # Labelled by the offset: Dublin's own data calls the winter "daylight", which programs read upside down.
        falls_next = one.before == one.after and len(observances) > 1 and observances[1].after < observances[1].before
        kind = "DAYLIGHT" if one in ups or falls_next else "STANDARD"
        lines += [f"BEGIN:{kind}", f"DTSTART:{one.start:%Y%m%dT%H%M%S}"]
        if one.rule:
            month, which, weekday = one.rule
            lines.append(f"RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY={which}{_DAYS[weekday]}")
        lines += [
            f"TZOFFSETFROM:{_offset(one.before)}",
            f"TZOFFSETTO:{_offset(one.after)}",
            f"TZNAME:{one.name}",
            f"END:{kind}",
        ]
    return "\r\n".join([*lines, "END:VTIMEZONE", ""]).encode()


def _offset(value: timedelta) -> str:
    minutes = int(value.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
