"""A list of people into a session at once, and a trainer's hours for them to pick from."""

from __future__ import annotations

from datetime import date, time

import pytest

from feedserver.errors import Conflict, Invalid
from feedserver.services import adding, departing, slotting
from tests.support.world import World


def add(world: World, session: int, *names: str, status: str = "Registered", **options) -> adding.Added:
    ids = [world.person(name) for name in names]
    return world.do(lambda work: adding.add_many(work, session, ids, status, **options))


@pytest.mark.parametrize("status", ["Registered", "Invited", "Declined", "Attended", "Absent", "Go Show"])
def test_each_of_the_six_statuses_sends_the_invitation(world: World, status):
    session = world.session()
    done = add(world, session, "Mia", "Ali", status=status)
    assert done.mailed == 2 and {mail.method for mail in world.mails()} == {"REQUEST"}
    assert world.status(session, "Mia") == status and world.seats(session).taken == (0 if status == "Declined" else 2)


def test_where_seats_run_out_the_invited_wait_in_their_order(world: World):
    session = world.session(capacity=1)
    done = add(world, session, "Mia", "Ali", "Bo", status="Invited")
    assert (len(done.added), len(done.waiting), done.mailed) == (1, 2, 1) and world.line(session) == ["Ali", "Bo"]


def test_others_are_refused_where_seats_run_out_unless_it_is_meant(world: World):
    session = world.session(capacity=1)
    done = add(world, session, "Mia", "Ali")
    assert done.refused == [("Ali", "The session is full.")]
    assert len(add(world, session, "Ali", over_capacity=True).added) == 1 and world.seats(session).over_capacity == 1


def test_who_is_in_already_or_has_left_is_named_and_the_rest_goes_in(world: World):
    session = world.session("Mia")
    gone = world.person("Gone")
    world.do(lambda work: departing.leave(work, gone))
    done = add(world, session, "Mia", "Gone", "Ali")
    assert done.refused == [("Mia", "Already in this session (Invited)."), ("Gone", "This person has left.")] and len(done.added) == 1


def test_somebody_who_was_taken_off_is_put_in_again(world: World):
    session = world.session("Mia")
    first = world.mail()
    world.remove(session, "Mia")
    world.mails()
    assert add(world, session, "Mia").mailed == 1
    again = world.mail()
    assert again.method == "REQUEST" and again.uid != first.uid


def test_addresses_that_nobody_has_are_named(world: World):
    mia = world.person("Mia")
    found = world.look(lambda work: adding.by_addresses(work, ["MIA@corp.example", "nobody@corp.example"]))
    assert found == ([mia], [("nobody@corp.example", "No learner has this address.")])


def test_a_coach_s_afternoon_becomes_sessions_to_pick(world: World):
    hours = {"days": [date(2026, 12, 1)], "begins": time(13), "ends": time(15), "length": 30, "pause": 10}
    made = world.do(
        lambda work: [one.id for one in slotting.make_slots(work, world.course_id, **hours, instructors=["coach@corp.example"])]
    )
    assert len(made) == 3 and world.seats(made[0]).capacity == 1
    world.register(made[0], "Mia")
    assert world.status(made[0], "Mia") == "Registered" and world.mail().start.hour == 13
    with pytest.raises(Conflict, match="full"):
        world.register(made[0], "Ali")


def test_hours_in_the_night_when_clocks_change_are_refused_as_a_whole(world: World):
    hours = {"days": [date(2027, 3, 28)], "begins": time(1), "ends": time(4), "length": 30}
    with pytest.raises(Invalid):
        world.do(lambda work: slotting.make_slots(work, world.course_id, **hours))
