"""Sessions by month, week and as an agenda, and found by what they are."""

from __future__ import annotations

import html

import pytest

from feedserver.services import planning, scheduling
from tests.web.desk.conftest import Desk

START = "on=2027-03-10"


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.mark.parametrize("view", ["month", "week", "agenda"])
def test_every_view_shows_the_session_and_whether_invitations_are_on(desk: Desk, view):
    session = desk.session("Mia")
    page = desk.get(f"/calendar?view={view}&{START}")
    assert f'href="/sessions/{session.id}"' in page and "Fire safety" in page
    desk.send(f"/sessions/{session.id}/calendar", on="0")
    page = desk.get(f"/calendar?view={view}&{START}").lower()
    assert "invitations</span> off" in page or "invitations off" in page


def test_a_month_leads_to_the_ones_beside_it(desk: Desk):
    page = html.unescape(desk.get(f"/calendar?view=month&{START}"))
    assert "March 2027" in page and "on=2027-02-01" in page and "on=2027-04-01" in page


@pytest.mark.parametrize("odd", ["on=9999-12-31", "on=x", "view=year", "on=0001-01-01", "course=x&room=99", "instructor=%25"])
def test_odd_questions_show_a_calendar(desk: Desk, odd):
    desk.session("Mia")
    assert "<h1>" in desk.get(f"/calendar?{odd}")


@pytest.mark.parametrize(
    ("found", "missed"),
    [("sign=on", "sign=off"), ("instructor=ina", "instructor=otto"), ("course=1", "course=1&state=full"), ("q=room", "q=flood"),
     ("from=2027-03-10&to=2027-03-10", "from=2027-03-11"), ("to=2027-03-11", "to=2027-03-09"), ("group=1", "state=planning")],
)  # fmt: skip
def test_the_list_is_narrowed(desk: Desk, found, missed):
    desk.session("Mia", instructors=["ina@example.org"], location="Room 5")
    assert "/sessions/1" in desk.get(f"/sessions?{found}") and "/sessions/1" not in desk.get(f"/sessions?{missed}")


def test_a_session_that_is_planned_is_found(desk: Desk):
    session = desk.session("Mia")
    desk.send(f"/sessions/{session.id}/edit", title="Fire drill", planning="1", start="2027-03-10T14:00", end="2027-03-10T15:00",
              timezone="Europe/Berlin", calendar_enabled="on", version="1")  # fmt: skip
    assert f"/sessions/{session.id}" in desk.get("/sessions?state=planning")
    assert desk.do(lambda work: planning.planned(scheduling.find(work, scheduling.LiveSession, session.id))) == {"title": "Fire drill"}
