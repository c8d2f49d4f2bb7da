"""What a learner has to note, in words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from ...imip import milestones
from ...imip.catalogues import Language
from ...services import completing
from ...services.work import Work
from ...store.courses import Course
from ...store.learners import Learner
from ...store.milestones import OPEN, Milestone, MilestoneEntry
from ...store.onboarding import OnboardingItem
from ...training.onboarding import StepKind

_MOST = 100


@dataclass(frozen=True)
class Day:
    """One day to note, in words."""

    entry: MilestoneEntry
    title: str
    when: str
    late: bool
    may_say_done: bool


def days_of(work: Work, who: Learner, say: Language) -> list[Day]:
    """The open ones, the next first."""
    query = (
        select(MilestoneEntry, Course.self_paced, OnboardingItem.kind)
        .outerjoin(Milestone, Milestone.id == MilestoneEntry.milestone_id)
        .outerjoin(Course, Course.id == Milestone.course_id)
        .outerjoin(OnboardingItem, OnboardingItem.id == MilestoneEntry.onboarding_item_id)
        .where(MilestoneEntry.learner_id == who.id, MilestoneEntry.state == OPEN)
        .order_by(MilestoneEntry.day, MilestoneEntry.id)
        .limit(_MOST)
    )
    today = completing.today(work)
    return [
        Day(
            one,
            milestones.title(one.noted, say),
            milestones.in_words(one.day, say),
            one.day < today and one.kind == "completion_deadline",
            (bool(self_paced) and one.kind in completing.SELF_SAID) or step == StepKind.NOTE,
        )
        for one, self_paced, step in work.db.execute(query)
    ]
