"""Many at once, as programs ask for it."""

from __future__ import annotations

from tests.web.api.conftest import Api


def test_pasted_addresses_go_into_a_session(api: Api):
    session = api.session()
    api.learner("Ada"), api.learner("Bo")
    body = {"emails": ["ada@example.org", "bo@example.org", "who@example.org"], "status": "Registered"}
    done = api.post(f"/sessions/{session['id']}/enrolments/bulk", body, 200)
    assert (done["added"], done["invitations"]) == (2, 2) and done["refused"][0]["who"] == "who@example.org"
    api.post(f"/sessions/{session['id']}/enrolments/bulk", {"status": "Registered"}, 422)


def test_a_group_goes_into_a_session(api: Api):
    session, ada = api.session(), api.learner("Ada")
    group = api.post(f"/courses/{session['course_id']}/groups", {"name": "G", "learner_ids": [ada["id"]]})
    done = api.post(f"/sessions/{session['id']}/enrolments/bulk", {"group_id": group["id"], "status": "Invited"}, 200)
    assert done["added"] == 1 and api.get(f"/sessions/{session['id']}/enrolments")["items"][0]["status"] == "Invited"


def test_hours_become_sessions(api: Api):
    course = api.course()
    hours = {"days": ["2026-12-01", "2026-12-02"], "begins": "09:00", "ends": "10:00", "length": 30, "timezone": "Europe/Berlin"}
    made = api.post(f"/courses/{course['id']}/slots", hours)["items"]
    assert [one["start"] for one in made][:2] == ["2026-12-01T09:00:00", "2026-12-01T09:30:00"] and made[3]["capacity"] == 1
    assert api.post(f"/courses/{course['id']}/slots", {**hours, "length": 90}, 422)["field"] == "ends"


def test_a_leaver_leaves_and_comes_back(api: Api):
    session, ada = api.session(), api.learner("Ada")
    api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": ada["id"], "status": "Registered"})
    gone = api.post(f"/learners/{ada['id']}/leave", status=200)
    assert gone["left_at"] and api.get(f"/sessions/{session['id']}/enrolments")["items"][0]["status"] == "Cancelled"
    assert api.get(f"/learners/{ada['id']}/feeds")["items"] == []
    assert api.post(f"/learners/{ada['id']}/come-back", status=200)["left_at"] is None


def test_a_new_address_says_what_it_means(api: Api):
    ada = api.learner("Ada")
    changed = api.patch(f"/learners/{ada['id']}", {"email": "ada@new.example", "address_change": "new_mailbox"})
    assert changed["email"] == "ada@new.example"
    api.patch(f"/learners/{ada['id']}", {"email": "ada@x.example", "address_change": "else"}, 422)
