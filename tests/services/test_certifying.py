"""Certificates are awarded, renewed, revoked; calendars show their ends."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from feedserver.errors import Conflict, Invalid
from feedserver.services import certifying, completing, departing
from feedserver.store.certificates import Certificate
from feedserver.store.milestones import MilestoneEntry
from tests.support.world import World

ON = date(2026, 11, 1)


@pytest.fixture
def kind(world: World) -> int:
    """Holds for a year, and is renewed by the course."""
    values = {"name": "First aid", "validity_months": 12, "renewal_course_id": world.course_id}
    return world.do(lambda work: certifying.create_kind(work, values).id)


def award(world: World, kind_id: int, name: str = "Mia", **values) -> list[Certificate]:
    ids = [world.person(name)]
    return world.do(lambda work: certifying.award(work, ids, kind_id, **({"source": "button", "on": ON} | values)))


def complete(world: World, name: str = "Mia"):
    ids = [world.person(name)]
    return world.do(lambda work: completing.complete(work, ids, world.course_id, source="button"))


def entries(world: World) -> list[tuple[str, date]]:
    query = select(MilestoneEntry.state, MilestoneEntry.day).order_by(MilestoneEntry.id)
    return world.look(lambda work: [tuple(row) for row in work.db.execute(query)])


def states(world: World) -> list[str]:
    query = select(Certificate).order_by(Certificate.id)
    return world.look(lambda work: [certifying.state_of(work, one) for one in work.db.scalars(query)])


def test_an_award_stands_in_the_calendar_until_its_end_and_the_same_again_changes_nothing(world, kind):
    world.person("Mia", channel="mail")
    (one,) = award(world, kind)
    assert (one.expires_on, entries(world)) == (date(2027, 11, 1), [("open", date(2027, 11, 1))])
    assert "Certificate expires: First aid" in world.mail().subject and award(world, kind) == []


def test_completing_the_course_renews_from_the_old_end_and_undoing_it_brings_the_old_one_back(world, kind):
    award(world, kind)
    (done,) = complete(world)
    assert states(world) == ["renewed", "valid"] and entries(world) == [("done", date(2027, 11, 1)), ("open", date(2028, 11, 1))]
    world.do(lambda work: completing.undo(work, done.id))
    assert states(world) == ["valid", "revoked"]
    assert [one for one in entries(world) if one[0] == "open"] == [("open", date(2027, 11, 1))]


def test_a_refresher_makes_nobody_a_first_one_but_the_course_itself_does(world, kind):
    complete(world)
    assert states(world) == []
    world.do(lambda work: certifying.edit_kind(work, kind, {"course_id": world.course_id}))
    complete(world, "Ole")
    assert states(world) == ["valid"]


def test_an_older_award_that_is_noted_later_takes_no_newer_ones_place(world, kind):
    award(world, kind)
    award(world, kind, on=date(2025, 11, 1))
    assert states(world) == ["valid", "renewed"] and len(entries(world)) == 1


def test_revoking_takes_it_out_of_the_calendar_once(world, kind):
    (one,) = award(world, kind)
    world.do(lambda work: certifying.revoke(work, one.id, "Forged"))
    assert states(world) == ["revoked"] and entries(world)[0][0] == "ended"
    with pytest.raises(Conflict, match="before"):
        world.do(lambda work: certifying.revoke(work, one.id))


def test_who_comes_back_has_the_end_in_the_calendar_again(world, kind):
    award(world, kind)
    for verb in (departing.leave, departing.come_back):
        world.do(lambda work, verb=verb: verb(work, world.people["Mia"]))
    assert [state for state, _ in entries(world)] == ["ended", "open"]


def test_what_makes_no_sense_is_refused(world, kind):
    for values, field in (
        ({"validity_months": 0}, "validity_months"),
        ({"reminder_days": [400]}, "reminder_days"),
        ({"name": " "}, "name"),
    ):
        with pytest.raises(Invalid) as refused:
            world.do(lambda work, v=values: certifying.edit_kind(work, kind, v))
        assert refused.value.field == field
    with pytest.raises(Conflict, match="of this name"):
        world.do(lambda work: certifying.create_kind(work, {"name": "First aid"}))
    with pytest.raises(Invalid, match="end after"):
        award(world, kind, expires_on=date(2026, 10, 1))
