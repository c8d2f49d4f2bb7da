"""Series (RFC 5545 3.3.10, 3.8.5): a validated subset of RRULE, its dates, and what calendars can be told of it.

Allowed: DAILY, WEEKLY, MONTHLY with INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST, ended by COUNT or UNTIL; at most 366 dates within ten years. Nothing
else is ever expanded: `FREQ=MINUTELY;BYSETPOS=2` never ends in any library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil import rrule

from ..errors import Invalid
from .changes import instant
from .wall_time import exists

MOST = 366
LONGEST = timedelta(days=3653)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES = {"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY}
_PARTS = ("FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST", "COUNT", "UNTIL")
_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


@dataclass(frozen=True, slots=True)
class Rule:
    """An RRULE of the subset. `by_day` holds (ordinal or 0, weekday with Monday 0); `until` is an aware UTC instant; either it or `count` is set."""

    freq: str
    interval: int = 1
    by_month: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0
    count: int | None = None
    until: datetime | None = None

    def text(self) -> str:
        """The value of the RRULE property, UNTIL in UTC as a DTSTART with TZID asks for."""
        values = {
            "FREQ": self.freq,
            "INTERVAL": str(self.interval) if self.interval > 1 else "",
            "BYMONTH": _joined(self.by_month),
            "BYMONTHDAY": _joined(self.by_month_day),
            "BYDAY": ",".join(f"{number or ''}{DAYS[day]}" for number, day in self.by_day),
            "BYSETPOS": _joined(self.by_set_pos),
            "WKST": DAYS[self.week_start] if self.week_start else "",
            "COUNT": str(self.count) if self.count else "",
            "UNTIL": f"{self.until:%Y%m%dT%H%M%SZ}" if self.until else "",
        }
        return ";".join(f"{name}={value}" for name, value in values.items() if value)

    @property
    def outlook_knows(self) -> bool:
        """Whether Outlook takes it: it refuses the whole message for two days of the month, or two ordinal weekdays (KB 2643084)."""
        ordinal = [day for number, day in self.by_day if number]
        return (
            len(self.by_month_day) < 2 and len(ordinal) < 2 and not (self.by_month and self.freq != "MONTHLY") and len(self.by_set_pos) < 2
        )


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a series: `recurrence_id` is its original start as an instant (RFC 5545 3.8.4.4); `start` and `end` are wall-clock times."""

    recurrence_id: datetime
    start: datetime
    end: datetime
    fold: int = 0

    @property
    def key(self) -> str:
        """As the API writes it: `YYYYMMDDTHHMMSSZ`."""
        return f"{self.recurrence_id:%Y%m%dT%H%M%SZ}"


def parse_rule(text: str, timezone: str) -> Rule:
    """The rule of an RRULE value; raises `Invalid` (field `recurrence`) with what to write instead."""
    parts = _parts(text)
    freq = parts.get("FREQ", "")
    if freq not in _FREQUENCIES:
        raise _invalid(f"FREQ has to be DAILY, WEEKLY or MONTHLY, not {freq[:20] or 'missing'}.")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise _invalid("Say when the series ends: either COUNT=10, or UNTIL=20271231T225959Z.")
    rule = Rule(
        freq,
        interval=_number(parts, "INTERVAL", 1, 1, 365),
        by_month=_numbers(parts, "BYMONTH", 1, 12),
        by_month_day=_numbers(parts, "BYMONTHDAY", -31, 31),
        by_day=_days(parts, freq),
        by_set_pos=_numbers(parts, "BYSETPOS", -31, 31),
        week_start=_week_start(parts),
        count=_number(parts, "COUNT", None, 1, MOST),
        until=_until(parts["UNTIL"], timezone) if "UNTIL" in parts else None,
    )
    if rule.by_month_day and freq == "WEEKLY":
        raise _invalid("BYMONTHDAY does not go with FREQ=WEEKLY (RFC 5545 3.3.10).")
    if rule.by_set_pos and not (rule.by_day or rule.by_month_day):
        raise _invalid("BYSETPOS picks among BYDAY or BYMONTHDAY; give one of them.")
    return rule


