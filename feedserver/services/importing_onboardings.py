"""People who start, from a CSV file: `email`, `plan` (its name or id), `start_date`.

Who goes through the plan already from that date is left as they are, from another date is moved. What cannot be taken is told with its
line and reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import func, select

from ..addresses import canonical
from ..errors import FeedserverError, Invalid
from ..store.onboarding import Onboarding, OnboardingPlan
from . import attending, onboarding
from .importing import Refusal, Tally
from .work import Work

COLUMNS = REQUIRED = ("email", "plan", "start_date")
_LONGEST = 500


def take(work: Work, table: Iterable[tuple[int, dict[str, str] | str]]) -> Tally:
    """Take the lines of a `TableFile`, each by itself."""
    tally = Tally()
    for number, cells in table:
        if isinstance(cells, str):
            tally.refused.append(Refusal(number, cells))
            continue
        try:
            with work.db.begin_nested():
                what = _one(work, *((cells.get(name) or "").strip()[:_LONGEST] for name in COLUMNS))
            setattr(tally, what, getattr(tally, what) + 1)
        except FeedserverError as error:
            tally.refused.append(Refusal(number, f"{error.field}: {error.detail}" if error.field else error.detail))
    return tally


def _one(work: Work, email: str, plan: str, start_date: str) -> str:
    """What became of a line: a field of `Tally`."""
    (learner_id,) = attending.learners_of(work, [canonical(email)]).values() or (None,)
    if learner_id is None:
        raise Invalid("Nobody here has this address.", field="email")
    plan_id, day = _plan(work, plan), _day(start_date)
    mine = (Onboarding.plan_id == plan_id, Onboarding.learner_id == learner_id, Onboarding.ended_at.is_(None))
    one = work.db.scalars(select(Onboarding).where(*mine)).first()
    if one is None:
        onboarding.start(work, learner_id, plan_id, day)
        return "added"
    if one.start_date == day:
        return "unchanged"
    onboarding.move(work, one.id, day)
    return "changed"


def _plan(work: Work, text: str) -> int:
    mine = select(OnboardingPlan.id).where(OnboardingPlan.organisation_id == work.organisation_id, OnboardingPlan.archived_at.is_(None))
    found = list(work.db.scalars(mine.where(func.lower(OnboardingPlan.name) == text.lower()).limit(2)))
    if not found and text.isascii() and text.isdecimal() and len(text) < 19:
        found = list(work.db.scalars(mine.where(OnboardingPlan.id == int(text))))
    if len(found) != 1:
        raise Invalid("There is no one plan of this name or id.", field="plan")
    return found[0]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Write the day as 2027-03-31.", field="start_date") from error
