"""Onboarding by the API: a plan, somebody starts, the start moves, a step is done."""

from __future__ import annotations


def test_a_new_hire_from_the_first_call_to_the_last_step(api):
    course = api.post("/courses", {"name": "Safety"})
    steps = [{"days": -7, "title": "Send your photo"}, {"days": 5, "kind": "completion", "course_id": course["id"]}]
    plan = api.post("/onboarding-plans", {"name": "Office", "steps": steps})
    assert [(one["days"], one["title"]) for one in plan["steps"]] == [(-7, "Send your photo"), (5, "Safety")]

    wanted = {"learner_id": api.learner()["id"], "plan_id": plan["id"], "start_date": "2027-01-04"}
    started = api.post("/onboardings", wanted)
    assert [one["day"] for one in started["items"]] == ["2026-12-28", "2027-01-11"]
    assert api.post("/onboardings", wanted, 409)["id"] == started["id"]
    path = f"/onboardings/{started['id']}"
    assert api.call("PATCH", path, {"start_date": "2027-01-11"}, 200).get_json()["items"][0]["day"] == "2027-01-04"

    photo = started["items"][0]["id"]
    for _ in range(2):
        assert api.post(f"/onboarding-items/{photo}/done", None, 200)["state"] == "done"
    assert [one["state"] for one in api.post(f"{path}/end", None, 200)["items"]] == ["done", "ended"]
    api.post(f"/onboarding-items/{started['items'][1]['id']}/done", None, 409)
    assert api.get(f"/onboarding-plans/{plan['id']}")["running"] == 0


def test_what_a_plan_cannot_be_is_said_by_name(api):
    for step, field in (
        ({"days": 4000, "title": "Late"}, "steps.0.days"),
        ({"days": 1, "kind": "session"}, "course_id"),
        ({"days": 1}, "title"),
    ):
        problem = api.post("/onboarding-plans", {"name": "Office", "steps": [step]}, 422)
        assert problem["field"] == field
    plan = api.post("/onboarding-plans", {"name": "Empty"})
    body = {"learner_id": api.learner()["id"], "plan_id": plan["id"], "start_date": "2027-01-04"}
    assert "no steps" in api.post("/onboardings", body, 409)["detail"]
