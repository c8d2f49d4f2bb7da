"""What a series would be, before it is made: its dates by the rule, those left out, those beside it, and how it would stand in calendars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import Invalid
from ..ical import vevent
from ..store.sessions import LiveSession
from ..training import recurrence
from ..training.changes import instant
from ..training.recurrence import Occurrence, Rule
from ..training.recurrence_words import in_words
from ..training.wall_time import check_times, check_zone

DATES, RULE, MOVED, EXTRA = "dates", "rule", "moved", "extra"
ENTRIES_UP_TO = 6
"""Up to so many dates stand in calendars as an entry each, unless the session says otherwise."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a series would be: its rule, its dates, what stands in calendars, and what the editor has to say about it.

    `left_out`: the recurrence ids of dates that do not take place; `extra`: dates that the rule does not give.
    """

    rule: Rule
    dates: list[Occurrence]
    mode: str
    warnings: tuple[str, ...]
    left_out: frozenset[datetime] = frozenset()
    extra: tuple[Occurrence, ...] = ()

    @property
    def taking_place(self) -> list[Occurrence]:
        """All dates that take place, by their start."""
        kept = [one for one in self.dates if one.recurrence_id not in self.left_out]
        return sorted([*kept, *self.extra], key=lambda one: one.recurrence_id)

    def entries(self, timezone: str) -> int:
        """How many entries each person would have, and mails at first."""
        if self.mode == DATES:
            return len(self.taking_place)
        alone = [one for one in self.dates if recurrence.awkward(one, timezone) and one.recurrence_id not in self.left_out]
        return 1 + len(alone) + len(self.extra)


def plan(values: Mapping[str, Any]) -> Plan:
    """Look at a series before it is made; raises `Invalid`.

    `values` as for a session, with `recurrence` and perhaps `entry_mode`, `left_out` (wall-clock starts) and `extra_dates` (pairs of
    wall-clock start, and end or None: as long as the others).
    """
    timezone = check_zone(values["timezone"])
    check_times(values["start"], values["end"], timezone, values.get("fold", 0))
    rule = recurrence.parse_rule(values["recurrence"], timezone)
    dates = recurrence.occurrences(rule, values["start"], values["end"], timezone)
    left_out = _left_out(values, dates)
    extra = _extra(values, dates, timezone)
    kept = [one for one in dates if one.recurrence_id not in left_out]
    if not kept:
        raise Invalid("All dates are left out; at least one of the rule has to stay.", field="left_out")
    missing = recurrence.missing(rule, values["start"], timezone)
    # All dates of an RRULE follow from the first, and libical reads those after a time that does not exist wrongly, too.
    spoken = rule.outlook_knows and _one_zone(values, dates) and not missing and not recurrence.awkward(dates[0], timezone)
    many = len(kept) + len(extra) > ENTRIES_UP_TO
    mode = values.get("entry_mode") or (RULE if many and spoken and not values.get("seats_per_date") else DATES)
    if mode == RULE and values.get("seats_per_date"):
        raise Invalid("Seats for each date need an entry for each date.", field="entry_mode")
    if mode == RULE and not spoken:
        raise Invalid("Outlook would refuse this rule, or no program could read its times: let each date be an entry.", field="entry_mode")
    return Plan(rule, dates, mode, _warnings(kept, missing, timezone), left_out, extra)


def occurrence(start: datetime, end: datetime | None, length: Any, timezone: str) -> Occurrence:
    """One further date; without an end it is as long as the others. Raises `Invalid`."""
    end = end or start + length
    check_times(start, end, timezone, 0)
    return Occurrence(instant(start, timezone), start, end)


def words_of(session: LiveSession) -> str | None:
    """The rule of a series in words; None of anything else."""
    if not session.is_series:
        return None
    return in_words(recurrence.parse_rule(session.recurrence, session.timezone), session.start, session.timezone)


def _left_out(values: Mapping[str, Any], dates: list[Occurrence]) -> frozenset[datetime]:
    by_start = {one.start: one.recurrence_id for one in dates}
    wanted = set(values.get("left_out") or ())
    unknown = sorted(wanted - by_start.keys())
    if unknown:
        raise Invalid(f"The series has no date that starts at {unknown[0]:%Y-%m-%dT%H:%M}, so it cannot be left out.", field="left_out")
    return frozenset(by_start[one] for one in wanted)


def _extra(values: Mapping[str, Any], dates: list[Occurrence], timezone: str) -> tuple[Occurrence, ...]:
    length = values["end"] - values["start"]
    taken = {one.recurrence_id for one in dates}
    found = []
    for start, end in values.get("extra_dates") or ():
        try:
            one = occurrence(start, end, length, timezone)
        except Invalid as error:
            raise Invalid(f"{start:%Y-%m-%dT%H:%M}: {error.detail}", field="extra_dates") from error
        if one.recurrence_id in taken:
            raise Invalid(f"The series has a date at {start:%Y-%m-%dT%H:%M} already.", field="extra_dates")
        taken.add(one.recurrence_id)
        found.append(one)
    if len(taken) > recurrence.MOST:
        raise Invalid(f"A series has at most {recurrence.MOST} dates.", field="extra_dates")
    return tuple(sorted(found, key=lambda one: one.recurrence_id))


def _one_zone(values: Mapping[str, Any], dates: list[Occurrence]) -> bool:
    """Whether local times with a VTIMEZONE can say all of it (UTC itself needs none)."""
    zone = vevent.load(values["timezone"])
    if zone is None:
        return False
    return (
        vevent.is_utc(values["timezone"])
        or vevent.vtimezone(values["timezone"], dates[0].recurrence_id, dates[-1].recurrence_id) is not None
    )


def _warnings(dates: list[Occurrence], missing: list[datetime], timezone: str) -> tuple[str, ...]:
    said = []
    if recurrence.crosses_clock_change([one.start for one in dates], timezone):
        said.append("The clocks change between these dates: the time of day stays, the instant moves.")
    odd = [f"{one.start:%Y-%m-%d}" for one in dates if recurrence.awkward(one, timezone)]
    if odd:
        said.append(f"On {', '.join(odd)} the clocks change during this time.")
    if missing:
        said.append(f"On {', '.join(f'{one:%Y-%m-%d}' for one in missing)} this time does not exist: it starts as the clocks show it then.")
    return tuple(said)