def starts(rule: Rule, start: datetime, timezone: str) -> list[datetime]:
    """The wall-clock starts of the series, at most 366; raises `Invalid` where there are none, too many, or `start` is not one of them."""
    last = start + LONGEST
    end = min(last, rule.until.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)) if rule.until else last
    # dateutil has its own ideas about a count beside an end, so the count is taken here.
    found = list(islice(_expanded(rule, start, end), min(rule.count or MOST + 1, MOST + 1)))
    if not found or found[0] != start:
        following = next(iter(_expanded(replace(rule, count=None, until=None), start, last)), None)
        hint = f" The first date that fits is {following:%Y-%m-%d}: start there, or change the rule." if following else ""
        raise _invalid(f"The series starts on {start:%Y-%m-%d}, which its own rule leaves out.{hint}")
    if len(found) > MOST:
        raise _invalid(f"A series has at most {MOST} dates.")
    if rule.count and len(found) < rule.count:
        raise _invalid(f"A series ends within ten years; by then only {len(found)} of {rule.count} dates are reached.")
    return found


def occurrences(rule: Rule, start: datetime, end: datetime, timezone: str) -> list[Occurrence]:
    """The dates of the series. Each lasts as long as the first (RFC 5545 3.8.5.3: the same exact duration).

    Where clocks go back the first of two equal times is meant, where they go forward the offset before holds (RFC 5545 3.3.5). A date
    that would begin and end within the hour that comes twice ends as the clock says, an hour later.
    """
    zone = ZoneInfo(timezone)
    length = instant(end, timezone) - instant(start, timezone)
    made = []
    for local in starts(rule, start, timezone):
        at = instant(local, timezone)
        shown = at.astimezone(zone).replace(tzinfo=None)
        finish = (at + length).astimezone(zone).replace(tzinfo=None)
        made.append(_date(at, shown, finish, end - start, timezone))
    return made


def closed(rule: Rule, start: datetime, timezone: str) -> Rule:
    """The same dates with UNTIL in place of COUNT: so somebody who joins late has the same end."""
    return replace(rule, count=None, until=instant(starts(rule, start, timezone)[-1], timezone))


@lru_cache(maxsize=512)
def closed_text(text: str, start: datetime, timezone: str) -> str:
    """The RRULE value of `closed`, from one that was checked before."""
    return closed(parse_rule(text, timezone), start, timezone).text()


def awkward(one: Occurrence, timezone: str) -> bool:
    """Whether programs read this date of an RRULE differently, so that it needs an entry of its own.

    Of two equal times libical and ical.js take the second, where RFC 5545 3.3.5 means the first. Over a change of the clocks ical.js (Thunderbird)
    and recurring-ical-events let a date last as long by the clock, libical as 3.8.5.3 says.
    """
    twice = any(instant(local, timezone, 0) != instant(local, timezone, 1) for local in (one.start, one.end))
    return twice or instant(one.end, timezone, one.fold) - instant(one.start, timezone, one.fold) != one.end - one.start


def missing(rule: Rule, start: datetime, timezone: str) -> list[datetime]:
    """The wall-clock starts of the series that the clocks of the zone never show."""
    return [local for local in starts(rule, start, timezone) if not exists(local, timezone)]


def shifted(rule: Rule, start: datetime, to: datetime, timezone: str) -> Rule:
    """The rule of the same number of dates where the first moves from `start` to `to`: a weekly series to other weekdays, a monthly one to another day."""
    days = (to.date() - start.date()).days
    by_day, by_month_day = rule.by_day, rule.by_month_day
    if rule.freq == "WEEKLY":
        by_day = tuple((number, (day + days) % 7) for number, day in by_day)
    elif by_month_day == (start.day,):
        by_month_day = (to.day,)
    return replace(rule, by_day=by_day, by_month_day=by_month_day, until=None, count=len(starts(rule, start, timezone)))


def after_split(rule: Rule, start: datetime, timezone: str, at: datetime) -> tuple[Rule, Rule]:
    """The rule up to before the date that starts at `at` (wall clock), and the rule from it on: "this and following"."""
    every = starts(rule, start, timezone)
    if at not in every[1:]:
        raise _invalid("A series is split at one of its dates, not at the first.")
    before = replace(rule, count=None, until=instant(every[every.index(at) - 1], timezone))
    return before, replace(rule, count=None, until=instant(every[-1], timezone))


def crosses_clock_change(dates: Iterable[datetime], timezone: str) -> bool:
    """Whether the UTC offset differs between the first and any other of these wall-clock dates."""
    zone = ZoneInfo(timezone)
    return len({one.replace(tzinfo=zone).utcoffset() for one in dates}) > 1


