"""Completions from a CSV file: `email` and `course` (its name or id), and `completed_on`, `kind`, `reference`, `note` as wanted.

A line that is known changes nothing, so the same file may be read again. What cannot be taken is told with its line and reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from sqlalchemy import func, select

from ..addresses import canonical
from ..errors import FeedserverError, Invalid
from ..store.courses import Course
from ..training.milestones import CompletionKind
from . import attending, completing
from .importing import Refusal, Tally
from .work import Work

COLUMNS = ("email", "course", "completed_on", "kind", "reference", "note")
REQUIRED = ("email", "course")
_LONGEST = 500


def take(work: Work, table: Iterable[tuple[int, dict[str, str] | str]]) -> Tally:
    """Take the lines of a `TableFile`; the number of statements depends on how many different courses and days they name."""
    tally, lines = Tally(), []
    for number, cells in table:
        if isinstance(cells, str):
            tally.refused.append(Refusal(number, cells))
        else:
            lines.append((number, {name: (cells.get(name) or "").strip()[:_LONGEST] for name in COLUMNS}))
    who = attending.learners_of(work, list({canonical(cells["email"]) for _, cells in lines}))
    courses = {cells["course"]: None for _, cells in lines}
    found = {name: _course(work, name) for name in courses}
    grouped: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
    for number, cells in lines:
        try:
            learner_id = who.get(canonical(cells["email"]))
            if learner_id is None:
                raise Invalid("Nobody here has this address.", field="email")
            if found[cells["course"]] is None:
                raise Invalid("There is no one course of this name or id.", field="course")
            day = completing.checked_day(work, _day(cells["completed_on"]))
            kind = cells["kind"] or CompletionKind.COURSE.value
            if kind not in set(CompletionKind):
                raise Invalid(f"Choose one of {', '.join(CompletionKind)}.", field="kind")
            grouped[found[cells["course"]], day, kind, cells["reference"], cells["note"]].append((number, learner_id))
        except FeedserverError as error:
            tally.refused.append(Refusal(number, f"{error.field}: {error.detail}" if error.field else error.detail))
    for (course_id, day, kind, reference, note), some in grouped.items():
        made = completing.complete(
            work, {learner for _, learner in some}, course_id, kind, source="csv", on=day, reference=reference, note=note
        )
        tally.added += len(made)
        tally.unchanged += len(some) - len(made)
    tally.refused.sort(key=lambda one: one.line)
    return tally


def _course(work: Work, text: str) -> int | None:
    mine = select(Course.id).where(Course.organisation_id == work.organisation_id)
    named = list(work.db.scalars(mine.where(func.lower(Course.name) == text.lower()).limit(2)))
    if not named and text.isascii() and text.isdecimal() and len(text) < 19:
        named = list(work.db.scalars(mine.where(Course.id == int(text))))
    return named[0] if len(named) == 1 else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid("Write the day as 2027-03-31.", field="completed_on") from error
