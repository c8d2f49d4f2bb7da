"""People who start, from a CSV file: `email`, `plan` (its name or id), `start_date`.

Who goes through the plan already from that date is left as they are, from another date is moved. What cannot be taken is told with its
line and reason.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from ..addresses import canonical
from ..errors import Invalid
from ..store.onboarding import Onboarding, OnboardingPlan
from . import attending, import_lines, onboarding
from .import_lines import Line
from .importing import Tally
from .work import Work

COLUMNS = REQUIRED = ("email", "plan", "start_date")


def take(work: Work, table: Iterable[Line]) -> Tally:
    """Take the lines of a `TableFile`, each by itself."""
    tally = Tally()
    for number, cells in import_lines.cells_of(table, COLUMNS, tally):
        with import_lines.refusing(tally, number):
            with work.db.begin_nested():
                what = _one(work, **cells)
            setattr(tally, what, getattr(tally, what) + 1)
    return tally


def _one(work: Work, email: str, plan: str, start_date: str) -> str:
    """What became of a line: a field of `Tally`."""
    learner_id = import_lines.person(attending.learners_of(work, [canonical(email)]), email)
    plan_id = import_lines.there(import_lines.named(work, OnboardingPlan, plan, OnboardingPlan.archived_at.is_(None)), "plan", "plan")
    day = import_lines.day(start_date, "start_date")
    if day is None:
        raise Invalid("Write the day as 2027-03-31.", field="start_date")
    mine = (Onboarding.plan_id == plan_id, Onboarding.learner_id == learner_id, Onboarding.ended_at.is_(None))
    one = work.db.scalars(select(Onboarding).where(*mine)).first()
    if one is None:
        onboarding.start(work, learner_id, plan_id, day)
        return "added"
    if one.start_date == day:
        return "unchanged"
    onboarding.move(work, one.id, day)
    return "changed"
