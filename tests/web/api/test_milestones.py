"""Milestones and completions as programs see them."""

from __future__ import annotations

DEADLINE = {"kind": "completion_deadline", "title": "Fire safety", "day": "2027-03-31"}


def test_a_course_sets_a_day_moves_it_and_takes_it_back(api):
    course, mia, ole = api.course(), api.learner("Mia"), api.learner("Ole")
    api.post(f"/courses/{course['id']}/groups", {"name": "G", "learner_ids": [mia["id"], ole["id"]]})
    made = api.post(f"/courses/{course['id']}/milestones", DEADLINE)
    assert (made["open"], made["done"], made["day"], made["version"]) == (2, 0, "2027-03-31", 1)
    api.post("/completions", {"learner_id": ole["id"], "course_id": course["id"]})
    moved = api.call("PATCH", f"/milestones/{made['id']}", {"day": "2027-04-01"}).json
    assert (moved["open"], moved["done"], moved["version"]) == (1, 1, 2)
    (day,) = api.get(f"/learners/{mia['id']}/milestones")["items"]
    assert (day["day"], day["state"], day["sequence"], day["mailed"]) == ("2027-04-01", "open", 1, False)
    api.call("POST", f"/milestones/{made['id']}/cancel", {"reason": "Off"}, 200)
    assert api.get(f"/learners/{mia['id']}/milestones")["items"][0]["state"] == "ended"
    api.call("PATCH", f"/milestones/{made['id']}", {"title": "x"}, 409)


def test_a_completion_is_noted_once_listed_and_undone(api):
    course, mia = api.course(), api.learner("Mia")
    body = {"learner_id": mia["id"], "course_id": course["id"], "completed_on": "2026-03-01", "note": "Paper"}
    made = api.post("/completions", body)
    assert made["source"] == "api" and made["by"].startswith("api:") and made["completed_on"] == "2026-03-01"
    assert api.post("/completions", body, 409)["id"] == made["id"]
    assert api.get(f"/reports/completions?course_id={course['id']}")["items"] == [
        {"id": course["id"], "name": course["name"], "people": 1, "completed": 1, "late": 0}
    ]
    undone = api.call("POST", f"/completions/{made['id']}/undo", status=200).json
    assert undone["undone_at"] and [one["id"] for one in api.get(f"/completions?learner_id={mia['id']}")["items"]] == [made["id"]]
    api.call("POST", f"/completions/{made['id']}/undo", status=409)


def test_what_cannot_be_is_refused_at_its_field(api):
    course, mia = api.course(), api.learner("Mia")
    for values, field in (({"day": "2027-02-30"}, "day"), ({"kind": "certificate_expiry"}, "kind"), ({"title": " "}, "title")):
        assert api.post(f"/courses/{course['id']}/milestones", DEADLINE | values, 422)["field"] == field
    body = {"learner_id": mia["id"], "course_id": course["id"], "completed_on": "2199-01-01"}
    assert api.post("/completions", body, 409)["field"] == "completed_on"


def test_a_course_may_count_and_let_people_say_so_themselves(api):
    made = api.post("/courses", {"name": "Fire", "counts": True})
    assert (made["counts"], made["self_paced"]) == (True, False)
    assert api.call("PATCH", f"/courses/{made['id']}", {"self_paced": True}).json["self_paced"] is True
    session = api.session(course_id=made["id"])
    assert session["counts"] is None and api.call("PATCH", f"/sessions/{session['id']}", {"counts": False}).json["counts"] is False
