"""Reports at the desk: bars and a table, days to choose, CSV, and as many queries for ten times the people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedserver.services import attending
from feedserver.training.statuses import EnrolmentStatus as S
from tests.web.desk.conftest import Desk, writes

KINDS = ("sessions", "courses", "teams", "no-shows", "levels")
AFTER = datetime(2027, 3, 11, tzinfo=UTC)


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture
def held(desk: Desk) -> Desk:
    """A session is over: Ada came, Bob did not."""
    desk.session("Ada", "Bob", title="Fire <b>drill</b>")
    desk.clock.now = AFTER
    desk.do(lambda work: attending.record(work, 1, {1: S.ATTENDED, 2: S.ABSENT}))
    desk.sign_in("olga@example.org", "owner")
    return desk


def test_who_came_stands_in_bars_and_in_a_table(held: Desk):
    page = held.get("/reports")
    assert "1 of 2 came" in page and '<svg class="bars"' in page and "Fire &lt;b&gt;drill" in page
    assert "All together" in page and 'class="came"' in page


@pytest.mark.parametrize("kind", KINDS)
def test_every_report_has_a_page_and_a_file_and_neither_writes(held: Desk, kind):
    with held.statements() as told:
        held.get(f"/reports/{kind}")
        file = held.client.get(f"/reports/{kind}.csv")
    assert writes(told) == [] and file.mimetype == "text/csv" and "attachment" in file.headers["Content-Disposition"]


def test_days_narrow_it_and_stay_in_the_links(held: Desk):
    assert "No session like that has begun" in held.get("/reports/sessions?from=2027-04-01")
    page = held.get("/reports/sessions?from=2027-03-01&to=2027-03-31")
    assert "1 of 2 came" in page and "/reports/sessions.csv?from=2027-03-01&amp;to=2027-03-31" in page


@pytest.mark.parametrize("odd", ["x", "\x00", "9999-12-31", "0001-01-01", "-1", "'; --", "9" * 40])
def test_odd_choices_are_answered_with_a_page(held: Desk, odd):
    for kind in KINDS:
        query = {"from": odd, "to": odd, "course": odd, "team": odd, "page": odd}
        assert held.client.get(f"/reports/{kind}", query_string=query).status_code == 200
    held.get("/reports/nothing", 404)
    held.get("/reports/nothing.csv", 404)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_times_the_people_cost_the_same_queries(held: Desk, kind):
    with held.statements() as few:
        held.get(f"/reports/{kind}")
    held.clock.now = datetime(2027, 3, 1, tzinfo=UTC)
    for part in range(3):
        held.session(*(f"P{part}x{n}" for n in range(10)))
    held.clock.now = AFTER
    with held.statements() as many:
        held.get(f"/reports/{kind}")
    assert len(many) == len(few)
