"""Attendance and reports for programs."""

from __future__ import annotations

from datetime import UTC, datetime


def _class(api, *names: str) -> tuple[int, list[int]]:
    learners = [api.learner(name)["id"] for name in names]
    session = api.session()["id"]
    for number in learners:
        api.post(f"/sessions/{session}/enrolments", {"learner_id": number, "status": "Registered"})
    api.clock.now = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)
    return session, learners


def test_many_are_marked_in_one_call_and_each_refusal_says_why(api):
    session, (ada, bob) = _class(api, "Ada", "Bob")
    dora = api.learner("Dora")["id"]
    items = [
        {"learner_id": ada, "status": "Attended"}, {"email": "BOB@example.org", "status": "Absent"}, {"learner_id": dora, "status": "Attended"},
        {"email": "zoe@example.org", "status": "Attended"}, {"learner_id": bob, "status": "Attended"}, {"status": "Absent"},
    ]  # fmt: skip
    done = api.post(f"/sessions/{session}/attendance", {"items": items}, 200)
    assert (done["marked"], [one["item"] for one in done["refused"]]) == (2, [2, 3, 4, 5])
    people = {one["email"]: one["status"] for one in api.get(f"/sessions/{session}/enrolments")["items"]}
    assert people == {"ada@example.org": "Attended", "bob@example.org": "Absent"}


def test_everybody_at_once_and_twice_changes_nothing(api):
    session, _ = _class(api, "Ada", "Bob")
    assert [api.post(f"/sessions/{session}/attendance", {"all": "Attended"}, 200)["marked"] for _ in range(2)] == [2, 0]
    assert api.post(f"/sessions/{session}/attendance", {}, 200) == {"marked": 0, "unchanged": 0, "refused": []}
    text = api.call("GET", f"/sessions/{session}/attendance.csv").get_data().decode("utf-8-sig")
    assert "ada@example.org,Ada,,Attended,NEEDS-ACTION" in text


def test_all_before_the_start_is_a_mistake(api):
    session = api.session()["id"]
    assert "has not begun" in api.post(f"/sessions/{session}/attendance", {"all": "Attended"}, 409)["detail"]


def test_the_report_comes_by_the_page(api):
    first, _ = _class(api, "Ada")
    second, _ = _class(api, "Bob", "Cy")
    api.post(f"/sessions/{second}/attendance", {"all": "Absent"}, 200)
    page = api.get("/reports/attendance?limit=1")
    rest = api.get(f"/reports/attendance?limit=1&cursor={page['next']}")
    assert [page["items"][0]["id"], rest["items"][0]["id"], rest["next"]] == [first, second, None]
    assert (rest["items"][0]["people"], rest["items"][0]["absent"]) == (2, 2)
    (team,) = api.get("/reports/attendance?by=team&from=2027-01-01&to=2028-01-01")["items"]
    assert (team["id"], team["name"], team["people"]) == (None, "", 3)


def test_another_organisation_is_not_in_it(api, other):
    session, _ = _class(api, "Ada")
    other.call("POST", f"/sessions/{session}/attendance", {"all": "Attended"}, 404)
    other.call("GET", f"/sessions/{session}/attendance.csv", status=404)
    assert other.get("/reports/attendance")["items"] == []
