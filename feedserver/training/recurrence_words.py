"""A series in words, as the editor says it before saving."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from .recurrence import Rule

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_UNITS = {"DAILY": ("day", "days"), "WEEKLY": ("week", "weeks"), "MONTHLY": ("month", "months")}
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "last but one", -3: "third last"}


def in_words(rule: Rule, start: datetime, timezone: str) -> str:
    """One English sentence without a full stop: `every 2 weeks on Monday and Wednesday, 10 times`."""
    one, many = _UNITS[rule.freq]
    pieces = [f"every {one}" if rule.interval == 1 else f"every {rule.interval} {many}", _on(rule, start)]
    if rule.by_month:
        pieces.append("in " + _list([_MONTHS[month - 1] for month in rule.by_month]))
    said = " ".join(piece for piece in pieces if piece)
    if rule.count:
        return f"{said}, {'once' if rule.count == 1 else f'{rule.count} times'}"
    last = rule.until.astimezone(ZoneInfo(timezone))
    return f"{said}, until {last.day} {_MONTHS[last.month - 1]} {last.year}"


def _on(rule: Rule, start: datetime) -> str:
    if rule.by_set_pos:
        among = [_DAYS[day] for _, day in rule.by_day] or [f"day {day}" for day in rule.by_month_day]
        return f"on the {_list([_ordinal(place) for place in rule.by_set_pos])} of {_list(among)}"
    if rule.by_day:
        days = [f"the {_ordinal(number)} {_DAYS[day]}" if number else _DAYS[day] for number, day in rule.by_day]
        return "on " + _list(days)
    if rule.by_month_day:
        return "on " + _list([f"day {day}" if day > 0 else _from_the_end(day) for day in rule.by_month_day])
    if rule.freq == "WEEKLY":
        return "on " + _DAYS[start.weekday()]
    return f"on day {start.day}" if rule.freq == "MONTHLY" else ""


def _from_the_end(day: int) -> str:
    return "the last day" if day == -1 else f"day {-day} from the end"


def _ordinal(number: int) -> str:
    return _ORDINALS.get(number) or (f"{number}th" if number > 0 else f"{-number}th last")


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
