"""Reminders and the week's plan through the API."""

from __future__ import annotations

from tests.web.api.conftest import Api


def test_a_session_takes_reminders_or_says_as_the_course(api: Api):
    course = api.post("/courses", {"name": "Safety", "reminders": ["24h"]})
    values = {"course_id": course["id"], "title": "Drill", "start": "2027-03-01T09:00", "end": "2027-03-01T10:00", "timezone": "UTC"}
    session = api.post("/sessions", values)
    assert course["reminders"] == ["24h"] and session["reminders"] is None
    path = f"/sessions/{session['id']}"
    assert api.call("PATCH", path, {"reminders": ["morning"]}).json["reminders"] == ["morning"]
    assert api.call("PATCH", path, {"reminders": ["soon"]}, status=422)
    assert api.call("PATCH", path, {"reminders": []}).json["reminders"] == []


def test_a_learner_may_have_the_week_by_mail(api: Api):
    learner = api.post("/learners", {"email": "mia@example.org", "name": "Mia"})
    assert (learner["digest"], learner["reminders_off_at"]) == ("none", None)
    assert api.call("PATCH", f"/learners/{learner['id']}", {"digest": "weekly", "reminders_off_at": None}).json["digest"] == "weekly"
