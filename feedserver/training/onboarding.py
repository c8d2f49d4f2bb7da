"""Onboarding: days of steps relative to a start date, and what a step asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum

FARTHEST = 3650
"""How many days before or after the start date a step may be."""


class StepKind(StrEnum):
    """A day to note, a session of a course, or a course to complete by that day."""

    NOTE = "note"
    SESSION = "session"
    COMPLETION = "completion"


def day_of(start: date, days: int, *, working_days: bool = False) -> date:
    """The day of a step: `days` after the start (before it where negative); with `working_days` a weekend gives way to the Monday after it."""
    day = start + timedelta(days=days)
    return day + timedelta(days=max(0, 7 - day.weekday())) if working_days and day.weekday() >= 5 else day


def in_reach(start: date, days: Sequence[int]) -> bool:
    """Whether all days of such a plan lie in 1990 to 2199."""
    return all(date(1990, 1, 1) <= day <= date(2199, 12, 24) for day in (start, *(start + timedelta(days=one) for one in days)))
