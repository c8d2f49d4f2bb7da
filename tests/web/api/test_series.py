"""Series through the API, as programs make and change them."""

from __future__ import annotations

from tests.web.api.conftest import Api, a_session


def series(api: Api, count: int = 3, **values) -> dict:
    """A weekly series on Mondays at nine in Berlin, from 1 March 2027."""
    return api.session(start="2027-03-01T09:00", end="2027-03-01T10:30", recurrence=f"FREQ=WEEKLY;COUNT={count}", **values)


def test_a_series_is_one_session_with_its_dates_and_its_rule_in_words(api):
    made = series(api)
    assert (made["entry_mode"], made["recurrence"], made["recurrence_words"]) == (
        "dates",
        "FREQ=WEEKLY;COUNT=3",
        "every week on Monday, 3 times",
    )
    assert [one["recurrence_id"] for one in made["occurrences"]] == ["20270301T080000Z", "20270308T080000Z", "20270315T080000Z"]
    assert [one["id"] for one in api.get("/sessions")["items"]] == [made["id"]]
    dates = api.get(f"/sessions?series_id={made['id']}")["items"]
    assert [one["id"] for one in dates] == [one["id"] for one in made["occurrences"]]


def test_more_than_six_dates_are_one_entry(api):
    made = series(api, 7)
    mine = api.post(f"/sessions/{made['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Invited"})
    (mail,) = api.get("/deliveries")["items"]
    assert (made["entry_mode"], mail["method"], mail["sequence"], bool(mine["uid"])) == ("rule", "REQUEST", 0, True)


def test_one_date_is_moved_and_one_cancelled(api):
    made = series(api, 7)
    path = f"/sessions/{made['id']}/occurrences"
    moved = api.patch(f"{path}/20270308T080000Z", {"start": "2027-03-09T09:00", "end": "2027-03-09T10:30"})
    assert (moved["recurrence_id"], moved["series_id"], moved["start"]) == ("20270308T080000Z", made["id"], "2027-03-09T09:00:00")
    assert api.post(f"{path}/20270315T080000Z/cancel", {"reason": "Holiday"}, 200)["status"] == "cancelled"
    now = api.get(f"/sessions/{made['id']}")["occurrences"]
    assert [(one["status"], one["moved"]) for one in now[:3]] == [("scheduled", False), ("scheduled", True), ("cancelled", False)]
    unknown = api.patch(f"{path}/20270316T080000Z", {"title": "x"}, 404)
    assert "20270308T080000Z" in unknown["occurrences"]


def test_attendance_is_noted_for_one_date(api):
    made = series(api)
    mine = api.post(f"/sessions/{made['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Registered"})
    path = f"/enrolments/{mine['id']}/attendance"
    assert "Say to which date" in api.call("PUT", path, {"status": "Attended"}, 422).json["detail"]
    there = api.call("PUT", path, {"status": "Attended", "occurrence": "20270308T080000Z"}).json
    assert (there["status"], there["session_id"]) == ("Attended", made["occurrences"][1]["id"])
    assert api.get(f"/enrolments/{mine['id']}")["status"] == "Registered"


def test_this_and_following_is_split_off_and_then_moved(api):
    made = series(api, 4)
    second = api.post(f"/sessions/{made['id']}/occurrences/20270315T080000Z/split")
    assert [len(one["occurrences"]) for one in (api.get(f"/sessions/{made['id']}"), second)] == [2, 2]
    later = api.patch(f"/sessions/{second['id']}", {"start": "2027-03-15T14:00", "end": "2027-03-15T15:30"})
    assert [one["start"] for one in later["occurrences"]] == ["2027-03-15T14:00:00", "2027-03-22T14:00:00"]


def test_a_start_that_the_rule_leaves_out_is_refused_with_the_first_that_fits(api):
    times = {"start": "2027-03-02T09:00", "end": "2027-03-02T10:30", "recurrence": "FREQ=WEEKLY;BYDAY=MO;COUNT=3"}
    problem = api.post("/sessions", a_session(course_id=api.course()["id"], **times), 422)
    assert problem["field"] == "recurrence" and "2027-03-08" in problem["detail"]
