"""Mia leaves: one press, and nothing of her plan, her seats or her feeds is left; what was stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feedserver.errors import Conflict
from feedserver.services import departing, grouping, subscribing
from feedserver.services.finding import find
from feedserver.store.courses import GroupMember
from feedserver.store.learners import Learner
from tests.support.world import START, World


def leave(world: World, name: str = "Mia") -> None:
    learner_id = world.person(name)
    world.do(lambda work: departing.leave(work, learner_id))


def test_a_leaver_s_entries_are_cancelled_and_the_seat_goes_to_the_next(world: World):
    session = world.session("Mia", capacity=1, waiting_list=True)
    first = world.mail()
    world.register(session, "Ali")
    world.mails()
    leave(world)
    mails = {mail.to: mail for mail in world.mails()}
    assert (mails[first.to].method, mails[first.to].uid) == ("CANCEL", first.uid)
    assert mails["ali@corp.example"].method == "REQUEST" and world.status(session, "Ali") == "Invited"
    assert world.status(session, "Mia") == "Cancelled"


def test_feeds_end_and_groups_no_longer_invite(world: World):
    world.session("Mia")
    world.mails()
    leave(world)
    world.mails()
    mia = world.people["Mia"]
    assert world.look(lambda work: subscribing.feeds_of(work, mia)) == []
    assert world.count(GroupMember, GroupMember.learner_id == mia) == 0
    group = world.group("Ali", name="New")
    with pytest.raises(Conflict, match="has left"):
        world.do(lambda work: grouping.add_member(work, group, mia))
    with pytest.raises(Conflict, match="has left"):
        world.enrol(world.session(), "Mia")


def test_what_was_attended_stays_attended(world: World):
    past = world.session("Mia", start=START)
    world.moment += timedelta(days=20)
    world.set_status(past, "Mia", "Attended")
    leave(world)
    assert world.status(past, "Mia") == "Attended"


def test_leaving_says_before_what_it_will_do_and_twice_is_once(world: World):
    session = world.session("Mia", capacity=1, waiting_list=True)
    world.register(session, "Ali")
    mia = world.people["Mia"]
    told = world.look(lambda work: departing.consequences(work, find(work, Learner, mia)))
    assert told == departing.Consequences(sessions=1, waited_for=1, groups=1, feeds=1)
    leave(world)
    world.mails()
    leave(world)
    assert world.mails() == []


def test_somebody_comes_back_with_a_new_feed(world: World):
    leave(world)
    mia = world.people["Mia"]
    world.do(lambda work: departing.come_back(work, mia))
    assert len(world.look(lambda work: subscribing.feeds_of(work, mia))) == 1
    world.enrol(world.session(), "Mia")
    assert world.mail().method == "REQUEST"
