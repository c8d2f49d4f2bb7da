"""Who joins a group is invited to its coming sessions; who leaves is taken off them alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from feedserver.errors import Conflict, Invalid, NotFound
from feedserver.services import grouping
from feedserver.store.courses import GroupMember
from feedserver.store.enrolments import Enrolment
from tests.support.world import START


def join(world, group, name) -> bool:
    learner = world.person(name)
    return world.do(lambda work: grouping.add_member(work, group, learner))


def leave(world, group, name) -> bool:
    learner = world.person(name)
    return world.do(lambda work: grouping.remove_member(work, group, learner))


def test_who_joins_is_invited_to_what_is_still_to_come(world):
    group = world.group("Lea")
    coming = [world.session(group_id=group, start=START + timedelta(days=n)) for n in (0, 7)]
    cancelled = world.session(group_id=group)
    world.cancel(cancelled)
    past = world.session(group_id=group, start=datetime(2026, 11, 19, 10))
    world.mails()
    assert join(world, group, "Tom")
    assert [(m.who, m.kind) for m in world.mails()] == [("Tom", "invite")] * 2
    assert [world.status(s, "Tom") for s in coming] == ["Invited", "Invited"]
    assert world.count(Enrolment, Enrolment.live_session_id.in_([cancelled, past]), Enrolment.learner_id == world.people["Tom"]) == 0


def test_who_joins_a_full_session_waits(world):
    group = world.group("Lea")
    session = world.session(group_id=group, capacity=1)
    join(world, group, "Tom")
    assert world.line(session) == ["Tom"] and [m.who for m in world.mails()] == ["Lea"]


def test_joining_twice_is_joining_once(world):
    group = world.group("Lea")
    world.session(group_id=group)
    assert not join(world, group, "Lea") and len(world.mails()) == 1


def test_who_leaves_is_cancelled_alone_and_the_next_moves_up(world):
    group = world.group("Lea", "Tom", "Ann")
    session = world.session(group_id=group, capacity=2)
    world.mails()
    assert leave(world, group, "Lea")
    assert [(m.who, m.method) for m in world.mails()] == [("Lea", "CANCEL"), ("Ann", "REQUEST")]
    assert world.status(session, "Lea") == "Cancelled" and not leave(world, group, "Lea")


def test_who_leaves_and_comes_back_has_a_new_entry(world):
    group = world.group("Lea")
    session = world.session(group_id=group)
    first = world.mail()
    leave(world, group, "Lea")
    world.mails()
    join(world, group, "Lea")
    assert world.mail().uid != first.uid and world.status(session, "Lea") == "Invited"


def test_an_unknown_member_refuses_the_whole_call(world):
    lea = world.person("Lea")
    with pytest.raises(Invalid, match="999") as refused:
        world.do(lambda work: grouping.create_group(work, world.course_id, "New", [lea, 999, 2**70]))
    assert refused.value.field == "learner_ids" and world.count(GroupMember) == 0


def test_a_name_is_taken_once_per_course(world):
    group = world.group(name="Night shift")
    with pytest.raises(Conflict) as refused:
        world.group(name="Night shift")
    assert refused.value.extra == {"id": group}


def test_a_member_named_twice_is_in_once(world):
    lea = world.person("Lea")
    world.do(lambda work: grouping.create_group(work, world.course_id, "New", [lea, lea]))
    assert world.count(GroupMember) == 1


def test_a_group_that_is_none_is_not_found(world):
    with pytest.raises(NotFound):
        join(world, 77, "Lea")