def clock_marks(dates: Sequence[Occurrence], timezone: str) -> list[tuple[str, ...]]:
    """What the clocks do to each of these dates, in words: they have changed since the one before, or change while it is on."""
    zone, marks, before = ZoneInfo(timezone), [], None
    for one in dates:
        offset = one.start.replace(tzinfo=zone, fold=one.fold).utcoffset()
        said = ["the clocks have changed before it"] if before not in (None, offset) else []
        marks.append((*said, *(["the clocks change during this time"] if awkward(one, timezone) else [])))
        before = offset
    return marks


def _date(at: datetime, start: datetime, end: datetime, length: timedelta, timezone: str) -> Occurrence:
    """`fold` says which of two equal times is meant by whichever of start and end exists twice; it cannot say one of each."""
    ends_at = end.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    for fold in (0, 1):
        if instant(start, timezone, fold) == at and instant(end.replace(fold=0), timezone, fold) == ends_at:
            return Occurrence(at, start.replace(fold=0), end.replace(fold=0), fold)
    return Occurrence(at, start.replace(fold=0), start.replace(fold=0) + length)


def _expanded(rule: Rule, start: datetime, end: datetime) -> Iterable[datetime]:
    return rrule.rrule(
        _FREQUENCIES[rule.freq], dtstart=start, until=end, interval=rule.interval, wkst=rule.week_start,
        bymonth=rule.by_month or None, bymonthday=rule.by_month_day or None, bysetpos=rule.by_set_pos or None,
        byweekday=[rrule.weekday(day, number or None) for number, day in rule.by_day] or None,
    )  # fmt: skip


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = piece.partition("=")
        if not equals or name not in _PARTS:
            raise _invalid(f"{piece[:40]!r} is not understood here; the parts are {', '.join(_PARTS)}.")
        if name in parts:
            raise _invalid(f"{name} is given twice.")
        parts[name] = value
    return parts


def _number(parts: dict[str, str], name: str, default: int | None, least: int, most: int) -> int | None:
    if name not in parts:
        return default
    return _whole(name, parts[name], least, most)


def _numbers(parts: dict[str, str], name: str, least: int, most: int) -> tuple[int, ...]:
    if name not in parts:
        return ()
    found = [_whole(name, piece, least, most) for piece in parts[name].split(",")]
    if 0 in found or len(set(found)) != len(found):
        raise _invalid(f"{name} has a value of 0, or one twice.")
    return tuple(found)


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,4}", text) or not least <= int(text) <= most:
        raise _invalid(f"{name} is a whole number from {least} to {most}, not {text[:20]!r}.")
    return int(text)


def _days(parts: dict[str, str], freq: str) -> tuple[tuple[int, int], ...]:
    if "BYDAY" not in parts:
        return ()
    found = []
    for piece in parts["BYDAY"].split(","):
        day = _DAY.fullmatch(piece)
        if not day:
            raise _invalid(f"BYDAY has {piece[:20]!r}; write MO, TU, WE, TH, FR, SA, SU, in a monthly series also 2TU or -1FR.")
        if day[1] and freq != "MONTHLY":
            raise _invalid("A number before a weekday goes with FREQ=MONTHLY alone.")
        found.append((int(day[1] or 0), DAYS.index(day[2])))
    return tuple(found)


def _week_start(parts: dict[str, str]) -> int:
    value = parts.get("WKST", "MO")
    if value not in DAYS:
        raise _invalid("WKST is the weekday that weeks start with: MO or SU.")
    return DAYS.index(value)


def _until(text: str, timezone: str) -> datetime:
    """UTC as it should be, or a date or local time as people write it: then in the zone of the series, a date to its end."""
    found = _UNTIL.fullmatch(text)
    try:
        if not found:
            raise ValueError
        day = datetime.strptime(found[1], "%Y%m%d")
        if not found[2]:
            return instant(datetime.combine(day, time(23, 59, 59)), timezone)
        at = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S")
        return at.replace(tzinfo=UTC) if found[3] else instant(at, timezone)
    except (ValueError, OverflowError) as error:
        raise _invalid(f"UNTIL is a date or an instant such as 20271231T225959Z, not {text[:20]!r}.") from error


def _joined(values: tuple[int, ...]) -> str:
    return ",".join(str(v) for v in values)


def _invalid(words: str) -> Invalid:
    return Invalid(words, field="recurrence")
