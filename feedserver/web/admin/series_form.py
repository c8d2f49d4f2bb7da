"""How often a session repeats, as a form says it without a script, and as the RRULE that it means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ...errors import Invalid
from ...training import recurrence
from ...training.recurrence import DAYS, Rule
from ..forms import Field

REPEATS = (
    ("", "Does not repeat"),
    ("DAILY", "Every day, or every few days"),
    ("WEEKLY", "Every week, or every few weeks"),
    ("DAY", "Every month on the same day, as the 12th"),
    ("NTH", "Every month on the same weekday, as the second Tuesday"),
    ("LAST", "Every month on the last such weekday"),
    ("RULE", "By an RRULE that I write"),
)
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS = tuple(Field(f"day_{short}", name, "check") for short, name in zip(DAYS, _NAMES, strict=True))
RULE_FIELDS = (
    Field("repeat", "Repeats", "choice", choices=REPEATS),
    Field("every", "Every how many days, weeks or months", "number", hint="Empty: every one."),
    *WEEKDAYS,
    Field("times", "Ends after so many dates", "number", hint=f"At most {recurrence.MOST}."),
    Field("until", "Or ends on", "date"),
    Field("rule", "RRULE (RFC 5545)", longest=500, hint="For example FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=12. Only if you chose it above."),
)
PER_DATE = Field("seats_per_date", "Each date has seats and a waiting list of its own", "check")
NAMES = frozenset(one.name for one in (*RULE_FIELDS, PER_DATE))
_ONE_DAY = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_MOST_TYPED = 400


def rule_text(values: Mapping[str, Any]) -> str:
    """The RRULE value that the form means; raises `Invalid` at a field of the form."""
    repeat, start = values["repeat"], values["start"]
    if repeat == "RULE":
        if not values["rule"]:
            raise Invalid("Write the rule, or choose another way to repeat.", field="rule")
        return values["rule"]
    if (values["times"] is None) == (values["until"] is None):
        raise Invalid("Say when it ends: after so many dates, or on a day, and not both.", field="times")
    ends = f"COUNT={values['times']}" if values["times"] else f"UNTIL={values['until']:%Y%m%d}"
    day = DAYS[start.weekday()]
    by = {
        "WEEKLY": "BYDAY=" + (",".join(short for short in DAYS if values[f"day_{short}"]) or day),
        "DAY": f"BYMONTHDAY={start.day}",
        "NTH": f"BYDAY={(start.day - 1) // 7 + 1}{day}",
        "LAST": f"BYDAY=-1{day}",
    }.get(repeat, "")
    freq = {"DAILY": "DAILY", "WEEKLY": "WEEKLY"}.get(repeat, "MONTHLY")
    every = f"INTERVAL={values['every']}" if (values["every"] or 1) > 1 else ""
    return ";".join(part for part in (f"FREQ={freq}", every, by, ends) if part)


def shown(text: str | None, start: datetime, timezone: str) -> dict[str, Any]:
    """The values of the form's fields for a rule; one that the fields cannot say stands there as it is written."""
    if not text:
        return {"repeat": ""}
    rule = recurrence.parse_rule(text, timezone)
    repeat = _kind(rule, start)
    if repeat == "RULE":
        return {"repeat": "RULE", "rule": text}
    until = rule.until.astimezone(ZoneInfo(timezone)).date() if rule.until else None
    days = {f"day_{DAYS[day]}": True for _number, day in rule.by_day} if repeat == "WEEKLY" else {}
    return {"repeat": repeat, "every": rule.interval if rule.interval > 1 else None, "times": rule.count, "until": until, **days}


def typed_dates(text: str) -> list[tuple[datetime, datetime | None]]:
    """Further dates, one a line: a start, and perhaps an end; raises `Invalid`."""
    found = []
    for line in text.splitlines()[:_MOST_TYPED]:
        parts = line.replace(",", " ").split()
        if not parts:
            continue
        if len(parts) > 2 or not all(_ONE_DAY.fullmatch(part) for part in parts):
            raise Invalid(f"Write a date as 2027-03-10T14:00, one a line, not {line[:40]!r}.", field="extra")
        try:
            moments = [datetime.fromisoformat(part) for part in parts]
        except ValueError as error:
            raise Invalid(f"There is no such day or time: {line[:40]!r}.", field="extra") from error
        found.append((moments[0], moments[1] if len(moments) > 1 else None))
    return found


def ticked(texts: Sequence[str]) -> list[datetime]:
    """Starts of the dates that were ticked; whatever else was sent counts for nothing."""
    return [datetime.fromisoformat(text) for text in texts[: recurrence.MOST] if _ONE_DAY.fullmatch(text) and _is_time(text)]


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _kind(rule: Rule, start: datetime) -> str:
    """Which of `REPEATS` says all of the rule."""
    if rule.by_month or rule.by_set_pos or rule.week_start:
        return "RULE"
    plain = not rule.by_day and not rule.by_month_day
    if rule.freq == "DAILY":
        return "DAILY" if plain else "RULE"
    if rule.freq == "WEEKLY":
        return "WEEKLY"
    if (rule.by_month_day == (start.day,) and not rule.by_day) or plain:
        return "DAY"
    nth = {((start.day - 1) // 7 + 1, start.weekday()): "NTH", (-1, start.weekday()): "LAST"}
    return nth.get(rule.by_day[0], "RULE") if len(rule.by_day) == 1 and not rule.by_month_day else "RULE"
