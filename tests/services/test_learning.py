"""Learners come, change and leave."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from feedserver.errors import Conflict, Invalid
from feedserver.services import learning
from feedserver.store.enrolments import Enrolment
from feedserver.store.feeds import Feed
from feedserver.store.learners import FeedVersion, Learner
from tests.support.world import START


def edit(world, who: str, /, **values) -> None:
    learner = world.person(who)
    world.do(lambda work: learning.edit_learner(work, learner, values))


def test_each_has_one_feed_and_the_channel_both_from_the_start(world):
    lea = world.person("Lea")
    feed = world.look(lambda work: work.db.scalars(select(Feed)).one())
    learner = world.look(lambda work: work.db.get_one(Learner, lea))
    assert (feed.learner_id, len(feed.public_id), learner.channel, learner.timezone) == (lea, 16, "both", "Europe/Berlin")
    assert world.count(FeedVersion) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [({"email": "LEA@Corp.Example", "name": "x"}, "email"), ({"email": "b@corp.example", "name": "x", "external_id": "E1"}, "external_id")],
)
def test_the_same_person_twice_is_refused_with_the_id(world, values, field):
    lea = world.person("Lea", external_id="E1")
    with pytest.raises(Conflict) as refused:
        world.do(lambda work: learning.create_learner(work, values))
    assert (refused.value.field, refused.value.extra) == (field, {"id": lea})


@pytest.mark.parametrize(
    ("field", "value"), [("email", "lea"), ("timezone", "Mars/Base"), ("locale", "xx-!!"), ("manager_email", "a@b@c"), ("name", None)]
)
def test_what_cannot_be_is_named(world, field, value):
    with pytest.raises(Invalid) as refused:
        edit(world, "Lea", **{field: value})
    assert refused.value.field == field


def test_a_new_address_gets_the_next_mail_and_the_old_one_still_answers(world):
    session = world.session("Lea")
    first = world.mail()
    edit(world, "Lea", email="lea.new@corp.example")
    assert world.answer(first).outcome == "applied" and world.status(session, "Lea") == "Registered"
    world.edit(session, title="Fire drill")
    update = world.mail()
    assert (update.to, update.uid) == ("lea.new@corp.example", first.uid)
    world.advance(60)
    assert world.answer(update, "DECLINED").outcome == "applied"


def test_two_people_never_share_an_address(world):
    tom = world.person("Tom")
    with pytest.raises(Conflict) as refused:
        edit(world, "Lea", email="TOM@corp.example")
    assert refused.value.extra == {"id": tom}


def test_who_leaves_is_taken_off_what_is_to_come_and_the_next_moves_up(world):
    session = world.session("Lea", "Tom", capacity=1)
    world.mails()
    lea = world.people["Lea"]
    world.do(lambda work: learning.remove_learner(work, lea))
    assert [(m.who, m.method) for m in world.mails()] == [("Lea", "CANCEL"), ("Tom", "REQUEST")]
    assert world.count(Learner) == 1 and world.count(Enrolment, Enrolment.learner_id == lea) == 0
    assert world.seats(session).taken == 1 and world.outbox_is_empty


def test_who_reads_the_feed_alone_is_not_mailed_a_new_time(world):
    edit(world, "Lea", channel="feed")
    session = world.session("Lea")
    world.edit(session, start=START.replace(day=2))
    assert world.mails() == [] and world.entry(session, "Lea").sequence == 1
