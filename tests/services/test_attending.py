"""Attendance: all at once, one by one, from a list, by check-in; what was seen is proposed and never recorded by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from feedserver.errors import Conflict
from feedserver.services import attendance_sheet, attending
from feedserver.services.exporting import table
from feedserver.store.enrolments import Enrolment
from feedserver.store.outbox import Delivery
from feedserver.training.statuses import EnrolmentStatus as S
from tests.support.world import World

# Sessions of this world are on 1 December, ten to eleven in Berlin.
DURING = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def statuses(world: World, session: int, *names: str) -> list[str]:
    return [world.status(session, name) for name in names]


def test_all_at_once_marks_only_whom_nobody_has_marked(world: World):
    session = world.session("Ada", "Bob", "Cy")
    world.set_status(session, "Bob", S.ABSENT)
    world.moment = DURING
    assert world.do(lambda work: attending.record_all(work, session)).marked == 2
    assert statuses(world, session, "Ada", "Bob", "Cy") == ["Attended", "Absent", "Attended"]
    assert world.verbs(session).count("attendance") == 2


def test_not_before_the_session_has_begun(world: World):
    session = world.session("Ada")
    with pytest.raises(Conflict, match="has not begun"):
        world.do(lambda work: attending.record_all(work, session))


def test_nobody_hears_of_it_by_mail(world: World):
    session = world.session("Ada", "Bob")
    world.mails()
    world.moment = DURING
    world.do(lambda work: attending.record_all(work, session))
    entry, feed = world.entry(session, "Ada"), world.count(Delivery)
    assert entry.sequence == 0 and feed == 2 and world.mails() == []


def test_a_mark_can_be_put_right_and_taken_back(world: World):
    session = world.session("Ada")
    ada = world.people["Ada"]
    for mark in (S.ATTENDED, S.ABSENT, S.REGISTERED):
        assert world.do(lambda work, m=mark: attending.record(work, session, {ada: m})).marked == 1
        assert world.status(session, "Ada") == mark
    assert world.seats(session).taken == 1


def test_somebody_who_walked_in_gets_a_place_over_capacity(world: World):
    session, dora = world.session("Ada", capacity=1), world.person("Dora")
    world.moment = DURING
    outcome = world.do(lambda work: attending.record(work, session, {dora: S.GO_SHOW}))
    assert outcome.marked == 1 and world.status(session, "Dora") == "Go Show"
    assert (world.seats(session).taken, world.seats(session).over_capacity) == (2, 1)


def test_a_list_is_planned_first_and_each_refused_line_says_why(world: World):
    session = world.session("Ada", "Bob", capacity=1, waiting_list=True)
    world.person("Eve")
    raw = b"email,status\nada@corp.example,yes\nbob@corp.example,absent\neve@corp.example,yes\nzoe@x.example,yes\n"
    planned, refused = world.look(lambda work: attending.plan(work, session, attendance_sheet.read(raw)))
    assert [(one.name, one.before, one.mark) for one in planned] == [("Ada", "Invited", S.ATTENDED)]
    assert [(one.line, one.reason.split(";")[0].split(" (")[0]) for one in refused] == [
        (3, "has no seat"), (4, "is not in this session"), (5, "nobody here has this address"),
    ]  # fmt: skip
    assert world.status(session, "Ada") == "Invited"


def test_check_in_counts_only_around_the_session_and_once(world: World):
    session = world.session("Ada")
    enrolment = world.enrolment(session, "Ada").id
    with pytest.raises(Conflict, match="30 minutes"):
        world.do(lambda work: attending.check_in(work, enrolment))
    world.moment = DURING
    assert [world.do(lambda work: attending.check_in(work, enrolment)) for _ in range(2)] == ["Attended", "Attended"]
    assert world.verbs(session).count("checked in") == 1


def test_somebody_without_a_seat_is_noted_and_proposed_not_recorded(world: World):
    session = world.session("Ada", "Bob", capacity=1, waiting_list=True)
    world.moment = DURING
    enrolment = world.enrolment(session, "Bob").id
    assert world.do(lambda work: attending.check_in(work, enrolment)) == "Waiting List"
    assert world.seats(session).taken == 1
    assert world.do(lambda work: attending.record_proposed(work, session)).marked == 1
    assert world.status(session, "Bob") == "Go Show"


def test_another_organisation_is_not_touched(world: World):
    session, stranger = world.session("Ada"), 10**6
    outcome = world.do(lambda work: attending.record(work, session, {stranger: S.GO_SHOW}))
    assert outcome.marked == 0 and "There is no learner" in outcome.refused[0].reason


def test_a_large_class_costs_as_many_statements_as_a_small_one(world: World):
    def cost(number: int) -> int:
        session = world.session(*(f"P{number}x{n}" for n in range(number)))
        world.moment = DURING
        told: list[str] = []
        event.listen(world.database.engine, "before_cursor_execute", lambda *a: told.append(a[2]))
        assert world.do(lambda work: attending.record_all(work, session)).marked == number
        world.moment = datetime(2026, 11, 1, tzinfo=UTC)
        return len(told)

    few, many = cost(3), cost(60)
    assert many <= few


def test_marks_of_all_stay_within_the_session(world: World):
    mine, other = world.session("Ada"), world.session("Bob")
    world.moment = DURING
    world.do(lambda work: attending.record_all(work, mine))
    assert world.status(other, "Bob") == "Invited" and world.count(Enrolment, Enrolment.status == "Attended") == 1


def test_no_cell_is_a_formula():
    text = table(["name"], [["=1+1"], ["+41"], ["-x"], ["@a"], ["\tx"], ["fine"], [7]]).decode("utf-8-sig")
    assert text.split("\r\n")[1:-1] == ["'=1+1", "'+41", "'-x", "'@a", "'\tx", "fine", "7"]
