"""Rooms are where sessions take place; who or what is wanted twice is said and never refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from feedserver.errors import Conflict, Invalid
from feedserver.services import conflicts, grouping, rooming
from feedserver.services.finding import find
from feedserver.store.sessions import LiveSession
from tests.support.world import START, World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.close()


def room(world: World, name: str = "Blue", **values) -> int:
    return world.do(lambda work: rooming.create_room(work, {"name": name, **values}).id)


def warned(world: World, session_id: int) -> list[tuple[str, int | None]]:
    found = world.look(lambda work: conflicts.of_session(work, find(work, LiveSession, session_id)))
    return [(one.kind, one.session_id) for one in found]


def test_without_a_place_of_its_own_the_room_stands_in_the_invitation(world):
    blue = room(world, location="2nd floor")
    world.session("Ada", room_id=blue)
    assert "Blue, 2nd floor" in world.mail().words
    world.session("Ada", room_id=blue, location="The yard")
    words = world.mail().words
    assert "The yard" in words and "Blue" not in words


def test_a_room_that_moves_is_told_to_whoever_goes_there(world):
    blue = room(world)
    elsewhere = world.session("Bob", room_id=blue, location="The yard")
    session = world.session("Ada", room_id=blue)
    world.mails()
    world.do(lambda work: rooming.edit_room(work, blue, {"location": "Annex"}))
    world.advance(21)
    mail = world.mail()
    assert mail.who == "Ada" and "Blue, Annex" in mail.words
    assert world.entry(session, "Ada").sequence == 1 and world.entry(elsewhere, "Bob").sequence == 0


def test_another_room_is_an_update(world):
    blue, red = room(world), room(world, "Red")
    session = world.session("Ada", room_id=blue)
    world.mails()
    world.edit(session, room_id=red)
    assert "Red" in world.mail().words
    world.edit(session, room_id=None)
    assert world.mail().kind == "update"


def test_a_room_in_use_stays_and_past_sessions_keep_its_name(world):
    blue = room(world, location="Annex")
    session = world.session("Ada", room_id=blue)
    with pytest.raises(Conflict, match="1 coming session is in this room"):
        world.do(lambda work: rooming.delete_room(work, blue))
    world.advance(30 * 24 * 3600)
    world.do(lambda work: rooming.delete_room(work, blue))
    row = world.look(lambda work: find(work, LiveSession, session))
    assert (row.room_id, row.location) == (None, "Blue, Annex")


def test_names_of_rooms_are_unique_and_unknown_rooms_are_refused(world):
    room(world)
    with pytest.raises(Conflict, match="already a room"):
        room(world)
    with pytest.raises(Invalid, match="no room 99"):
        world.session(room_id=99)


def test_tina_and_the_room_are_wanted_twice_and_both_are_said(world):
    blue = room(world)
    first = world.session(room_id=blue, instructors=["Tina@corp.example"])
    half_past = START + timedelta(minutes=30)
    second = world.session(room_id=blue, instructors=["tina@corp.example"], start=half_past)
    assert warned(world, second) == [("instructor", first), ("room", first)]
    world.cancel(first)
    assert warned(world, second) == []


def test_most_of_the_learners_being_elsewhere_is_said_before_it_is_saved(world):
    first = world.session("Ada", "Bob")
    group = world.group("Ada", "Cleo")
    times = {"start": START, "end": START + timedelta(hours=1), "timezone": "Europe/Berlin"}
    (found,) = world.look(lambda work: conflicts.find_conflicts(work, times, group_id=group))
    assert (found.kind, found.session_id, found.detail) == ("learners", first, "1 of its 2 people is in “Fire safety” at the same time.")
    world.set_status(first, "Ada", "Declined")
    assert world.look(lambda work: conflicts.find_conflicts(work, times, group_id=group)) == []


def test_more_seats_than_the_room_holds_are_said(world):
    blue = room(world, capacity=8)
    session = world.session(room_id=blue, capacity=9)
    assert warned(world, session) == [("capacity", None)]
    world.edit(session, capacity=8)
    assert warned(world, session) == []


def test_the_same_hour_in_another_zone_is_another_time(world):
    blue = room(world)
    world.session(room_id=blue)
    assert warned(world, world.session(room_id=blue, timezone="America/New_York")) == []


def test_many_people_and_many_sessions_cost_the_same_statements(world):
    from sqlalchemy import event

    def cost() -> int:
        told = []
        listen = lambda *what: told.append(what)  # noqa: E731
        event.listen(world.database.engine, "before_cursor_execute", listen)
        warned(world, session)
        event.remove(world.database.engine, "before_cursor_execute", listen)
        return len(told)

    session = world.session("Ada", room_id=room(world))
    world.session("Ada")
    few = cost()
    for n in range(5):
        world.session(*(f"P{n}x{m}" for m in range(5)))
    group_id = world.look(lambda work: find(work, LiveSession, session).group_id)
    for name in list(world.people):
        learner = world.people[name]
        world.do(lambda work, learner=learner: grouping.add_member(work, group_id, learner))
    assert cost() == few < 12
