"""Onboarding: plans, and people who go through one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from ...services import onboarding, onboarding_items, onboarding_plans
from ...services.finding import find
from ...services.work import Work
from ...store.onboarding import Onboarding, OnboardingItem, OnboardingPlan
from ...training.onboarding import FARTHEST
from . import paging
from .fields import WHOLE, Body, Day, Out, QueryId, RowId, Url, line, lines, optional
from .paging import Page
from .routing import Answer, Call, at, route

Kind = Literal["note", "session", "completion"]
Days = Annotated[int, Field(ge=-FARTHEST, le=FARTHEST), WHOLE]


class StepIn(Body):
    """A step, `days` after the start date (before it where negative).

    `note`: a day to note. `session`: the next session of the course from that day on with a free seat, or `session_id`. `completion`: the
    course is to be completed by that day. Without `title` it is called as the course is.
    """

    days: Days
    kind: Kind = "note"
    title: line(200) = ""
    description: lines(20_000) = ""
    url: Url = ""
    course_id: RowId | None = None
    session_id: RowId | None = None


Steps = Annotated[list[StepIn], Field(max_length=onboarding_plans.MOST_STEPS)]


class NewOnboardingPlan(Body):
    """A plan. `working_days`: a day at the weekend gives way to the Monday after it."""

    name: line(200, empty=False)
    description: lines(20_000) = ""
    working_days: bool = True
    steps: Steps = []


class OnboardingPlanChange(Body):
    """What is to change for those who start from now on; `steps` replaces all of them."""

    name: line(200, empty=False) = optional()
    description: lines(20_000) = optional()
    working_days: bool = optional()
    archived: bool = optional()
    steps: Steps = optional()


class StepOut(Out):
    """A step of a plan."""

    id: RowId
    days: int
    kind: Kind
    title: str
    description: str
    url: str
    course_id: RowId | None
    session_id: RowId | None


class OnboardingPlanOut(Out):
    """A plan; `running` is how many people go through it now."""

    id: RowId
    name: str
    description: str
    working_days: bool
    steps: list[StepOut]
    running: int
    archived_at: datetime | None
    version: int
    created_at: datetime


class NewOnboarding(Body):
    """Somebody starts."""

    learner_id: RowId
    plan_id: RowId
    start_date: Day


class OnboardingChange(Body):
    """Another start date; the same one looks again for sessions that were not found."""

    start_date: Day = optional()


class EndOnboarding(Body):
    """Why; it is said in mails."""

    reason: line(500) = ""


class OnboardingItemOut(Out):
    """A step as one person has it. A session without `session_id` was not found: no date has a free seat."""

    id: RowId
    kind: Kind
    title: str
    day: date
    state: Literal["open", "done", "ended"]
    course_id: RowId | None
    session_id: RowId | None
    done_at: datetime | None
    done_by: str | None


class OnboardingOut(Out):
    """Somebody goes through a plan, with the steps in the order of their days."""

    id: RowId
    learner_id: RowId
    plan_id: RowId
    start_date: date
    items: list[OnboardingItemOut]
    ended_at: datetime | None
    version: int
    created_at: datetime


class OnboardingQuery(paging.Query):
    """Of a plan, of a learner."""

    plan_id: QueryId | None = None
    learner_id: QueryId | None = None


def show_plans(work: Work, plans: Sequence[OnboardingPlan]) -> list[OnboardingPlanOut]:
    """Plans as they are answered, in two statements."""
    ids = [one.id for one in plans]
    steps, running = onboarding_plans.steps_of(work, ids), onboarding_plans.running(work, ids)
    names = [name for name in OnboardingPlanOut.model_fields if name not in ("steps", "running")]
    return [
        OnboardingPlanOut(
            **{name: getattr(one, name) for name in names}, running=running.get(one.id, 0), steps=[_step(step) for step in steps[one.id]]
        )
        for one in plans
    ]


def show(work: Work, rows: Sequence[Onboarding]) -> list[OnboardingOut]:
    """People's onboardings as they are answered, in one statement."""
    query = select(OnboardingItem).where(OnboardingItem.onboarding_id.in_([one.id for one in rows]))
    items: dict[int, list[OnboardingItemOut]] = {one.id: [] for one in rows}
    query = query.order_by(OnboardingItem.day, OnboardingItem.id).execution_options(populate_existing=True)
    for item in work.db.scalars(query):
        items[item.onboarding_id].append(show_item(item))
    names = [name for name in OnboardingOut.model_fields if name != "items"]
    return [OnboardingOut(**{name: getattr(one, name) for name in names}, items=items[one.id]) for one in rows]


def show_item(item: OnboardingItem) -> OnboardingItemOut:
    """A person's step as it is answered."""
    names = [name for name in OnboardingItemOut.model_fields if name != "session_id"]
    return OnboardingItemOut(**{name: getattr(item, name) for name in names}, session_id=item.live_session_id)


