"""Onboarding at the desk: a plan with its steps, somebody new, another first day that is looked at before it is set."""

from __future__ import annotations

from datetime import date

import pytest

from feedserver.services import grouping, onboarding, onboarding_plans
from feedserver.store.outbox import Delivery
from tests.web.desk.conftest import Desk


@pytest.fixture
def plan(desk: Desk) -> str:
    """The path of a plan with three steps: a photo before the first day, a session of a course that has one, a course to complete."""
    desk.session("Ada", capacity=10)
    desk.send("/onboarding/new", name="New in production", working_days="on")
    for days, kind, title, course in (
        ("-3", "note", "Send your photo", ""),
        ("1", "session", "", "1"),
        ("30", "completion", "The rules", "1"),
    ):
        desk.send("/onboarding/1/steps", days=days, kind=kind, title=title, course_id=course, session_id="")
    return "/onboarding/1"


def test_a_plan_is_made_changed_and_put_away(desk: Desk, plan: str):
    page = desk.get(plan)
    assert page.index("Send your photo") < page.index("Safety at work") < page.index("The rules") and "3 days before" in page
    for wrong, words in (({"days": "soon"}, "whole number of days"), ({"kind": "session"}, "Say of which course")):
        fields = {"days": "1", "kind": "note", "title": "x", "course_id": "", "session_id": "", **wrong}
        assert words in desk.send(f"{plan}/steps", 422, **fields).text
    desk.send(f"{plan}/steps/1", days="-5", kind="note", title="Send a photo", course_id="", session_id="")
    desk.send(f"{plan}/steps/3/remove")
    page = desk.get(plan)
    assert "5 days before" in page and "Send a photo" in page and "The rules" not in page
    desk.send(f"{plan}/away", do="away")
    assert "New in production" not in desk.get("/onboarding") and "New in production" in desk.get("/onboarding?away=1")
    assert "put away" in desk.send(f"{plan}/start", 422, email="mia@example.org", name="Mia", start_date="2027-03-01").text
    desk.send(f"{plan}/away", do="back")
    assert "New in production" in desk.get("/onboarding")


def test_somebody_new_starts_by_a_form_and_has_everything(desk: Desk, plan: str):
    assert "write the name" in desk.send(f"{plan}/start", 422, email="mia@example.org", start_date="2027-03-09").text
    desk.send(f"{plan}/start", email="mia@example.org", name="Mia", start_date="2027-03-09", timezone="America/New_York")
    page = desk.get("/onboardings/1")
    assert "Fire safety" in page and "8 Mar 2027" in page and "08:00–09:00" in page and "New York" in page
    assert "0 of 3" in desk.get(plan) and "New in production" in desk.get("/learners/2")
    desk.send("/onboarding-items/1/done")
    assert "1 of 3 done" in desk.get("/learners/2")
    desk.send("/learners/1/onboard", plan_id="1", start_date="2027-03-09")
    assert "Ada" in desk.get(plan)


def test_another_first_day_is_looked_at_before_it_is_set(desk: Desk, plan: str):
    desk.send(f"{plan}/start", email="mia@example.org", name="Mia", start_date="2027-03-09")
    desk.send("/onboarding-items/1/done")
    mails = desk.do(lambda work: work.db.query(Delivery).count())
    page = desk.send("/onboardings/1/move", 200, start_date="2027-04-06").text
    assert "stays" in page and "a day to note" in page and "6 May 2027" in page
    assert "first day 9 Mar 2027" in desk.get("/onboardings/1") and desk.do(lambda work: work.db.query(Delivery).count()) == mails
    version = page.partition('name="version" value="')[2].partition('"')[0]
    desk.send("/onboardings/1/move", step="move", start_date="2027-04-06", version=version)
    page = desk.get("/onboardings/1")
    assert "first day 6 Apr 2027" in page and "no date with a free seat yet" in page
    assert "changed this onboarding" in desk.send("/onboardings/1/move", 422, step="move", start_date="2027-05-06", version=version).text
    desk.send("/onboardings/1/end", reason="Went elsewhere")
    assert "Ended" in desk.get("/onboardings/1") and "No longer" in desk.get("/onboardings/1")


def test_an_approver_sees_the_own_newcomers_alone(desk: Desk):
    def begin(work):
        course = grouping.create_course(work, {"name": "Rules"})
        steps = [{"days": 3, "kind": "completion", "course_id": course.id}]
        plan = onboarding_plans.make(work, {"name": "New", "steps": steps})
        return [onboarding.start(work, one, plan.id, date(2027, 3, 1)).id for one in people]

    people = [desk.learner("Mia", manager_email="anna@example.org").id, desk.learner("Ole").id]
    mine, other = desk.do(begin)
    desk.sign_in("anna@example.org", "approver")
    page = desk.get(f"/onboardings/{mine}")
    assert "Mia" in page and "Show what moves" not in page and 'href="/onboarding/' not in page
    desk.get(f"/onboardings/{other}", 404)
