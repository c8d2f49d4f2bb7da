"""Reports: what was answered against who came, who stays away, how full sessions are; always in as many statements."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event

from feedserver.services import attending, reporting
from feedserver.services.reporting import Scope
from feedserver.store.enrolments import Enrolment
from feedserver.training.statuses import EnrolmentStatus as S
from tests.support.world import START, World

AFTER = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture
def past(world: World) -> World:
    """Two sessions that are over: Ada said Yes twice and never came, Bob said Yes and came, Cy said No."""
    for day in (0, 7):
        session = world.session(start=START + timedelta(days=day))
        for name, team in (("Ada", "North"), ("Bob", "North"), ("Cy", None)):
            world.person(name, team=team)
            world.enrol(session, name)
        _answer(world, session, {"Ada": "ACCEPTED", "Bob": "ACCEPTED"})
        world.set_status(session, "Cy", S.DECLINED)
        world.do(lambda work, s=session: attending.record(work, s, {world.people["Ada"]: S.ABSENT, world.people["Bob"]: S.ATTENDED}))
    world.moment = AFTER
    return world


def sums(row: reporting.Tally) -> tuple[int, ...]:
    return (row.people, row.yes, row.attended, row.absent, row.yes_came, row.yes_absent, row.kept)


def test_each_session_says_who_said_yes_and_who_came(past: World):
    rows = past.look(lambda work: reporting.attendance(work, "session", Scope(), 10))
    assert [sums(row) for row in rows] == [(3, 2, 1, 1, 1, 1, 50)] * 2 and rows[0].starts_at > rows[1].starts_at


def test_courses_and_teams_are_summed_up(past: World):
    (course,) = past.look(lambda work: reporting.attendance(work, "course", Scope(), 10))
    none, north = past.look(lambda work: reporting.attendance(work, "team", Scope(), 10))
    assert (course.name, course.people, course.yes_absent) == ("Safety", 6, 2)
    assert (none.name, none.people) == ("", 2) and (north.name, sums(north)) == ("North", (4, 4, 2, 2, 2, 2, 50))
    assert past.look(lambda work: reporting.attendance_total(work, Scope())).people == 6


def test_days_course_and_team_narrow_it(past: World):
    def number(**scope) -> int:
        return past.look(lambda work: reporting.attendance_total(work, Scope(**scope))).people

    since, before = past.look(lambda work: reporting.days(work, date(2026, 12, 1), date(2026, 12, 1)))
    assert number(since=since, before=before) == 3 and number(since=before) == 3
    assert number(team="North") == 4 and number(team="") == 2 and number(course_id=10**9) == 0


def test_who_said_yes_and_stayed_away_twice_in_a_year_is_named(past: World):
    (ada,) = past.look(lambda work: reporting.no_shows(work, Scope(), 10))
    assert (ada.name, ada.times, ada.came) == ("Ada", 2, 0)
    past.moment = AFTER + timedelta(days=400)
    assert past.look(lambda work: reporting.no_shows(work, Scope(), 10)) == []


def test_seats_taken_of_what_is_coming(world: World):
    world.session("Ada", "Bob", capacity=1, waiting_list=True)
    (level,) = world.look(lambda work: reporting.levels(work, Scope(), 10))
    assert (level.taken, level.capacity, level.waiting) == (1, 1, 1)
    world.moment = AFTER
    assert world.look(lambda work: reporting.levels(work, Scope(), 10)) == []


def test_the_csv_has_every_row_and_no_formula(past: World):
    past.do(lambda work: setattr(work.db.get_one(reporting.Learner, past.people["Ada"]), "name", "=cmd()"))
    text = past.look(lambda work: reporting.no_shows_csv(work, Scope())).decode("utf-8-sig")
    assert "'=cmd(),ada@corp.example,North,2,0," in text
    sessions = past.look(lambda work: reporting.attendance_csv(work, "session", Scope())).decode("utf-8-sig").splitlines()
    assert sessions[0].startswith("session,course,starts_at,people,yes,") and len(sessions) == 3
    assert past.look(lambda work: reporting.levels_csv(work, Scope())).count(b"\r\n") == 1


def test_ten_times_the_people_cost_as_many_statements(past: World):
    def cost() -> int:
        told: list[str] = []

        def note(*args) -> None:
            told.append(args[2])

        event.listen(past.database.engine, "before_cursor_execute", note)
        for by in reporting.BY:
            past.look(lambda work, b=by: reporting.attendance(work, b, Scope(), 50))
        past.look(lambda work: (reporting.no_shows(work, Scope(), 50), reporting.levels(work, Scope(since=AFTER - timedelta(days=90)), 50)))
        event.remove(past.database.engine, "before_cursor_execute", note)
        return len(told)

    few = cost()
    past.moment = datetime(2026, 11, 25, tzinfo=UTC)
    past.session(*(f"P{n}" for n in range(40)))
    past.session(*(f"P{n}" for n in range(40)))
    past.moment = AFTER
    assert cost() == few


def _answer(world: World, session: int, said: dict[str, str]) -> None:
    for name, partstat in said.items():
        number = world.enrolment(session, name).id
        world.do(lambda work, n=number, p=partstat: setattr(work.db.get_one(Enrolment, n), "partstat", p))
