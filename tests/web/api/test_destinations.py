"""Calendars elsewhere by API: found, connected, changed, compared, put right, removed; passwords go in and never come out."""

from __future__ import annotations

import pytest

from tests.support.elsewhere import BASE, PASSWORD, OneServer

ACCOUNT = {"url": BASE, "username": "fs", "password": PASSWORD}
ROOMS = {**ACCOUNT, "url": f"{BASE}rooms/", "name": "Rooms"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database: what touches SQL is told under tests/services."""
    return sqlite_url


@pytest.fixture
def server(app) -> OneServer:
    app.extensions["feedserver.calendars"] = found = OneServer()
    return found


def take(api, app, server: OneServer) -> list[str]:
    return app.extensions["feedserver.house"].run(api.organisation_id, "system", server.take)


def test_a_program_connects_a_calendar_and_follows_how_it_fares(api, app, server):
    session = api.session(title="Fire drill")
    assert [one["name"] for one in api.post("/destinations/collections", ACCOUNT, 200)["items"]] == ["Rooms", "Team"]
    made = api.post("/destinations", {**ROOMS, "subject_kind": "course", "subject": str(session["course_id"]), "detail": "title"})
    assert server.tried == [ROOMS["url"]] and "password" not in made and PASSWORD not in str(made)
    assert (made["state"], made["waiting"], made["standing"], made["subject"]) == ("active", 1, 0, "1")
    assert take(api, app, server) == ["PUT"]
    (listed,) = api.get("/destinations?channel=caldav")["items"]
    assert (listed["waiting"], listed["standing"]) == (0, 1)
    mail = api.get(f"/deliveries?session_id={session['id']}&channel=caldav")["items"][0]
    assert (mail["channel"], mail["method"], mail["state"], mail["recipient"]) == ("caldav", "PUT", "sent", "Rooms")
    api.post(f"/sessions/{session['id']}/cancel", {}, 200)
    assert take(api, app, server) == ["DELETE"]


def test_comparing_says_what_differs_and_repairing_mends_it(api, app, server):
    api.session(title="Fire drill")
    number = api.post("/destinations", ROOMS)["id"]
    api.post(f"/destinations/{number}/repair", {}, 409)
    take(api, app, server)
    server.there.clear()
    report = api.post(f"/destinations/{number}/compare", {}, 200)["report"]
    assert (report["missing"], report["same"], [one["title"] for one in report["findings"]]) == (1, 0, ["Fire drill"])
    assert api.post(f"/destinations/{number}/repair", {}, 200)["report"] is None
    assert take(api, app, server) == ["PUT"]


def test_a_password_is_bound_to_its_server(api, server):
    number = api.post("/destinations", ROOMS)["id"]
    refused = api.patch(f"/destinations/{number}", {"url": "https://evil.example/dav/"}, 422)
    assert refused["field"] == "password" and server.tried == [ROOMS["url"]]
    assert api.patch(f"/destinations/{number}", {"password": "wrong"}, 409)["detail"].startswith("It refuses")
    assert api.patch(f"/destinations/{number}", {"url": f"{BASE}team/"})["url"] == f"{BASE}team/"
    assert api.patch(f"/destinations/{number}", {"detail": "busy"})["detail"] == "busy" and len(server.tried) == 2


def test_what_cannot_be_is_refused_and_keeps_nothing(api, server):
    wrongs = [({"url": url}, 422) for url in ("cloud", "https://u:p@x.example/")]
    wrongs += [({"password": "wrong"}, 409), ({"subject_kind": "room", "subject": "9"}, 404)]
    for wrong, status in wrongs:
        api.post("/destinations", {**ROOMS, **wrong}, status)
    assert api.get("/destinations")["items"] == []


def test_a_connection_is_paused_resumed_and_removed(api, app, server):
    api.session()
    number = api.post("/destinations", ROOMS)["id"]
    states = [api.post(f"/destinations/{number}/{verb}", {}, 200)["state"] for verb in ("pause", "resume")]
    assert states == ["paused", "active"]
    take(api, app, server)
    api.call("DELETE", f"/destinations/{number}", None, 204)
    assert api.get(f"/destinations/{number}")["state"] == "leaving"
    api.post(f"/destinations/{number}/resume", {}, 409)
    api.call("DELETE", f"/destinations/{number}?entries=leave", None, 204)
    assert api.call("GET", f"/destinations/{number}", None, 404)
