"""Completions from a CSV file: `email` and `course` (its name or id), and `completed_on`, `kind`, `reference`, `note` as wanted.

A line that is known changes nothing, so the same file may be read again. What cannot be taken is told with its line and reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..errors import Invalid
from ..store.courses import Course
from ..training.milestones import CompletionKind
from . import completing, import_lines
from .import_lines import Line
from .importing import Tally
from .work import Work

COLUMNS = ("email", "course", "completed_on", "kind", "reference", "note")
REQUIRED = ("email", "course")


def take(work: Work, table: Iterable[Line]) -> Tally:
    """Take the lines of a `TableFile`; the number of statements depends on how many different courses and days they name."""
    tally = Tally()
    lines = list(import_lines.cells_of(table, COLUMNS, tally))
    who = import_lines.people(work, lines)
    found = {name: import_lines.named(work, Course, name) for name in {cells["course"]: None for _, cells in lines}}
    grouped: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
    for number, cells in lines:
        with import_lines.refusing(tally, number):
            learner_id = import_lines.person(who, cells["email"])
            course_id = import_lines.there(found[cells["course"]], "course", "course")
            day = completing.checked_day(work, import_lines.day(cells["completed_on"], "completed_on"))
            kind = cells["kind"] or CompletionKind.COURSE.value
            if kind not in set(CompletionKind):
                raise Invalid(f"Choose one of {', '.join(CompletionKind)}.", field="kind")
            grouped[course_id, day, kind, cells["reference"], cells["note"]].append((number, learner_id))
    for (course_id, day, kind, reference, note), some in grouped.items():
        made = completing.complete(
            work, {learner for _, learner in some}, course_id, kind, source="csv", on=day, reference=reference, note=note
        )
        tally.added += len(made)
        tally.unchanged += len(some) - len(made)
    tally.refused.sort(key=lambda one: one.line)
    return tally
