"""Attendance at the desk: radios, all at once, a list that is shown first, somebody who walked in, the code on the wall."""

from __future__ import annotations

import html
import io
import re
from datetime import UTC, datetime

import pytest

from feedserver.services import attending
from feedserver.store.enrolments import Enrolment
from tests.web.desk.conftest import Desk, writes

DURING = datetime(2027, 3, 10, 13, 30, tzinfo=UTC)


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture
def session(desk: Desk) -> str:
    """The path of a session that has begun, with Ada, Bob and Cleo."""
    number = desk.session("Ada", "Bob", "Cleo").id
    desk.clock.now = DURING
    desk.sign_in("olga@example.org", "owner")
    return f"/sessions/{number}"


def statuses(desk: Desk) -> list[str]:
    with desk.house.database.read() as db:
        return [db.get(Enrolment, number).status for number in (1, 2, 3)]


def test_a_radio_each_and_only_what_was_changed_is_saved(desk: Desk, session: str):
    page = desk.get(f"{session}/attendance")
    assert page.count('type="radio"') == 12 and "3 not marked" in page
    desk.do(lambda work: attending.record(work, 1, {3: "Absent"}))
    desk.send(f"{session}/attendance", **{"do": "save", "m-1": "Attended", "was-1": "", "m-2": "", "was-2": "", "m-3": "", "was-3": ""})
    assert statuses(desk) == ["Attended", "Invited", "Absent"]
    assert "1 marked." in desk.get(f"{session}/attendance")


def test_all_attended_in_one_press(desk: Desk, session: str):
    desk.send(f"{session}/attendance", **{"do": "save", "m-2": "Absent", "was-2": ""})
    desk.send(f"{session}/attendance", do="all")
    assert statuses(desk) == ["Attended", "Absent", "Attended"]


def test_a_list_shows_what_it_would_do_and_records_when_told(desk: Desk, session: str):
    page = desk.get(f"{session}/attendance")
    token = html.unescape(re.search(r'name="csrf_token" value="([^"]+)"', page)[1])
    file = (io.BytesIO(b"email,status\nada@example.org,yes\nbob@example.org,no\nzoe@example.org,yes\n"), "list.csv")
    data = {"csrf_token": token, "file": file}
    preview = desk.client.post(f"{session}/attendance/list", data=data, content_type="multipart/form-data").text
    assert "2 to be marked, 0 so already, 1 refused" in preview and "nobody here has this address" in preview
    assert statuses(desk) == ["Invited", "Invited", "Invited"]
    rows = re.search(r"<textarea name=\"rows\" hidden>(.*?)</textarea>", preview, re.S)[1]
    desk.send(f"{session}/attendance/list", rows=rows)
    assert statuses(desk) == ["Attended", "Absent", "Invited"]


def test_somebody_who_walked_in_is_added(desk: Desk, session: str):
    desk.learner("Dora")
    desk.send(f"{session}/attendance/walk-in", who="dora@example.org")
    assert "1 came without registering" in desk.get(f"{session}/attendance")


@pytest.mark.parametrize("odd", ["", "m-1", "x" * 3000, "\x00", "9 9 9 9\n1 7 1\n-1 0 1"])
def test_odd_texts_change_nothing(desk: Desk, session: str, odd):
    desk.send(f"{session}/attendance", **{"do": odd, "m-1": odd, "m-x": "Attended", f"m-{'9' * 30}": "Attended"})
    for fields in ({"rows": odd}, {"pasted": odd}):
        desk.send(f"{session}/attendance/list", None, **fields)
    assert statuses(desk) == ["Invited", "Invited", "Invited"]


def test_the_csv_can_be_read_back(desk: Desk, session: str):
    desk.learner("=SUM(A1)", email="evil@example.org")
    desk.send(f"{session}/attendance/walk-in", who="evil@example.org")
    text = desk.client.get(f"{session}/attendance.csv").get_data().decode("utf-8-sig")
    assert "evil@example.org,'=SUM(A1),,Go Show" in text and text.startswith("email,name,team,status,")


def test_the_code_on_the_wall_changes_and_looking_writes_nothing(desk: Desk, session: str):
    with desk.statements() as told:
        first = desk.get(f"{session}/check-in")
        desk.clock.pass_by(seconds=60)
        second = desk.client.get(f"{session}/check-in")
        desk.get(f"{session}/attendance")
    assert writes(told) == [] and second.headers["Refresh"] == "60"
    assert _link(first) != _link(second.text)


def test_no_code_for_a_session_of_next_week(desk: Desk):
    desk.session("Mia")
    assert "Check-in opens" in desk.get("/sessions/1/check-in")


def _link(page: str) -> str:
    return html.unescape(re.search(r'href="http://127\.0\.0\.1:8000(/check-in/[^"]+)"', page)[1])
