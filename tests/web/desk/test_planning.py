"""The seed's walk: course, training group, session, the calendar toggle, save; and what happens to those who type wrong."""

from __future__ import annotations

import html
import re

import pytest

from tests.web.desk.conftest import Desk, writes

SESSION = {"title": "Fire safety", "start": "2027-03-10T14:00", "end": "2027-03-10T15:00", "timezone": "Europe/Berlin"}


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def test_a_newcomer_walks_from_course_to_invited_people(desk: Desk):
    assert "Make a course" in desk.get("/")
    course = desk.send("/courses/new", name="Safety at work").location
    group = desk.send(f"{course}/groups", name="Berlin").location
    desk.send(f"{group}/members", list="Mia Kern <mia@example.org>\nali@example.org", make="on")
    session = desk.send(f"{course}/sessions/new", group_id=group.rpartition("/")[2], calendar_enabled="on", **SESSION).location
    page = desk.get(session)
    assert "Mia Kern" in page and page.count("Invited</span>") == 2 and "Invitations on" in page
    assert "mia@example.org" in desk.get("/mail/out")


def test_the_toggle_takes_entries_back_and_gives_them_again(desk: Desk):
    session = desk.session("Mia")
    desk.send(f"/sessions/{session.id}/calendar", on="0")
    assert "Invitations off" in desk.get(f"/sessions/{session.id}")
    desk.send(f"/sessions/{session.id}/calendar", on="1")
    assert "Invitations on" in desk.get(f"/sessions/{session.id}")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"end": "2027-03-10T13:00"}, "must end after it starts"),
        ({"timezone": "Mars/Base"}, "not an IANA time zone"),
        ({"start": "2027-03-28T02:30", "end": "2027-03-28T04:00"}, "does not exist"),
        ({"title": ""}, "Please fill this in"),
        ({"capacity": "-3"}, "whole number from 1 up"),
        ({"join_url": "javascript:alert(1)"}, "beginning with https://"),
        ({"instructors": "nobody"}, "not an e-mail address"),
        ({"start": "tomorrow"}, "Write date and time as"),
        ({"visibility": "secret"}, "Choose one of the list"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(desk: Desk, wrong, words):
    course = desk.send("/courses/new", name="Safety at work").location
    page = desk.send(f"{course}/sessions/new", 422, **{**SESSION, "location": "Room 5", **wrong}).text
    assert words in html.unescape(page) and 'value="Room 5"' in page and 'aria-invalid="true"' in page
    assert "No session is planned" in desk.get(course)


def test_two_people_edit_and_neither_overwrites_the_other(desk: Desk):
    session = desk.session("Mia", location="Room 1")
    path = f"/sessions/{session.id}/edit"
    seen = {**SESSION, "location": "Room 1", "calendar_enabled": "on", "version": "1", "visibility": "public", "fold": "0"}
    desk.send(path, **{**seen, "location": "Room 2"})
    page = desk.send(path, 412, **{**seen, "title": "Fire drill"}).text
    assert "Somebody else has changed this session" in page and "Room 2" in page and "olga@example.org" in page
    kept = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)[1] for name in ("title", "location", "version")}
    assert kept == {"title": "Fire drill", "location": "Room 2", "version": "2"}
    desk.send(path, **{**seen, **kept})
    assert "Fire drill" in desk.get(f"/sessions/{session.id}") and "Room 2" in desk.get(f"/sessions/{session.id}")


def test_an_edit_that_changes_nothing_says_so(desk: Desk):
    session = desk.session("Mia")
    same = {**SESSION, "calendar_enabled": "on", "version": "1"}
    desk.send(f"/sessions/{session.id}/edit", **same)
    assert "Nothing was changed" in desk.get(f"/sessions/{session.id}")


def test_cancelling_asks_first_and_tells_the_reason(desk: Desk):
    session = desk.session("Mia")
    with desk.statements() as told:
        desk.get(f"/sessions/{session.id}/cancel")
    assert writes(told) == []
    desk.send(f"/sessions/{session.id}/cancel", reason="Burst pipe")
    assert "This session is cancelled: Burst pipe" in desk.get(f"/sessions/{session.id}")
    assert "Fire safety" in desk.get("/sessions?which=cancelled")


def test_a_pasted_list_says_which_lines_it_could_not_take(desk: Desk):
    session = desk.session("Mia")
    desk.send(f"/groups/{session.group_id}/members", list="mia@example.org\nnot an address\nnew@example.org", make="")
    page = html.unescape(desk.get(f"/groups/{session.group_id}"))
    assert "1 already" in page and "'not an address' is not an e-mail address" in page
    assert "new@example.org: no learner has this address" in page


def test_taking_somebody_off_the_group_takes_them_off_its_sessions(desk: Desk):
    session = desk.session("Mia", "Ali")
    desk.send(f"/groups/{session.group_id}/members/1/remove")
    page = desk.get(f"/sessions/{session.id}?status=Cancelled")
    assert "Mia" in page and "Ali</a>" not in page.partition("What happened")[0]
