"""What of the demo comes with time: a weekly series, a deadline, certificates of which one is about to lapse, somebody new with a plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from ..services import certifying, completing, course_milestones, learning, onboarding, onboarding_plans, series
from ..services.work import Work
from ..training.onboarding import StepKind
from ..training.wall_time import exists

SERIES = "Data protection: ask us anything"
DEADLINE = "Data protection, this year's questions"
CERTIFICATE = "First aider"
# Whose ends in so many days: one is about to lapse, one has some time left, one has lapsed.
ENDS = {"anna.berger": 20, "mia.huber": 300, "oliver.grant": -5}
HELD_FOR = timedelta(days=700)
PLAN = "New at Lakeside"
NEWCOMER = {"email": "lena.vogt@example.net", "name": "Lena Vogt", "timezone": "Europe/Berlin", "locale": "de", "team": "Customer care"}
STEPS = (
    {"days": -3, "kind": StepKind.NOTE, "title": "Send us a photo for your badge"},
    {"days": 0, "kind": StepKind.NOTE, "title": "Meet your team", "description": "At nine in the **lobby**."},
    {"days": 1, "kind": StepKind.SESSION, "course": "first-aid", "title": "First aid for everybody"},
    {"days": 30, "kind": StepKind.COMPLETION, "course": "data-protection", "title": "Data protection, the basics"},
)


def fill(work: Work, asked: Work, courses: Mapping[str, int], groups: Mapping[str, int], people: Mapping[str, int]) -> None:
    """All of it; `asked` is the moment at which invitations went out."""
    today = completing.today(work)
    _series(asked, courses["data-protection"], groups["Everybody who handles customer data"], today)
    deadline = {"kind": "completion_deadline", "title": DEADLINE, "day": today + timedelta(days=24)}
    course_milestones.add(asked, courses["data-protection"], deadline)
    completing.complete(work, [people["priya.nair"]], courses["data-protection"], source="button")
    _certificates(asked, courses["first-aid"], people, today)
    _newcomer(asked, courses, today)


def _series(work: Work, course_id: int, group_id: int, today: date) -> None:
    """Each week at the same hour in London, one entry for all dates; a day later where the clocks skip that hour."""
    first = datetime.combine(today + timedelta(days=6), time(13))
    if not exists(first, "Europe/London"):
        first += timedelta(days=1)
    values = {
        "title": SERIES, "start": first, "end": first + timedelta(minutes=30), "timezone": "Europe/London", "recurrence": "FREQ=WEEKLY;COUNT=8",
        "entry_mode": series.RULE, "join_url": "https://meet.example.net/ask", "description": "Half an hour, whatever your question is.",
    }  # fmt: skip
    series.create(work, course_id, values, group_id)


def _certificates(work: Work, course_id: int, people: Mapping[str, int], today: date) -> None:
    values = {"name": CERTIFICATE, "validity_months": 24, "course_id": course_id, "renewal_course_id": course_id}
    kind = certifying.create_kind(work, values)
    for key, days in ENDS.items():
        last = today + timedelta(days=days)
        certifying.award(work, [people[key]], kind.id, source="button", on=min(last - HELD_FOR, today), expires_on=last)


def _newcomer(work: Work, courses: Mapping[str, int], today: date) -> None:
    steps = [{**step, "course_id": courses.get(step.get("course"))} for step in STEPS]
    plan = onboarding_plans.make(work, {"name": PLAN, "steps": steps})
    newcomer = learning.create_learner(work, NEWCOMER)
    first = next(day for day in (today + timedelta(days=n) for n in range(7, 10)) if day.weekday() < 5)
    onboarding.start(work, newcomer.id, plan.id, first)
