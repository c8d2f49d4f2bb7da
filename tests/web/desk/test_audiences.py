"""Calendars for others at the desk: whoever manages makes all, who approves or teaches their own alone."""

from __future__ import annotations

import re

from feedserver.services import learning
from tests.web.desk.conftest import Desk


def address(page: str) -> str:
    """The path of the calendar whose address the page shows."""
    return re.search(r"http://127\.0\.0\.1:8000(/feeds/for/\S+?\.ics)", page)[1]


def calendar(desk: Desk, path: str) -> str:
    return desk.client.get(path).text


def test_a_training_manager_makes_a_calendar_and_sees_its_address_this_once(desk: Desk):
    session = desk.session("Mia")
    desk.sign_in("tom@example.org", "training_manager")
    assert "Nobody subscribes yet" in desk.get("/calendars") and "selected>Course Safety at work" in desk.get("/calendars?what=course:1")
    page = desk.send("/calendars", 200, what="course:1", subscriber="Hall", detail="full").text
    path = address(page)
    assert "webcal://127.0.0.1:8000" + path in page and "/feeds/for/" not in desk.get("/calendars")
    assert session.title in calendar(desk, path)
    desk.send("/calendars/1", detail="busy")
    assert "SUMMARY:Busy" in calendar(desk, path)
    new = address(desk.send("/calendars/1/rotate", 200).text)
    assert "has ended" in calendar(desk, path) and "SUMMARY:Busy" in calendar(desk, new)
    desk.send("/calendars/1/revoke")
    assert "has ended" in calendar(desk, new) and "Nobody subscribes yet" in desk.get("/calendars")


def test_what_is_missing_is_said_at_its_field_and_nothing_is_made(desk: Desk):
    page = desk.send("/calendars", 422, what="instructor:", subscriber="", detail="full", subject="no address").text
    assert "Please fill this in" in page
    page = desk.send("/calendars", 422, what="instructor:", subscriber="Hall", detail="full", subject="no address").text
    assert 'id="subject-error"' in page and "Nobody subscribes yet" in page


def test_who_approves_and_who_teaches_make_their_own_alone(desk: Desk):
    desk.session("Mia", instructors=["tina@example.org"])
    desk.do(lambda work: learning.edit_learner(work, 1, {"manager_email": "anna@example.org"}))
    wall = desk.send("/calendars", 200, what="organisation:", subscriber="Wall", detail="full")
    assert address(wall.text)
    for who, role, said in (("anna", "approver", "Mia: Invited"), ("tina", "instructor", "Seats taken: 1")):
        desk.sign_in(f"{who}@example.org", role)
        listed = desk.get("/calendars")
        assert "Wall" not in listed and 'name="what"' not in listed
        page = desk.send(
            "/calendars", 200, subscriber=f"{who}@example.org", detail="full", what="organisation:", audience="organisation"
        ).text
        body = calendar(desk, address(page)).replace("\r\n ", "")
        assert said in body and (role == "instructor" or "Seats" not in body)
        for path in ("", "/rotate", "/revoke"):
            desk.send(f"/calendars/1{path}", 404, detail="busy")
