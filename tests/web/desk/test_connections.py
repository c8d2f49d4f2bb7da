"""Connections at the desk: a calendar elsewhere is connected, looked after, compared, put right and removed."""

from __future__ import annotations

import html
import re

import pytest

from feedserver.services import scheduling
from feedserver.services.connecting import connections
from tests.support.elsewhere import BASE, PASSWORD, OneServer
from tests.web.desk.conftest import Desk


@pytest.fixture
def server(desk: Desk) -> OneServer:
    desk.app.extensions["feedserver.calendars"] = found = OneServer()
    return found


def fields_of(page: str) -> dict[str, list[str]]:
    """The hidden fields of the second step."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page):
        found.setdefault(name, []).append(html.unescape(value))
    found.pop("csrf_token")
    return found


def connect(desk: Desk, **fields: str) -> str:
    """Both steps; the path of the new connection."""
    page = desk.send("/connections/new", 200, do="look", url=BASE, username="fs", password=PASSWORD).text
    assert PASSWORD not in page
    chosen = {"name": "Rooms", "collection": f"{BASE}rooms/", "what": "everything:", "detail": "full", **fields}
    return desk.send("/connections/new", 303, do="connect", **fields_of(page), **chosen).headers["Location"]


def test_a_training_manager_connects_a_calendar_and_it_fills(desk: Desk, server: OneServer):
    desk.session("Mia", title="Fire drill")
    desk.sign_in("tom@example.org", "training_manager")
    assert "No calendar is connected" in desk.get("/connections")
    path = connect(desk)
    assert server.tried == [f"{BASE}rooms/"]
    page = desk.get(path)
    assert "an entry was stored there and taken out again" in page and "All sessions" in page and PASSWORD not in page
    desk.do(server.take)
    assert b"SUMMARY:Fire drill" in next(iter(server.there.values()))
    assert "cloud.example" in desk.get("/connections")
    assert "Rooms" in desk.get("/mail/out?q=Rooms") and "Put into a calendar" in desk.get("/mail/out?q=Rooms")


def test_a_wrong_password_an_empty_server_and_no_address_are_said_before_anything_is_kept(desk: Desk, server: OneServer):
    def send(**typed: str) -> str:
        return desk.send("/connections/new", 422, do="look", **{"url": BASE, "username": "fs", "password": PASSWORD, **typed}).text

    assert "Enter the app password again" in send(password="wrong") and "No calendar was found there" in send(url="https://else.example/")
    assert "beginning with https://" in send(url="cloud.example")
    assert server.tried == [] and desk.do(connections) == []


def test_a_sealed_password_opens_at_no_other_server(desk: Desk, server: OneServer):
    page = desk.send("/connections/new", 200, do="look", url=BASE, username="fs", password=PASSWORD).text
    stolen = {**fields_of(page), "known": ["https://evil.example/dav/"], "known_name": ["Evil"]}
    values = {"name": "E", "collection": "https://evil.example/dav/", "what": "everything:", "detail": "full"}
    answer = desk.send("/connections/new", 422, do="connect", **stolen, **values)
    assert "enter it again" in answer.text and server.tried == [] and desk.do(connections) == []


def test_another_server_asks_for_the_password_again_and_another_choice_does_not(desk: Desk, server: OneServer):
    path = connect(desk)
    kept = {"name": "Rooms", "what": "everything:", "detail": "busy", "url": f"{BASE}rooms/", "username": "fs", "password": ""}
    desk.send(path, **kept)
    assert len(server.tried) == 1 and "Busy times alone" in desk.get("/connections")
    assert "enter the one for this server" in desk.send(path, 422, **kept | {"url": "https://evil.example/dav/"}).text
    assert "Enter the app password again" in desk.send(path, 422, **kept | {"password": "wrong"}).text
    desk.send(path, **kept | {"url": f"{BASE}team/"})
    assert server.tried[1:] == [f"{BASE}team/"] and desk.do(connections)[0].url == f"{BASE}team/"


def test_what_somebody_changed_there_is_found_shown_and_put_right(desk: Desk, server: OneServer):
    session = desk.session("Mia", title="Fire drill")
    path = connect(desk)
    desk.do(server.take)
    (name,) = server.there
    server.there[name] = server.there[name].replace(b"Fire drill", b"Holiday")
    desk.send(f"{path}/press", do="compare")
    page = desk.get(path)
    assert "Different: title" in page and "0 missing, 0 too many, 1 different" in page and b"Holiday" in server.there[name]
    desk.send(f"{path}/press", do="repair")
    desk.do(server.take)
    assert b"Fire drill" in server.there[name]
    desk.do(lambda work: scheduling.cancel_session(work, session.id))
    desk.do(server.take)
    assert server.there == {}


def test_a_connection_is_paused_resumed_and_removed(desk: Desk, server: OneServer):
    desk.session("Mia")
    path = connect(desk)
    for do, said in (("pause", "Paused"), ("resume", "Works")):
        desk.send(f"{path}/press", do=do)
        assert said in desk.get(path)
    desk.do(server.take)
    desk.send(f"{path}/press", do="take_out")
    assert "Being removed" in desk.get("/connections") and "1 entry is still to be taken out" in desk.get(path)
    desk.send(f"{path}/press", do="remove")
    assert "No calendar is connected" in desk.get("/connections")
    assert desk.get(path, 404)


def test_a_broken_one_stands_among_what_needs_somebody(desk: Desk, server: OneServer):
    from feedserver.store import lanes

    connect(desk)
    with desk.house.database.write() as db:
        lanes.fails(db, 1, desk.clock.now, "It refuses the password.", None, state="broken")
    assert "It refuses the password." in desk.get("/") and "Rooms" in desk.get("/")
    desk.sign_in("vera@example.org", "viewer")
    assert "It refuses the password." not in desk.get("/")
