"""People who go through an onboarding plan: somebody starts, the first day moves, a step is done, it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, g, redirect, request, url_for
from sqlalchemy import select

from ...addresses import canonical
from ...errors import Invalid
from ...services import learning, onboarding, onboarding_items, onboarding_plans, onboarding_preview
from ...services.finding import find
from ...services.work import Work
from ...store.learners import Learner
from ...store.onboarding import Onboarding, OnboardingItem, OnboardingPlan
from .. import pages
from ..forms import Field, Form
from ..house import house
from .desk import act, admin, look, run, typed
from .onboarding_plans import KIND_WORDS

START_DATE = Field("start_date", "First day", "date", required=True)
NEWCOMER = (
    Field("email", "E-mail address", "mail", required=True),
    Field("name", "Name", longest=200, hint="For somebody new; who is a learner already keeps the name."),
    START_DATE,
    Field("timezone", "Time zone", "zone", hint="Empty: the organisation's.", more=True),
    Field("locale", "Language", hint="en, de, de-AT and so on.", longest=20, more=True),
    Field("team", "Team", more=True),
    Field("manager_email", "Manager's address", "mail", more=True),
)
MOVE = (START_DATE,)
_MOST = 500


@admin.route("/onboarding/<id:plan_id>/start", methods=["GET", "POST"])
def start_onboarding(plan_id: int) -> Response:
    """Somebody starts, a learner already or not yet: the whole calendar, and one mail with the list."""
    plan = look(lambda work: find(work, OnboardingPlan, plan_id))
    form = Form.sent(NEWCOMER, request.form) if request.method == "POST" else Form(NEWCOMER)
    if request.method == "POST":
        made = form.attempt(lambda: run(lambda work: _start(work, plan_id, form.values)))
        if made:
            return _begun(made)
    back = url_for("admin.onboarding_plan", plan_id=plan_id)
    title = f"Somebody starts: {plan.name}"
    return pages.page("admin/form.html", 200 if form.ok else 422, form=form, title=title, button="Start", back=back)


@admin.route("/learners/<id:learner_id>/onboard", methods=["GET", "POST"])
def onboard_learner(learner_id: int) -> Response:
    """A learner starts one of the plans."""

    def found(work: Work) -> tuple[Learner, list[tuple[str, str]]]:
        plans = select(OnboardingPlan).where(OnboardingPlan.organisation_id == work.organisation_id, OnboardingPlan.archived_at.is_(None))
        rows = work.db.scalars(plans.order_by(OnboardingPlan.name).limit(_MOST))
        return find(work, Learner, learner_id), [(str(one.id), one.name) for one in rows]

    learner, plans = look(found)
    fields = (Field("plan_id", "Plan", "choice", required=True, choices=plans, hint="" if plans else "There is no plan yet."), START_DATE)
    form = Form.sent(fields, request.form) if request.method == "POST" else Form.shown(fields, {"start_date": learner.start_date})
    if request.method == "POST":
        made = form.attempt(
            lambda: run(lambda work: onboarding.start(work, learner_id, int(form.values["plan_id"]), form.values["start_date"]))
        )
        if made:
            return _begun(made)
    back = url_for("admin.learner", learner_id=learner_id)
    title = f"Onboarding of {learner.name}"
    return pages.page("admin/form.html", 200 if form.ok else 422, form=form, title=title, button="Start", back=back)


@admin.get("/onboardings/<id:onboarding_id>")
def onboarding_of(onboarding_id: int) -> Response:
    """One person's way through a plan."""
    return _page(onboarding_id, None)


@admin.post("/onboardings/<id:onboarding_id>/move")
def move_onboarding(onboarding_id: int) -> Response:
    """Another first day: what moves is shown first, and moved by the second press."""
    form = Form.sent(MOVE, request.form)
    if request.form.get("step") != "move":
        seen = form.attempt(lambda: _rehearsed(onboarding_id, form.values))
        return _page(onboarding_id, form, seen)
    moved = form.attempt(lambda: run(lambda work: onboarding.move(work, onboarding_id, form.values["start_date"], form.version)))
    if moved is None:
        return _page(onboarding_id, form)
    flash("Moved. One mail has the whole list; calendars follow.", "done")
    return redirect(url_for("admin.onboarding_of", onboarding_id=onboarding_id), 303)


@admin.post("/onboardings/<id:onboarding_id>/end")
def end_onboarding(onboarding_id: int) -> Response:
    """What is open leaves the calendar."""

    def verb(work: Work) -> str:
        onboarding.end(work, onboarding_id, typed("reason", 500))
        return "It has ended. What was open leaves the calendar."

    return act(verb, "onboarding_of", onboarding_id=onboarding_id)


@admin.post("/onboarding-items/<id:item_id>/done")
def finish_onboarding_item(item_id: int) -> Response:
    """A step is done."""
    one = look(lambda work: find(work, OnboardingItem, item_id))

    def verb(work: Work) -> str:
        return f"{onboarding_items.done(work, item_id).title} is done."

    return act(verb, "onboarding_of", onboarding_id=one.onboarding_id)


def of_learner(work: Work, learner_id: int) -> list[tuple[Onboarding, str, tuple[int, int]]]:
    """(onboarding, name of its plan, (steps done, steps in all)) of one person, the newest first."""
    query = select(Onboarding, OnboardingPlan.name).join(OnboardingPlan, OnboardingPlan.id == Onboarding.plan_id)
    rows = work.db.execute(query.where(Onboarding.learner_id == learner_id).order_by(Onboarding.id.desc()).limit(20)).all()
    done = onboarding_plans.progress(work, [one.id for one, _name in rows]) if rows else {}
    return [(one, name, done.get(one.id, (0, 0))) for one, name in rows]


def _begun(made: Onboarding) -> Response:
    flash("It begins. The calendar is filled, and one mail has the whole list.", "done")
    return redirect(url_for("admin.onboarding_of", onboarding_id=made.id), 303)


def _start(work: Work, plan_id: int, values: Mapping[str, Any]) -> Onboarding:
    mine = (Learner.organisation_id == work.organisation_id, Learner.email_key == canonical(values["email"]))
    learner = work.db.scalars(select(Learner).where(*mine)).first()
    if learner is None:
        if not values["name"]:
            raise Invalid("Nobody here has this address yet: please write the name, too.", field="name")
        learner = learning.create_learner(work, {name: value for name, value in values.items() if value not in ("", None)})
    return onboarding.start(work, learner.id, plan_id, values["start_date"])


def _rehearsed(onboarding_id: int, values: Mapping[str, Any]) -> list[onboarding_preview.Moving]:
    day = values["start_date"]
    return house().rehearse(
        g.who.organisation_id, f"admin:{g.who.email}", lambda work: onboarding_preview.foreseen(work, onboarding_id, day)
    )


def _page(onboarding_id: int, form: Form | None, seen: list[onboarding_preview.Moving] | None = None) -> Response:
    def found(work: Work) -> dict[str, Any]:
        one = find(work, Onboarding, onboarding_id)
        items = onboarding.items_of(work, one)
        return {
            "one": one,
            "plan": work.db.get_one(OnboardingPlan, one.plan_id),
            "learner": find(work, Learner, one.learner_id),
            "items": items,
            "sessions": onboarding.sessions_of(work, items),
        }

    values = look(found)
    form = form or Form.shown(MOVE, {"start_date": values["one"].start_date})
    return pages.page("admin/onboarding.html", 200 if form.ok else 422, form=form, seen=seen, words=KIND_WORDS, **values)
