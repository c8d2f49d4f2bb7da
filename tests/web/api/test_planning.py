"""A program plans a change, looks at what it would do, and publishes it."""

from __future__ import annotations

from tests.web.api.conftest import Api


def test_a_program_plans_looks_and_publishes(api: Api):
    path = f"/sessions/{api.session(title='Fire safety')['id']}"
    planned = api.patch(path, {"planning": True, "title": "Fire drill"})
    assert (planned["title"], planned["planned"], planned["settle_at"]) == ("Fire safety", {"title": "Fire drill"}, None)
    seen = api.get(f"{path}/preview")
    assert seen["changes"] == [{"field": "title", "before": "Fire safety", "after": "Fire drill"}]
    published = api.post(f"{path}/publish", status=200)
    assert (published["title"], published["planning"], published["planned"], published["sequence"]) == ("Fire drill", False, {}, 1)
    assert "Nothing is planned" in api.get(f"{path}/preview", status=409)["detail"]


def test_the_preview_counts_who_gets_what(api: Api):
    course = api.course()["id"]
    ada, bob = api.learner("Ada")["id"], api.learner("Bob")["id"]
    path = f"/sessions/{api.session(course_id=course)['id']}"
    for learner in (ada, bob):
        api.post(f"{path}/enrolments", {"learner_id": learner, "status": "Invited"})
    api.patch(path, {"planning": True, "calendar_enabled": False})
    assert api.get(f"{path}/preview")["requests"] == 0
    api.patch(path, {"calendar_enabled": True, "start": "2027-03-02T09:00", "end": "2027-03-02T10:30"})
    seen = api.get(f"{path}/preview")
    assert (seen["requests"], seen["nothing"], seen["waiting"], seen["told"][0]["learner_ids"]) == (2, 0, 2, [ada, bob])
    assert api.get("/deliveries")["items"][0]["id"] == 2


def test_a_plan_is_forgotten(api: Api):
    path = f"/sessions/{api.session(title='Fire safety')['id']}"
    api.patch(path, {"planning": True, "title": "Fire drill"})
    assert "publish them or discard them" in api.patch(path, {"planning": False}, status=409)["detail"]
    assert api.call("DELETE", f"{path}/plan").json["planning"] is False
    assert api.get(path)["title"] == "Fire safety"


def test_chasing_a_session_that_never_moved_is_refused_in_words(api: Api):
    path = f"/sessions/{api.session()['id']}"
    assert "never changed" in api.post(f"{path}/chase", status=409)["detail"]


def test_a_session_is_planned_from_its_first_moment(api: Api):
    course, ada = api.course()["id"], api.learner("Ada")["id"]
    group = api.post(f"/courses/{course}/groups", {"name": "Berlin", "learner_ids": [ada]})["id"]
    made = api.session(course_id=course, group_id=group, planning=True)
    path = f"/sessions/{made['id']}"
    assert (made["planning"], made["draft"], made["sequence"], made["enrolments"]) == (True, True, 0, {"Invited": 1})
    assert api.get("/deliveries")["items"] == [] and api.get(f"{path}/preview")["requests"] == 1
    published = api.post(f"{path}/publish", status=200)
    assert (published["planning"], published["draft"], published["sequence"]) == (False, False, 0)
    assert [one["kind"] for one in api.get("/deliveries")["items"]] == ["invite"]


def test_what_is_over_says_what_still_works(api: Api):
    session = api.session(start="2020-03-01T09:00", end="2020-03-01T10:30")
    path = f"/sessions/{session['id']}"
    mended = api.patch(path, {"title": "Fire drill"})
    api.post(f"{path}/enrolments", {"learner_id": api.learner()["id"], "status": "Attended"})
    assert "marking attendance" in api.patch(path, {"title": "Fire"}, status=409)["detail"]
    assert api.get(path)["version"] == mended["version"]
