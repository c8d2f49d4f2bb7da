"""The form says who or what is wanted twice, links it, and saves it when it is sent again."""

from __future__ import annotations

import html
import re

import pytest

from tests.web.desk.conftest import Desk

FORM = {
    "title": "Ladders", "start": "2027-03-10T14:30", "end": "2027-03-10T15:00", "timezone": "Europe/Berlin", "fold": "0", "visibility": "public",
    "calendar_enabled": "on",
}  # fmt: skip


@pytest.fixture
def blue(desk: Desk) -> Desk:
    """A session in the blue room, with tina and Mia."""
    desk.send("/rooms/new", name="Blue", capacity="5")
    desk.session("Mia", title="Knots", room_id=1, instructors=["tina@example.org"])
    return desk


def test_a_double_booking_is_shown_with_its_link_and_saved_when_sent_again(blue: Desk):
    new = "/courses/1/sessions/new"
    page = html.unescape(blue.send(new, 409, **FORM, room_id="1", instructors="Tina@example.org", group_id="1").text)
    assert "Blue is taken by “Knots” at the same time" in page and "tina@example.org teaches “Knots”" in page
    assert "1 of its 1 person is in “Knots”" in page and 'href="/sessions/1"' in page and 'value="Ladders"' in page
    assert "Ladders" not in blue.get("/sessions")
    seen = re.search(r'name="anyway" value="([^"]+)"', page)[1]
    blue.send(new, **FORM, room_id="1", instructors="Tina@example.org", group_id="1", anyway=seen)
    assert "Ladders" in blue.get("/sessions")


def test_what_was_not_seen_yet_is_shown_again(blue: Desk):
    page = blue.send("/courses/1/sessions/new", 409, **FORM, room_id="1", capacity="6", anyway="room:1").text
    assert "holds 5; the session has 6 seats" in page and "Ladders" not in blue.get("/sessions")


def test_an_edit_asks_only_when_it_touches_what_can_clash(blue: Desk):
    new = {**FORM, "room_id": "1", "anyway": "room:1"}
    path = blue.send("/courses/1/sessions/new", **new).location + "/edit"
    blue.send(path, **{**new, "title": "High ladders", "anyway": ""})
    assert "is taken by" in blue.send(path, 409, **{**new, "title": "High ladders", "start": "2027-03-10T14:15", "anyway": ""}).text
    blue.send(path, **{**new, "title": "High ladders", "start": "2027-03-10T15:00", "end": "2027-03-10T16:00", "anyway": ""})


def test_without_rooms_the_form_does_not_speak_of_them(desk: Desk):
    desk.session("Mia")
    assert 'name="room_id"' not in desk.get("/sessions/1/edit")
    desk.send("/rooms/new", name="Blue")
    assert 'name="room_id"' in desk.get("/sessions/1/edit")


def test_a_room_is_changed_and_taken_away_only_while_nothing_is_coming(blue: Desk):
    assert "in use" in blue.get("/rooms")
    blue.send("/rooms/1/delete")
    assert "move them first" in blue.get("/rooms")
    blue.send("/sessions/1/cancel")
    blue.send("/rooms/1/edit", name="Azure")
    assert "Azure" in blue.get("/rooms")
    blue.send("/rooms/1/delete")
    assert "There is no room yet" in blue.get("/rooms")


def test_two_rooms_of_one_name_are_refused_at_the_field(blue: Desk):
    page = blue.send("/rooms/new", 422, name="Blue").text
    assert "already a room of that name" in page and 'aria-invalid="true"' in page
