"""Plans of onboarding: made, changed for those to come, put away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select

from ..errors import Changed, Invalid, NotFound
from ..ical.lines import clean_line
from ..store.courses import Course
from ..store.milestones import DONE, OPEN
from ..store.onboarding import Onboarding, OnboardingItem, OnboardingPlan, OnboardingStep
from ..store.sessions import LiveSession
from ..training.onboarding import FARTHEST, StepKind
from .finding import find
from .work import Work

MOST_STEPS = 100


def make(work: Work, values: Mapping[str, Any]) -> OnboardingPlan:
    """A new plan: `name`, and `description`, `working_days`, `steps` as wanted. Raises `Invalid`, `NotFound`."""
    plan = OnboardingPlan(
        organisation_id=work.organisation_id, name=_named(values["name"]), description=(values.get("description") or "").strip(),
        working_days=bool(values.get("working_days", True)), created_at=work.now, updated_at=work.now,
    )  # fmt: skip
    work.db.add(plan)
    work.db.flush()
    _put(work, plan, values.get("steps") or ())
    work.record("onboarding plan made", detail={"plan_id": plan.id, "name": plan.name})
    work.db.flush()
    return plan


def edit(work: Work, plan_id: int, values: Mapping[str, Any], version: int | None = None) -> OnboardingPlan:
    """Change it for those who start from now on; `steps` replaces all of them, `archived` puts it away or back. Whoever goes through it keeps theirs."""
    plan = find(work, OnboardingPlan, plan_id, lock=True)
    if version is not None and version != plan.version:
        raise Changed("Somebody changed this plan meanwhile. Look at it again.")
    if values.get("name") is not None:
        plan.name = _named(values["name"])
    for name in ("description", "working_days"):
        if values.get(name) is not None:
            setattr(plan, name, values[name])
    if values.get("archived") is not None:
        plan.archived_at = (plan.archived_at or work.now) if values["archived"] else None
    if values.get("steps") is not None:
        work.db.execute(delete(OnboardingStep).where(OnboardingStep.plan_id == plan.id))
        _put(work, plan, values["steps"])
    plan.version, plan.updated_at = plan.version + 1, work.now
    work.record("onboarding plan edited", detail={"plan_id": plan.id, "changes": sorted(values)})
    work.db.flush()
    return plan


def add_step(work: Work, plan_id: int, values: Mapping[str, Any]) -> OnboardingStep:
    """One more step, for those who start from now on."""
    plan = find(work, OnboardingPlan, plan_id, lock=True)
    (step,) = _put(work, plan, [values])
    plan.version, plan.updated_at = plan.version + 1, work.now
    work.record("onboarding plan edited", detail={"plan_id": plan.id, "changes": ["steps"]})
    work.db.flush()
    return step


def edit_step(work: Work, plan_id: int, step_id: int, values: Mapping[str, Any]) -> OnboardingStep:
    """Another day, kind or wording of a step, for those who start from now on. Raises `Invalid`, `NotFound`."""
    plan = find(work, OnboardingPlan, plan_id, lock=True)
    step, wanted = step_of(work, plan, step_id), _step(work, plan, values)
    for name in ("days", "kind", "title", "description", "url", "course_id", "live_session_id"):
        setattr(step, name, getattr(wanted, name))
    plan.version, plan.updated_at = plan.version + 1, work.now
    work.record("onboarding plan edited", detail={"plan_id": plan.id, "changes": ["steps"]})
    work.db.flush()
    return step


def remove_step(work: Work, plan_id: int, step_id: int) -> None:
    """One step less, for those who start from now on; doing it twice changes nothing."""
    plan = find(work, OnboardingPlan, plan_id, lock=True)
    mine = delete(OnboardingStep).where(OnboardingStep.plan_id == plan.id, OnboardingStep.id == step_id)
    if work.db.execute(mine).rowcount:
        plan.version, plan.updated_at = plan.version + 1, work.now
        work.record("onboarding plan edited", detail={"plan_id": plan.id, "changes": ["steps"]})
        work.db.flush()


def step_of(work: Work, plan: OnboardingPlan, step_id: int) -> OnboardingStep:
    """One step of this plan; `NotFound` where it has none of this id (any more)."""
    step = work.db.scalars(select(OnboardingStep).where(OnboardingStep.plan_id == plan.id, OnboardingStep.id == step_id)).first()
    if step is None:
        raise NotFound("This plan has no such step any more.")
    return step


def steps_of(work: Work, plan_ids: Sequence[int]) -> dict[int, list[OnboardingStep]]:
    """The steps of these plans, in the order of their days."""
    query = select(OnboardingStep).where(OnboardingStep.organisation_id == work.organisation_id, OnboardingStep.plan_id.in_(plan_ids))
    found: dict[int, list[OnboardingStep]] = {number: [] for number in plan_ids}
    for step in work.db.scalars(query.order_by(OnboardingStep.days, OnboardingStep.id)):
        found[step.plan_id].append(step)
    return found


def running(work: Work, plan_ids: Sequence[int]) -> dict[int, int]:
    """How many people go through each of these now."""
    query = select(Onboarding.plan_id, func.count()).where(Onboarding.plan_id.in_(plan_ids), Onboarding.ended_at.is_(None))
    return dict(work.db.execute(query.where(Onboarding.organisation_id == work.organisation_id).group_by(Onboarding.plan_id)).all())


def progress(work: Work, onboarding_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """(steps done, steps in all but ended ones) of each of these."""
    items = OnboardingItem
    query = select(items.onboarding_id, func.count().filter(items.state == DONE), func.count()).where(
        items.organisation_id == work.organisation_id, items.onboarding_id.in_(onboarding_ids), items.state.in_((OPEN, DONE))
    )
    return {number: (done, total) for number, done, total in work.db.execute(query.group_by(items.onboarding_id))}


def _named(name: str) -> str:
    name = clean_line(name)
    if not name:
        raise Invalid("A plan needs a name.", field="name")
    return name


def _put(work: Work, plan: OnboardingPlan, steps: Sequence[Mapping[str, Any]]) -> list[OnboardingStep]:
    there = work.db.scalar(select(func.count()).select_from(OnboardingStep).where(OnboardingStep.plan_id == plan.id))
    if there + len(steps) > MOST_STEPS:
        raise Invalid(f"A plan has {MOST_STEPS} steps at most.", field="steps")
    made = [_step(work, plan, one) for one in steps]
    work.db.add_all(made)
    work.db.flush()
    return made


def _step(work: Work, plan: OnboardingPlan, values: Mapping[str, Any]) -> OnboardingStep:
    kind, days, title = values.get("kind") or StepKind.NOTE, values["days"], clean_line(values.get("title") or "")
    if kind not in set(StepKind):
        raise Invalid(f"Choose one of {', '.join(StepKind)}.", field="kind")
    if not -FARTHEST <= days <= FARTHEST:
        raise Invalid(f"A step is {FARTHEST} days from the start at most.", field="days")
    course = find(work, Course, values["course_id"]) if values.get("course_id") else None
    session = find(work, LiveSession, values["session_id"]) if values.get("session_id") else None
    if kind == StepKind.NOTE and (course or session):
        raise Invalid("A day to note has no course and no session.", field="kind")
    if kind == StepKind.COMPLETION and session:
        raise Invalid("What is to be completed is a course, not a session.", field="session_id")
    if session is not None and (session.series_id is not None or (course is not None and session.course_id != course.id)):
        raise Invalid("Choose a session of this course, or a whole series.", field="session_id")
    if session is not None:
        course = work.db.get_one(Course, session.course_id)
    if kind != StepKind.NOTE and course is None:
        raise Invalid("Say of which course.", field="course_id")
    title = title or (course.name if course is not None else "")
    if not title:
        raise Invalid("A step needs a title.", field="title")
    return OnboardingStep(
        organisation_id=work.organisation_id, plan_id=plan.id, days=days, kind=str(StepKind(kind)), title=title,
        description=(values.get("description") or "").strip(), url=(values.get("url") or "").strip(), course_id=course.id if course else None,
        live_session_id=session.id if session else None,
    )  # fmt: skip
