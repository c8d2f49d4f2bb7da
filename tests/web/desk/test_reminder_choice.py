"""When people are reminded, as it is ticked: of a course, a session, the organisation."""

from __future__ import annotations

import re
from datetime import datetime

from feedserver.store.courses import Course
from feedserver.store.organisations import Organisation
from feedserver.store.sessions import LiveSession
from tests.web.desk.conftest import Desk


def ticked(page: str) -> list[str]:
    return re.findall(r'name="reminders" value="(\w+)" checked', page)


def test_a_session_says_as_the_course_until_boxes_are_ticked(desk: Desk):
    session = desk.session("Mia", start=datetime(2027, 3, 10, 14), end=datetime(2027, 3, 10, 15))
    path = f"/sessions/{session.id}/edit"
    assert ticked(desk.get(path)) == ["above"]
    fields = {
        "title": "Fire safety",
        "start": "2027-03-10T14:00",
        "end": "2027-03-10T15:00",
        "timezone": "Europe/Berlin",
        "calendar_enabled": "on",
    }
    desk.send(path, **fields, reminders=["", "morning", "48h"])
    assert ticked(desk.get(path)) == ["48h", "morning"]
    desk.send(path, **fields)  # a form without the boxes leaves them alone
    assert ticked(desk.get(path)) == ["48h", "morning"]
    desk.send(path, **fields, reminders=[""])
    assert desk.do(lambda work: work.db.get_one(LiveSession, session.id).reminders) == []


def test_a_course_and_the_organisation_say_it_too(desk: Desk):
    session = desk.session("Mia")
    path = f"/courses/{session.course_id}/edit"
    assert ticked(desk.get(path)) == ["above"]
    desk.send(path, name="Safety", reminders=["", "24h"])
    assert desk.do(lambda work: work.db.get_one(Course, session.course_id).reminders) == ["24h"]
    assert ticked(desk.get("/settings")) == ["48h", "morning"]
    assert desk.do(lambda work: work.db.get_one(Organisation, work.organisation_id).reminders) is None
