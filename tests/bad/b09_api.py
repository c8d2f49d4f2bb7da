"""B9: bodies, ids and filters that programs get wrong: 4xx with a reason, never 5xx, nothing half written."""

from __future__ import annotations

import gzip
import json

from tests.web.api.conftest import a_session

from .front import Asked

ADA = {"email": "ada@example.org", "name": "Ada"}
BAD = (400, 404, 405, 409, 413, 415, 422)


def learner(name_: str, status: int = 422, raw: bytes | None = None, /, **fields) -> Asked:
    body = {"data": raw, "content_type": "application/json"} if raw is not None else {"json": {**ADA, **fields}}
    return Asked(name_, "POST", "/learners", status, "api", request=body)


def session(name: str, **fields) -> Asked:
    return Asked(name, "POST", "/sessions", 422, "api", request={"json": a_session(**{"course_id": 1, **fields})})


def theirs(number: str, method: str, path: str, body=None) -> Asked:
    return Asked(
        f"{number} theirs: {method} {path}", method, lambda f: path.format(**f.theirs), 404, "api", request={"json": body} if body else {}
    )


def bare(name: str, headers: dict, path: str = "/api/v1/learners") -> Asked:
    return Asked(name, "GET", path, 401, request={"headers": headers})


def typed(name: str, headers: dict, raw: bytes = json.dumps(ADA).encode()) -> Asked:
    return Asked(name, "POST", "/learners", (400, 415), "api", request={"data": raw, "headers": headers})


CASES = [
    bare("01 nobody", {}),
    bare("02 an empty token", {"Authorization": "Bearer "}),
    bare("03 Basic", {"Authorization": "Basic YTpi"}),
    bare("04 a token in the address", {}, "/api/v1/learners?token=abc&access_token=abc"),
    theirs("05a", "GET", "/learners/{learner}"),
    theirs("05b", "PATCH", "/learners/{learner}", {"name": "Mine"}),
    theirs("05c", "DELETE", "/learners/{learner}"),
    theirs("05d", "GET", "/sessions/{session}"),
    theirs("05e", "PATCH", "/sessions/{session}", {"title": "Mine"}),
    theirs("05f", "POST", "/sessions/{session}/cancel", {"reason": "x"}),
    theirs("05g", "GET", "/sessions/{session}/enrolments"),
    theirs("05h", "GET", "/learners/{learner}/feeds"),
    learner("06 an unknown field", nick="A"),
    learner("07 a field that is read only", id=7),
    learner("08 null", name=None),
    learner("09 a list", name=["Ada"]),
    session("10 true for a number", capacity=True),
    learner("11 1e400", 400, b'{"email": "a@example.org", "name": 1e400}'),
    learner("12 5,000 digits", 400, b'{"email": "a@example.org", "name": ' + b"9" * 5000 + b"}"),
    learner("13 NaN", 400, b'{"email": "a@example.org", "name": NaN}'),
    learner("14 the same key twice", 400, b'{"email": "a@example.org", "name": "A", "name": "B"}'),
    learner("15 depth 100,000", 400, b"[" * 100_000),
    learner("16 2 MB", 413, b'"' + b"a" * (2 * 1024 * 1024) + b'"'),
    typed("17 gzip", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, gzip.compress(json.dumps(ADA).encode())),
    typed("18 another type", {"Content-Type": "text/plain"}),
    typed("19 UTF-16", {"Content-Type": "application/json; charset=utf-16"}, json.dumps(ADA).encode("utf-16")),
    learner("20 something behind it", 400, json.dumps(ADA).encode() + b"x"),
    learner("21 nothing", 400, b""),
    learner("22 text that turns around", name="A\u202eadA"),
    learner("23 half a character", 422, b'{"email": "a@example.org", "name": "\\ud800"}'),
    learner("24 NUL", name="A\x00"),
    session("25 a line end in the place", location="A\r\nATTENDEE:x"),
    Asked("26 10,000 addresses", "GET", "/learners?email=" + ",".join(["a@example.org"] * 2000), (200, 422), "api"),
    session("27 capacity -1", capacity=-1),
    session("28 the end before the start", end="2027-03-01T08:00"),
    session("29 a zone of nowhere", timezone="Foo/Bar"),
    session("30 a time that does not exist", start="2027-03-28T02:30", end="2027-03-28T04:00"),
    session("31 fold 2", fold=2),
    session("32 year 9999", start="9999-03-01T09:00"),
    session("33 1,000 days", end="2029-11-25T09:00"),
    session("34 a thousand million dates", recurrence="FREQ=DAILY;COUNT=1000000000"),
    session("35 until before the start", recurrence="FREQ=DAILY;UNTIL=19700101T000000Z"),
    session("36 at no interval", recurrence="FREQ=DAILY;INTERVAL=0"),
    Asked("37 an Idempotency-Key of 10 kB", "POST", "/learners", BAD, "api", request={"json": ADA, "headers": {"Idempotency-Key": "k" * 10_000}}),
    Asked("38 an Idempotency-Key of controls", "POST", "/learners", BAD, "api", request={"json": ADA, "headers": {"Idempotency-Key": "\x01"}}),
    Asked("39 an old If-Match", "PATCH", "/sessions/1", 412, "api", request={"json": {"title": "Mine"}, "headers": {"If-Match": '"old"'}}),
    Asked("40 page -1", "GET", "/learners?limit=-1", 200, "api"),
    Asked("41 sorted by a secret", "GET", "/learners?sort=email_key", 422, "api"),
    Asked("42 a filter that is SQL", "GET", "/sessions?course_id=1%20OR%201=1", 422, "api"),
    Asked("43 a status that is none", "PATCH", lambda f: f"/enrolments/{f.enrolment['id']}", 422, "api", request={"json": {"status": "King"}}),
    Asked("44 an id of 6,000 digits", "PATCH", "/sessions/" + "9" * 6000, 404, "api", request={"json": {"title": "x"}}),
]  # fmt: skip
