"""Onboarding plans: the list, a new one, its steps, who goes through it."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import func, select

from ...services import onboarding_plans
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course
from ...store.learners import Learner
from ...store.onboarding import Onboarding, OnboardingPlan, OnboardingStep
from ...store.sessions import CHOSEN, LiveSession
from ...training.onboarding import StepKind
from .. import pages
from ..forms import Field, Form
from .desk import act, admin, look, run

KIND_WORDS = {
    StepKind.NOTE: "A day to note",
    StepKind.SESSION: "A session of a course",
    StepKind.COMPLETION: "A course to complete by then",
}
FIELDS = (
    Field("name", "Name", required=True, longest=200, hint="For example: New in production."),
    Field("description", "Description", "long", longest=20_000, hint="For those who plan; learners do not see it."),
    Field("working_days", "A day at the weekend gives way to the Monday after it", "check"),
)
STEP = (
    Field("days", "Days from the first day", "offset", required=True, hint="0 is the first day, -3 three days before it, 14 two weeks later."),
    Field("kind", "What", "choice", required=True, choices=[(kind.value, words) for kind, words in KIND_WORDS.items()]),
    Field("course_id", "Course", "choice", hint="Of a session: the next date from that day on that has a free seat. A day to note has no course."),
    Field("session_id", "Always this session", "choice", hint="Instead of the next date.", more=True),
    Field("title", "Title", longest=200, hint="As it stands in the calendar. Empty: the name of the course."),
    Field("description", "Description", "long", longest=20_000, more=True),
    Field("url", "Link", "url", longest=2000, more=True),
)  # fmt: skip
_MOST = 500


@admin.get("/onboarding")
def onboarding_list() -> Response:
    """All plans, with how many people go through each."""
    away = request.args.get("away") == "1"

    def found(work: Work) -> dict[str, Any]:
        rows = pages.paged(lambda n, o: _list(work, away, n, o))
        return {"plans": rows, "running": onboarding_plans.running(work, [plan.id for plan, _steps in rows.items])}

    return pages.page("admin/onboarding_list.html", away=away, **look(found))


@admin.route("/onboarding/new", methods=["GET", "POST"])
def new_onboarding_plan() -> Response:
    """A new plan, still without steps."""
    form = Form.sent(FIELDS, request.form) if request.method == "POST" else Form.shown(FIELDS, {"working_days": True})
    if request.method == "POST":
        made = form.attempt(lambda: run(lambda work: onboarding_plans.make(work, form.values)))
        if made:
            flash("The plan is made. Now its steps.", "done")
            return redirect(url_for("admin.onboarding_plan", plan_id=made.id), 303)
    return _form(form, "New onboarding plan", "Make the plan", url_for("admin.onboarding_list"))


@admin.get("/onboarding/<id:plan_id>")
def onboarding_plan(plan_id: int) -> Response:
    """One plan: its steps, and who goes through it."""
    return _plan_page(plan_id, Form.shown(STEP, {"kind": "note"}))


@admin.route("/onboarding/<id:plan_id>/edit", methods=["GET", "POST"])
def edit_onboarding_plan(plan_id: int) -> Response:
    """Name, description, weekends; for those who start from now on."""
    plan = look(lambda work: find(work, OnboardingPlan, plan_id))
    form = (
        Form.sent(FIELDS, request.form) if request.method == "POST" else Form.shown(FIELDS, {f.name: getattr(plan, f.name) for f in FIELDS})
    )
    back = url_for("admin.onboarding_plan", plan_id=plan_id)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: onboarding_plans.edit(work, plan_id, form.values))):
        flash("Saved, for those who start from now on.", "done")
        return redirect(back, 303)
    return _form(form, f"Edit {plan.name}", "Save", back)


@admin.post("/onboarding/<id:plan_id>/away")
def put_plan_away(plan_id: int) -> Response:
    """Nobody starts it any more, or they may again; whoever goes through it goes on."""
    away = request.form.get("do") != "back"

    def verb(work: Work) -> str:
        onboarding_plans.edit(work, plan_id, {"archived": away})
        return "The plan is put away. Whoever goes through it goes on." if away else "The plan is in use again."

    return act(verb, "onboarding_plan", plan_id=plan_id)


@admin.post("/onboarding/<id:plan_id>/steps")
def new_onboarding_step(plan_id: int) -> Response:
    """One more step."""
    form = look(lambda work: _with_choices(work, Form.sent(STEP, request.form)))
    form = Form.sent(form.fields, request.form)
    if not form.attempt(lambda: run(lambda work: onboarding_plans.add_step(work, plan_id, _step(form)))):
        return _plan_page(plan_id, form)
    flash("The step is in the plan, for those who start from now on.", "done")
    return redirect(url_for("admin.onboarding_plan", plan_id=plan_id), 303)


@admin.route("/onboarding/<id:plan_id>/steps/<id:step_id>", methods=["GET", "POST"])
def edit_onboarding_step(plan_id: int, step_id: int) -> Response:
    """Another day, kind or wording."""

    def found(work: Work) -> tuple[OnboardingStep, Form]:
        step = onboarding_plans.step_of(work, find(work, OnboardingPlan, plan_id), step_id)
        shown = {f.name: getattr(step, f.name, None) for f in STEP} | {"session_id": step.live_session_id}
        return step, _with_choices(work, Form.shown(STEP, shown), step)

    step, form = look(found)
    form = Form.sent(form.fields, request.form) if request.method == "POST" else form
    back = url_for("admin.onboarding_plan", plan_id=plan_id)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: onboarding_plans.edit_step(work, plan_id, step_id, _step(form)))):
        flash("Saved, for those who start from now on.", "done")
        return redirect(back, 303)
    return _form(form, f"Edit {step.title}", "Save", back)


@admin.post("/onboarding/<id:plan_id>/steps/<id:step_id>/remove")
def remove_onboarding_step(plan_id: int, step_id: int) -> Response:
    """One step less."""

    def verb(work: Work) -> str:
        onboarding_plans.remove_step(work, plan_id, step_id)
        return "The step is gone, for those who start from now on."

    return act(verb, "onboarding_plan", plan_id=plan_id)


def _plan_page(plan_id: int, form: Form) -> Response:
    def found(work: Work) -> dict[str, Any]:
        plan = find(work, OnboardingPlan, plan_id)
        steps = onboarding_plans.steps_of(work, [plan.id])[plan.id]
        people = pages.paged(lambda n, o: _people(work, plan.id, n, o))
        return {
            "plan": plan,
            "steps": steps,
            "courses": dict(work.db.execute(select(Course.id, Course.name).where(Course.id.in_({s.course_id for s in steps}))).all()),
            "people": people,
            "progress": onboarding_plans.progress(work, [one.id for one, _learner in people.items]),
            "form": _with_choices(work, form),
        }

    return pages.page("admin/onboarding_plan.html", 200 if form.ok else 422, words=KIND_WORDS, **look(found))


def _form(form: Form, title: str, button: str, back: str) -> Response:
    return pages.page("admin/form.html", 200 if form.ok else 422, form=form, title=title, button=button, back=back)


def _list(work: Work, away: bool, limit: int, offset: int) -> list:
    steps = select(func.count()).where(OnboardingStep.plan_id == OnboardingPlan.id).scalar_subquery()
    kept = OnboardingPlan.archived_at.is_not(None) if away else OnboardingPlan.archived_at.is_(None)
    query = select(OnboardingPlan, steps).where(OnboardingPlan.organisation_id == work.organisation_id, kept)
    return list(work.db.execute(query.order_by(OnboardingPlan.name, OnboardingPlan.id).limit(limit).offset(offset)))


def _people(work: Work, plan_id: int, limit: int, offset: int) -> list:
    """Who goes through it, the newest first day first; those whose onboarding has ended come last."""
    query = select(Onboarding, Learner).join(Learner, Learner.id == Onboarding.learner_id).where(Onboarding.plan_id == plan_id)
    order = (Onboarding.ended_at.is_not(None), Onboarding.start_date.desc(), Onboarding.id.desc())
    return list(work.db.execute(query.order_by(*order).limit(limit).offset(offset)))


def _with_choices(work: Work, form: Form, step: OnboardingStep | None = None) -> Form:
    courses = select(Course.id, Course.name).where(Course.organisation_id == work.organisation_id).order_by(Course.name).limit(_MOST)
    coming = (LiveSession.organisation_id == work.organisation_id, CHOSEN, LiveSession.status == "scheduled", LiveSession.draft.is_(False))
    kept = LiveSession.id == (step.live_session_id if step and step.live_session_id else 0)
    sessions = select(LiveSession).where(*coming, (LiveSession.ends_at > work.now) | kept).order_by(LiveSession.starts_at).limit(_MOST)
    return form.with_choices(
        course_id=[("", "None"), *((str(number), name) for number, name in work.db.execute(courses))],
        session_id=[("", "The next with a free seat"), *((str(one.id), f"{one.title}, {one.start:%d %b %Y %H:%M} {one.timezone}") for one in work.db.scalars(sessions))],
    )  # fmt: skip


def _step(form: Form) -> dict[str, Any]:
    numbers = {name: int(form.values[name]) if form.values[name] else None for name in ("course_id", "session_id")}
    return {**form.values, **numbers}