@route("POST", "/onboarding-plans", body=NewOnboardingPlan, answer=OnboardingPlanOut, status=201, problems=(404,))
def create_onboarding_plan(work: Work, call: Call) -> Answer:
    """Make a plan with its steps."""
    made = onboarding_plans.make(work, call.body.model_dump())
    return Answer(show_plans(work, [made])[0], headers=at("onboarding-plans", made.id))


@route("GET", "/onboarding-plans", query=paging.Query, answer=Page[OnboardingPlanOut])
def list_onboarding_plans(work: Work, call: Call) -> Page[OnboardingPlanOut]:
    """List plans, those that were put away included."""
    query = select(OnboardingPlan).where(OnboardingPlan.organisation_id == work.organisation_id)
    rows, following = paging.by_id(work.db, query, OnboardingPlan.id, call.query)
    return Page[OnboardingPlanOut](items=show_plans(work, list(rows)), next=following)


@route("GET", "/onboarding-plans/<id:plan_id>", answer=OnboardingPlanOut, problems=(404,))
def get_onboarding_plan(work: Work, call: Call) -> OnboardingPlanOut:
    """One plan."""
    return show_plans(work, [find(work, OnboardingPlan, call.path["plan_id"])])[0]


@route("PATCH", "/onboarding-plans/<id:plan_id>", body=OnboardingPlanChange, answer=OnboardingPlanOut, problems=(404,))
def edit_onboarding_plan(work: Work, call: Call) -> OnboardingPlanOut:
    """Change a plan for those who start from now on, or put it away; whoever goes through it keeps theirs."""
    given = {name: value for name, value in call.body.model_dump().items() if name in call.body.model_fields_set}
    return show_plans(work, [onboarding_plans.edit(work, call.path["plan_id"], given)])[0]


@route("POST", "/onboardings", body=NewOnboarding, answer=OnboardingOut, status=201, problems=(404, 409))
def start_onboarding(work: Work, call: Call) -> Answer:
    """Somebody starts: they get the plan's whole calendar, and one mail with the list. Who goes through it already: 409 with the id."""
    made = onboarding.start(work, call.body.learner_id, call.body.plan_id, call.body.start_date)
    return Answer(show(work, [made])[0], headers=at("onboardings", made.id))


@route("GET", "/onboardings", query=OnboardingQuery, answer=Page[OnboardingOut])
def list_onboardings(work: Work, call: Call) -> Page[OnboardingOut]:
    """List who goes through which plan, or did."""
    query = select(Onboarding).where(Onboarding.organisation_id == work.organisation_id)
    query = paging.narrowed(query, call.query, plan_id=Onboarding.plan_id, learner_id=Onboarding.learner_id)
    rows, following = paging.by_id(work.db, query, Onboarding.id, call.query)
    return Page[OnboardingOut](items=show(work, list(rows)), next=following)


@route("GET", "/onboardings/<id:onboarding_id>", answer=OnboardingOut, problems=(404,))
def get_onboarding(work: Work, call: Call) -> OnboardingOut:
    """One person's way through a plan."""
    return show(work, [find(work, Onboarding, call.path["onboarding_id"])])[0]


@route("PATCH", "/onboardings/<id:onboarding_id>", body=OnboardingChange, answer=OnboardingOut, problems=(404, 409))
def move_onboarding(work: Work, call: Call) -> OnboardingOut:
    """Move the start date: what is not done moves with it, told by one mail with the list."""
    one = find(work, Onboarding, call.path["onboarding_id"])
    day = call.body.given().get("start_date")
    return show(work, [onboarding.move(work, one.id, day) if day else one])[0]


@route("POST", "/onboardings/<id:onboarding_id>/end", body=EndOnboarding, body_required=False, answer=OnboardingOut, problems=(404,))
def end_onboarding(work: Work, call: Call) -> OnboardingOut:
    """It ends: what is open leaves calendars, and the coming sessions that it had chosen are cancelled for the person. A second time changes nothing."""
    return show(work, [onboarding.end(work, call.path["onboarding_id"], call.body.reason if call.body is not None else "")])[0]


@route("POST", "/onboarding-items/<id:item_id>/done", answer=OnboardingItemOut, problems=(404, 409))
def finish_onboarding_item(work: Work, call: Call) -> OnboardingItemOut:
    """A step is done and leaves the calendar. A second time changes nothing."""
    return show_item(onboarding_items.done(work, call.path["item_id"]))


def _step(step) -> StepOut:
    names = [name for name in StepOut.model_fields if name != "session_id"]
    return StepOut(**{name: getattr(step, name) for name in names}, session_id=step.live_session_id)
