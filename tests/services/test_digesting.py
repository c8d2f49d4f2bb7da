"""The week by mail: on Monday morning where one lives, once, if there is something; the team's list for its manager."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from feedserver.commands import ticks
from feedserver.services import milestones, stopping
from feedserver.services.stopping import Mailing
from feedserver.store.learners import Learner
from feedserver.store.reminders import WeeklyMail
from feedserver.training.weeks import due_week
from tests.support.world import World

MONDAY = datetime(2026, 11, 30, 6, tzinfo=UTC)  # seven in Berlin
TICK = next(tick for tick in ticks.TICKS if tick.name == "weekly mails")


def look(world: World, moment: datetime) -> list[str]:
    """Who gets a weekly mail when the worker looks at this moment: the first name, or the address of a manager."""
    world.moment = moment
    ticks.once(world.house, TICK)
    world.notices.clear()
    world.mails()
    world.notices[:] = [one for one in world.notices if one.kind in ("digest", "team_digest")]
    return sorted(one.who or one.to for one in world.notices)


def test_on_monday_at_seven_where_one_lives_once_and_only_to_who_wants_it_and_has_something(world):
    for name, zone in (("Mia", "Europe/Berlin"), ("Kai", "Asia/Tokyo"), ("Nix", "Europe/Berlin")):
        world.person(name, digest="weekly", timezone=zone, locale="de")
    world.session("Mia", "Kai", "Ben")
    world.do(lambda work: milestones.give(work, [world.people["Mia"]], "completion_deadline", "Quiz", date(2026, 12, 4)))
    assert look(world, MONDAY - timedelta(hours=8, seconds=1)) == []
    assert look(world, MONDAY - timedelta(hours=8)) == ["Kai"]
    assert look(world, MONDAY) == ["Mia"]
    (mail,) = world.notices
    assert mail.subject == "Ihre Schulungen in dieser Woche" and "Fire safety" in mail.words and "Quiz" in mail.words and not mail.uid
    assert b"text/calendar" not in mail.raw and b"List-Unsubscribe=One-Click" in mail.raw
    assert look(world, MONDAY + timedelta(minutes=1)) == [] == look(world, MONDAY + timedelta(days=7))
    assert world.count(WeeklyMail, WeeklyMail.monday == MONDAY.date()) == 3


def test_after_an_outage_no_plan_of_a_week_that_has_long_begun(world):
    world.person("Mia", digest="weekly")
    world.session("Mia", start=datetime(2026, 12, 4, 10))
    assert look(world, MONDAY + timedelta(hours=25)) == []
    assert due_week(MONDAY + timedelta(hours=23), "Europe/Berlin").monday == date(2026, 11, 30)


def test_clocks_that_change_on_the_way_leave_it_at_seven():
    before, after = datetime(2027, 3, 22, 6, tzinfo=UTC), datetime(2027, 3, 29, 5, tzinfo=UTC)
    assert due_week(before, "Europe/Berlin").begins == before and due_week(after, "Europe/Berlin").begins == after
    assert due_week(after - timedelta(seconds=1), "Europe/Berlin") is None


@pytest.fixture
def team(world: World) -> World:
    for name in ("Mia", "Ben", "Zoe"):
        world.person(name, manager_email="Boss@corp.example")
    session = world.session("Mia", "Ben")
    world.set_status(session, "Ben", "Registered")
    world.do(lambda work: milestones.give(work, [world.people["Zoe"]], "certificate_expiry", "First aid", date(2026, 12, 20)))
    return world


def test_a_manager_gets_the_teams_list_with_who_has_not_answered_and_what_expires(team):
    assert look(team, MONDAY) == ["boss@corp.example"] and look(team, MONDAY + timedelta(minutes=1)) == []
    assert look(team, MONDAY + timedelta(days=7)) == ["boss@corp.example"]
    (mail,) = team.notices
    assert "First aid" in mail.words and "Zoe" in mail.words and "Your page" not in mail.words


def test_the_list_says_who_is_in_what(team):
    look(team, MONDAY)
    (mail,) = team.notices
    assert "Registered: Ben" in mail.words and "Invited, no Yes yet: Mia" in mail.words and "Certificate expires: First aid" in mail.words


def test_a_manager_or_the_organisation_can_do_without(team):
    boss = Mailing(stopping.Kind.TEAM_DIGEST, team.organisation_id, address="boss@corp.example")
    team.do(lambda work: stopping.stop(work, boss))
    assert look(team, MONDAY) == []
    team.do(lambda work: stopping.stop(work, boss, off=False))
    team.do(lambda work: setattr(work.organisation, "manager_digest", False))
    assert look(team, MONDAY) == []
    team.do(lambda work: setattr(work.organisation, "manager_digest", True))
    assert look(team, MONDAY) == ["boss@corp.example"]


def test_the_word_stop_from_a_manager_ends_the_list(team):
    raw = b"From: boss@corp.example\r\nTo: training@localhost\r\nSubject: Stop\r\nMessage-ID: <1@corp.example>\r\n\r\n\r\n"
    assert team.receive(raw).reason_code == "verb_stop" and look(team, MONDAY) == []


def test_who_stops_the_plan_gets_no_more(world):
    world.person("Mia", digest="weekly")
    world.session("Mia")
    world.do(lambda work: stopping.stop(work, Mailing(stopping.Kind.DIGEST, work.organisation_id, world.people["Mia"])))
    assert look(world, MONDAY) == [] and world.look(lambda work: work.db.get_one(Learner, world.people["Mia"]).digest) == "none"
