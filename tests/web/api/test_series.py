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
    assert "Say to which date" in api.call("PUT", path, {"status": "Attended"}, 409).json["detail"]
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


def test_dates_are_left_out_and_added_from_the_start_and_later(api):
    made = series(
        api, 8, left_out=["2027-03-01T09:00", "2027-03-15T09:00"], extra_dates=[{"start": "2027-03-10T14:00", "end": "2027-03-10T15:00"}]
    )
    said = [(one["start"][5:16], one["status"], one["extra"]) for one in made["occurrences"][:4]]
    assert said == [
        ("03-01T09:00", "cancelled", False), ("03-08T09:00", "scheduled", False), ("03-10T14:00", "scheduled", True), ("03-15T09:00", "cancelled", False),
    ]  # fmt: skip
    assert made["entry_mode"] == "rule"
    path = f"/sessions/{made['id']}/occurrences"
    back = api.post(path, {"start": "2027-03-15T09:00"})
    assert (back["status"], back["end"], back["entry_mode"], back["recurrence_id"]) == (
        "scheduled",
        "2027-03-15T10:30:00",
        "moved",
        "20270315T080000Z",
    )
    assert "already" in api.post(path, {"start": "2027-03-10T14:00"}, 409)["detail"]
    assert len(api.get(f"/sessions/{made['id']}")["occurrences"]) == 9


def test_what_cannot_be_left_out_or_added_is_refused_at_its_field(api):
    times = {"start": "2027-03-01T09:00", "end": "2027-03-01T10:30", "recurrence": "FREQ=WEEKLY;COUNT=2"}
    for wrong, field in (
        ({"left_out": ["2027-03-02T09:00"]}, "left_out"),
        ({"left_out": ["2027-03-01T09:00", "2027-03-08T09:00"]}, "left_out"),
        ({"extra_dates": [{"start": "2027-03-08T09:00"}]}, "extra_dates"),
        ({"recurrence": None, "extra_dates": [{"start": "2027-03-09T09:00"}]}, "extra_dates"),
    ):
        problem = api.post("/sessions", a_session(course_id=api.course()["id"], **{**times, **wrong}), 422)
        assert problem["field"] == field, problem


def test_a_date_is_changed_and_cancelled_by_its_own_id_as_well(api):
    made = series(api, 7)
    second, third = (one["id"] for one in made["occurrences"][1:3])
    assert api.patch(f"/sessions/{second}", {"location": "Hall 2"})["entry_mode"] == "moved"
    assert api.post(f"/sessions/{third}/cancel", {}, 200)["status"] == "cancelled"
    refused = api.post(f"/sessions/{second}/registrations", {"learner_id": api.learner()["id"]}, 409)
    assert refused["series_id"] == made["id"]


def test_with_its_last_date_the_series_is_cancelled(api):
    made = series(api, 2)
    for one in made["occurrences"]:
        api.post(f"/sessions/{one['id']}/cancel", {"reason": "No trainer"}, 200)
    assert api.get(f"/sessions/{made['id']}")["status"] == "cancelled"
