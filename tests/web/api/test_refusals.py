"""Bad input of every kind: a 4xx that names the field and the way out, and nothing written."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.web.api.conftest import a_session

ADA = '{"email": "ada@example.org", "name": %s}'
BAD_LEARNERS = {
    "unknown field": ({"nick": "A"}, "nick"),
    "read-only field": ({"id": 7}, "id"),
    "null for text": ({"name": None}, "name"),
    "list for text": ({"name": ["Ada"]}, "name"),
    "empty name": ({"name": "  "}, "name"),
    "NUL": ({"name": "A\x00"}, "name"),
    "line break": ({"name": "A\r\nBcc: x@example.org"}, "name"),
    "text that turns around": ({"name": "A\u202eadA"}, "name"),
    "too long": ({"name": "A" * 201}, "name"),
    "no address": ({"email": "ada"}, "email"),
    "address with a line break": ({"email": "ada@example.org\r\nX: y"}, "email"),
    "two addresses": ({"email": "a@example.org,b@example.org"}, "email"),
    "option for a mailer": ({"email": "-oQ@example.org"}, "email"),
    "unknown zone": ({"timezone": "Foo/Bar"}, "timezone"),
    "file for a zone": ({"timezone": "../../etc/passwd"}, "timezone"),
    "unknown language": ({"locale": "xx-YY"}, "locale"),
    "unknown channel": ({"channel": "fax"}, "channel"),
    "no day": ({"start_date": "2026-02-30"}, "start_date"),
    "bad manager": ({"manager_email": "boss"}, "manager_email"),
}
BAD_SESSIONS = {
    "true for a number": ({"capacity": True}, "capacity"),
    "no seats": ({"capacity": -1}, "capacity"),
    "huge number": ({"capacity": 10**30}, "capacity"),
    "huge id": ({"course_id": 2**70}, "course_id"),
    "text for an id": ({"course_id": "1"}, "course_id"),
    "end before start": ({"end": "2027-03-01T08:00"}, "end"),
    "1,000 days": ({"end": "2029-11-25T09:00"}, "end"),
    "with Z": ({"start": "2027-03-01T09:00:00Z"}, "start"),
    "with offset": ({"end": "2027-03-01T10:30+01:00"}, "end"),
    "year 9999": ({"start": "9999-03-01T09:00"}, "start"),
    "no such day": ({"start": "2027-02-30T09:00"}, "start"),
    "unknown zone": ({"timezone": "Foo/Bar"}, "timezone"),
    "time that does not exist": ({"start": "2027-03-28T02:30", "end": "2027-03-28T04:00"}, "start"),
    "fold of two": ({"fold": 2}, "fold"),
    "series": ({"recurrence": "FREQ=DAILY;COUNT=1000000000"}, "recurrence"),
    "room": ({"room_id": 1}, "room_id"),
    "line break in the title": ({"title": "A\nB"}, "title"),
    "line break in the place": ({"location": "A\r\nATTENDEE:x"}, "location"),
    "script for a link": ({"join_url": "javascript:alert(1)"}, "join_url"),
    "link with a line break": ({"join_url": "https://example.org/\r\nX"}, "join_url"),
    "no visibility": ({"visibility": "secret"}, "visibility"),
    "bad instructor": ({"instructors": ["ada@example.org", "x"]}, "instructors.1"),
    "text for yes or no": ({"waiting_list": "yes"}, "waiting_list"),
}


@pytest.mark.parametrize("case", BAD_LEARNERS)
def test_a_bad_learner_is_refused_by_field(api, case):
    fields, field = BAD_LEARNERS[case]
    problem = api.post("/learners", {"email": "ada@example.org", "name": "Ada", **fields}, 422)
    assert problem["field"] == field and len(problem["detail"]) > 10 and problem["code"] == "invalid"
    assert api.get("/learners")["items"] == []


@pytest.mark.parametrize("case", BAD_SESSIONS)
def test_a_bad_session_is_refused_by_field(api, case):
    fields, field = BAD_SESSIONS[case]
    problem = api.post("/sessions", a_session(course_id=api.course()["id"]) | fields, 422)
    assert problem["field"] == field and len(problem["detail"]) > 10
    assert api.get("/sessions")["items"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (ADA.encode() % b'"\\ud800"', 422),
        (ADA.encode() % b"NaN", 400),
        (ADA.encode() % b"1e400", 400),
        (ADA.encode() % (b"9" * 5000), 400),
        (ADA.encode() % b'"Ada"' + b"x", 400),
        (ADA.encode() % b'"Ada", "name": "Bob"', 400),
        ((ADA % '"Ada"').encode("utf-16"), 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"' + b"a" * (2 * 1024 * 1024) + b'"', 413),
    ],
    ids=lambda value: str(value[:30]) if isinstance(value, bytes) else None,
)
def test_a_body_that_is_no_object_is_refused(api, body, status):
    problem = api.call("POST", "/learners", status=status, data=body, content_type="application/json")
    assert problem.headers["Content-Type"] == "application/problem+json" and problem.json["detail"]
    assert api.get("/learners")["items"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
    ids=str,
)
def test_only_plain_json_is_taken(api, headers):
    body = json.dumps({"email": "ada@example.org", "name": "Ada"}).encode()
    body = gzip.compress(body) if "Content-Encoding" in headers else body
    assert "application/json" in api.call("POST", "/learners", status=415, data=body, headers=headers).json["detail"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/learners?sort=email_key", "sort"),
        ("/learners?email=x&email=y", "email"),
        ("/learners?email=%00", "email"),
        ("/learners?cursor=!", "cursor"),
        ("/learners?cursor=eA", "cursor"),
        ("/sessions?cursor=MQ", "cursor"),
        ("/sessions?from=yesterday", "from"),
        ("/sessions?to=2026-13-01", "to"),
        ("/sessions?course_id=1%20OR%201=1", "course_id"),
        ("/deliveries?state=lost", "state"),
        ("/inbound?outcome=eaten", "outcome"),
    ],
)
def test_a_bad_filter_is_refused_by_name(api, path, field):
    assert api.get(path, status=422)["field"] == field


@pytest.mark.parametrize("limit", ["-1", "0", "", "x", "1e9", "9" * 5000, "٣", "1&limit=2"])
def test_a_strange_limit_is_never_refused(api, limit):
    assert api.get(f"/learners?limit={limit}") == {"items": [], "next": None}


@pytest.mark.parametrize("row_id", ["0", "-1", "9" * 20, "9" * 6000, "x", "1.0", "٣"])
def test_an_id_that_no_row_can_have_is_not_found(api, row_id):
    problem = api.get(f"/learners/{row_id}", status=404)
    assert problem["status"] == 404 and problem["detail"]


def test_good_text_of_every_script_is_taken(api):
    for n, name in enumerate(("Zoë 🎉", "عائشة", "李小龍", "O’Neil-Ärzte", "👩‍👩‍👧")):
        assert api.post("/learners", {"email": f"p{n}@example.org", "name": name})["name"] == name


def test_a_status_that_none_may_give_is_refused(api):
    session = api.session()
    body = {"learner_id": api.learner()["id"], "status": "Waiting Approval"}
    assert api.post(f"/sessions/{session['id']}/enrolments", body, 422)["field"] == "status"
    mine = api.post(f"/sessions/{session['id']}/enrolments", {**body, "status": "Invited"})
    assert "does not wait" in api.post(f"/enrolments/{mine['id']}/approve", status=409)["detail"]
    assert api.patch(f"/enrolments/{mine['id']}", {"status": "Dancing"}, 422)["field"] == "status"


def test_what_a_session_keeps_is_refused_with_the_way_out(api):
    session = api.session()
    problem = api.patch(f"/sessions/{session['id']}", {"course_id": 5}, 422)
    assert problem["field"] == "course_id" and "make a new session" in problem["detail"]
    date = f"/sessions/{session['id']}/occurrences/20270301T080000Z"
    assert "no series" in api.patch(date, {"title": "x"}, 404)["detail"]
    assert "no series" in api.post(f"{date}/cancel", status=404)["detail"]


def test_all_that_is_wrong_is_said_at_once(api):
    problem = api.post("/learners", {"nick": "A"}, 422)
    assert [error["field"] for error in problem["errors"]] == ["email", "name", "nick"]


def test_the_methods_of_an_address_are_named(api):
    problem = api.call("PUT", "/learners", status=405)
    assert problem.json["code"] == "method-not-allowed" and "POST" in problem.headers["Allow"]


def test_an_unexpected_error_says_nothing_about_itself(api, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr("feedserver.services.learning.edit_learner", fail)
    problem = api.patch(f"/learners/{api.learner()['id']}", {"name": "B"}, 500)
    assert problem["code"] == "internal" and "secret" not in json.dumps(problem)
