"""One organisation's token on every route there is, with another's ids: it finds nothing and changes nothing."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from feedserver.store.rows import Base
from tests.support.elsewhere import BASE, PASSWORD, OneServer
from tests.web.api.conftest import a_session
from tests.web.api.test_proposals import proposal
from tests.web.api.test_stories import inbound

BODIES = {
    "createGroup": {"name": "Mine"},
    "editSession": {"title": "Mine"},
    "editOccurrence": {"title": "Mine"},
    "addOccurrence": {"start": "2027-03-09T09:00"},
    "editCourse": {"name": "Mine"},
    "editLearner": {"name": "Mine"},
    "editFeed": {"name": "Mine"},
    "editAudienceFeed": {"subscriber": "Mine"},
    "editRoom": {"name": "Mine"},
    "editDestination": {"name": "Mine"},
    "register": {"learner_id": 1},
    "createMilestone": {"kind": "assessment", "title": "Mine", "day": "2027-03-01"},
    "editMilestone": {"title": "Mine"},
    "editCertificateKind": {"name": "Mine"},
    "awardCertificates": {"learner_ids": [1]},
    "editOnboardingPlan": {"name": "Mine"},
    "moveOnboarding": {"start_date": "2027-01-04"},
    "editWebhook": {"name": "Mine"},
    "addEnrolment": {"learner_id": 1, "status": "Invited"},
    "editEnrolment": {"status": "Cancelled"},
    "putAttendance": {"status": "Absent"},
    "markAttendance": {"all": "Absent"},
    "addMany": {"learner_ids": [1], "status": "Invited"},
    "addSlots": {"days": ["2027-03-01"], "begins": "09:00", "ends": "11:00", "length": 30},
}


@pytest.fixture
def theirs(other, app) -> dict[str, int]:
    """Ids of everything that another organisation has."""
    learner, course = other.learner("Mallory"), other.course()
    group = other.post(f"/courses/{course['id']}/groups", {"name": "Theirs", "learner_ids": [learner["id"]]})
    session = other.session(course_id=course["id"], group_id=group["id"], title="Their secret")
    enrolment = other.get(f"/sessions/{session['id']}/enrolments")["items"][0]
    feed, mail = other.get(f"/learners/{learner['id']}/feeds")["items"][0], other.get("/deliveries")["items"][0]
    made = {
        "learner": learner,
        "course": course,
        "group": group,
        "session": session,
        "enrolment": enrolment,
        "feed": feed,
        "delivery": mail,
        "room": other.post("/rooms", {"name": "Theirs"}),
        "audience_feed": other.post("/audience-feeds", {"audience": "organisation", "subscriber": "Mallory"}),
        "webhook": other.post("/webhooks", {"name": "Their secret", "url": "https://mallory.example/", "active": False}),
        "milestone": other.post(
            f"/courses/{course['id']}/milestones", {"kind": "assessment", "title": "Their secret", "day": "2027-03-01"}
        ),
        "completion": other.post("/completions", {"learner_id": learner["id"], "course_id": course["id"], "note": "secret"}),
        "file": other.post(f"/sessions/{session['id']}/files", data={"file": (io.BytesIO(b"Theirs."), "secret.txt")}),
    }
    app.extensions["feedserver.calendars"] = OneServer()
    account = {"url": f"{BASE}rooms/", "username": "mallory", "password": PASSWORD}
    made["destination"] = other.post("/destinations", {"name": "Their secret", **account})
    made["plan"] = other.post("/onboarding-plans", {"name": "Their secret", "steps": [{"days": 0, "title": "Their secret"}]})
    started = {"learner_id": learner["id"], "plan_id": made["plan"]["id"], "start_date": "2027-01-04"}
    made["onboarding"] = other.post("/onboardings", started)
    made["item"] = made["onboarding"]["items"][0]
    made["certificate_kind"] = other.post("/certificate-kinds", {"name": "Their secret"})
    made["certificate"] = other.post("/certificates", {"learner_id": learner["id"], "kind_id": made["certificate_kind"]["id"]})
    other.put("/sync/learners", {"items": [{"external_id": "secret"}]})
    made["sync_run"] = other.get("/sync/runs")["items"][0]
    ids = {f"{name}_id": row["id"] for name, row in made.items()}
    inbound_id = inbound(other, "quarantined")
    return {**ids, "inbound_id": inbound_id, "proposal_id": proposal(other, inbound_id, ids), "recurrence_id": "20270301T080000Z"}


def everything(database) -> dict[str, list]:
    """All rows but the note of when a token was used."""
    with database.read() as db:
        tables = [table for table in Base.metadata.sorted_tables if table.name != "api_tokens"]
        return {table.name: [tuple(row) for row in db.execute(select(table).order_by(*table.primary_key))] for table in tables}


def test_a_foreign_id_is_not_found_on_any_route(api, theirs, app, database):
    before, walked = everything(database), []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/v1/") or not rule.arguments:
            continue
        path = rule.rule.removeprefix("/api/v1")
        for name in rule.arguments:
            path = path.replace(f"<id:{name}>", str(theirs[name])).replace(f"<{name}>", str(theirs[name]))
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            body = BODIES.get(rule.endpoint.removeprefix("api."), {} if method == "PATCH" else None)
            upload = {"data": {"file": (io.BytesIO(b"Mine."), "mine.txt")}} if method == "POST" and path.endswith("/files") else {}
            problem = api.call(method, path, body, 404, **upload)
            assert "Mallory" not in problem.text and "secret" not in problem.text
            walked.append((method, path))
    assert len(walked) >= 30
    assert everything(database) == before


def test_foreign_ids_in_bodies_and_filters_find_nothing(api, theirs, database):
    mine, learner = api.session(), api.learner()
    before = everything(database)
    api.post("/sessions", a_session(course_id=theirs["course_id"]), 404)
    api.post("/sessions", a_session(course_id=mine["course_id"], group_id=theirs["group_id"]), 404)
    api.post(f"/courses/{mine['course_id']}/groups", {"name": "G", "learner_ids": [theirs["learner_id"]]}, 422)
    for path in ("registrations", "enrolments"):
        body = {"learner_id": theirs["learner_id"], **({"status": "Invited"} if path == "enrolments" else {})}
        api.post(f"/sessions/{mine['id']}/{path}", body, 404)
    for path in (
        f"/deliveries?session_id={theirs['session_id']}",
        f"/sessions?course_id={theirs['course_id']}",
        "/learners?email=mallory@example.org",
    ):
        assert api.get(path)["items"] == []
    assert learner["id"] and everything(database) == before


def test_lists_hold_ones_own_alone(api, theirs):
    for path in (
        "/learners",
        "/courses",
        "/sessions",
        "/rooms",
        "/deliveries",
        "/inbound",
        "/proposals",
        "/audience-feeds",
        "/destinations",
        "/webhooks",
        "/completions",
        "/certificate-kinds",
        "/certificates",
        "/reports/compliance",
        "/sync/runs",
        "/onboarding-plans",
        "/onboardings",
    ):
        assert api.get(path) == {"items": [], "next": None}


def test_an_api_token_opens_no_page(api, theirs, app):
    headers = {"Authorization": f"Bearer {api.token}"}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") or "GET" not in rule.methods:
            continue
        values = {name: theirs.get(name, theirs["session_id"]) for name in rule.arguments}
        with app.test_request_context():
            path = rule.build(values)[1]
        text = api.client.get(path, headers=headers).text
        assert "Mallory" not in text and "Their secret" not in text


def test_no_token_a_wrong_one_and_a_revoked_one_open_nothing(api, app):
    from feedserver.services import access

    asked = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/v1/") or rule.rule.endswith(("openapi.json", "docs")):
            continue
        with app.test_request_context():
            path = rule.build({name: 1 for name in rule.arguments})[1]
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            asked.append(api.client.open(path, method=method))
    assert {r.status_code for r in asked} == {401} and all("Bearer" in r.headers["WWW-Authenticate"] for r in asked)
    wrong = api.client.get("/api/v1/learners", headers={"Authorization": f"Bearer {api.token}x"})
    assert wrong.status_code == 401 and "invalid_token" in wrong.headers["WWW-Authenticate"]
    assert api.client.get(f"/api/v1/learners?api_key={api.token}").status_code == 401
    api.do(lambda work: access.revoke_token(work, access.list_tokens(work)[0].id))
    api.call("GET", "/learners", status=401)


def test_guessing_tokens_is_slowed_and_the_right_one_still_works(api):
    wrong = {"Authorization": "Bearer fs_" + "x" * 40}
    said = [api.client.get("/api/v1/learners", headers=wrong, environ_base={"REMOTE_ADDR": "192.0.2.7"}) for _ in range(302)]
    assert said[0].status_code == 401 and said[-1].status_code == 429 and said[-1].headers["Retry-After"]
    assert api.call("GET", "/learners", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200
