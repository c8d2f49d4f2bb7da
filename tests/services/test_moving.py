"""Mia gets another address: the entry goes on, or moves, and nothing is lost on the way."""

from __future__ import annotations

import re

import pytest

from feedserver.errors import Conflict, Invalid
from feedserver.services import learning, moving
from feedserver.store.learners import Learner
from tests.support.world import Mail, World


def in_words(world: World) -> list[Mail]:
    """Mails without a calendar part that have come since the last look."""
    world.mails()
    arrived, world.notices = world.notices, []
    return arrived


def change(world: World, email: str, **values) -> None:
    mia = world.person("Mia")
    world.do(lambda work: learning.edit_learner(work, mia, {"email": email, **values}))


def test_the_same_person_s_new_address_gets_the_same_entry_one_version_on(world: World):
    session = world.session("Mia")
    first = world.mail()
    world.answer(first)
    change(world, "mia.kern@corp.example")
    again = world.mail()
    assert (again.to, again.method, again.uid, again.sequence) == ("mia.kern@corp.example", "REQUEST", first.uid, first.sequence + 1)
    assert again.partstat == "ACCEPTED" and world.status(session, "Mia") == "Registered"


def test_an_answer_from_the_old_address_still_counts(world: World):
    session = world.session("Mia")
    first = world.mail()
    change(world, "mia.kern@corp.example")
    assert world.answer(first, dtstamp=world.moment).outcome == "applied"
    assert world.status(session, "Mia") == "Registered"


def test_what_waits_to_be_sent_goes_to_the_new_address_and_only_once(world: World):
    world.session("Mia")
    change(world, "mia.kern@corp.example")
    only = world.mail()
    assert (only.to, only.kind, only.sequence) == ("mia.kern@corp.example", "invite", 0)


def test_who_said_no_is_not_asked_again_in_the_new_mailbox(world: World):
    world.session("Mia")
    world.answer(world.mail(), "DECLINED")
    world.mails()
    change(world, "mia.kern@corp.example")
    assert world.mails() == []


def test_another_mailbox_is_filled_anew_and_the_old_one_emptied(world: World):
    session = world.session("Mia")
    first = world.mail()
    world.answer(first)
    page = world.look(lambda work: work.db.get_one(Learner, world.people["Mia"]).page_id)
    change(world, "mia@home.example", address_change="new_mailbox")
    cancel, invite = world.mails()
    assert (cancel.to, cancel.method, cancel.uid, cancel.kind) == (first.to, "CANCEL", first.uid, "moved")
    assert (invite.to, invite.method, invite.sequence) == ("mia@home.example", "REQUEST", 0) and invite.uid != first.uid
    assert world.status(session, "Mia") == "Registered" and world.seats(session).taken == 1
    assert page != world.look(lambda work: work.db.get_one(Learner, world.people["Mia"]).page_id)


def test_the_old_mailbox_then_speaks_for_nobody(world: World):
    world.session("Mia")
    first = world.mail()
    change(world, "mia@home.example", address_change="new_mailbox")
    _cancel, invite = world.mails()
    assert world.answer(invite, "DECLINED", attendee=first.to).outcome == "quarantined"


def test_an_invitation_that_never_left_moves_without_a_cancellation(world: World):
    world.session("Mia")
    change(world, "mia@home.example", address_change="new_mailbox")
    only = world.mail()
    assert (only.to, only.method, only.kind) == ("mia@home.example", "REQUEST", "invite")


def test_a_second_address_is_asked_before_anything_goes_there(world: World):
    session = world.session("Mia")
    first = world.mail()
    mia = world.people["Mia"]
    world.do(lambda work: moving.ask_for_target(work, mia, "mia@home.example"))
    (question,) = in_words(world)
    assert question.to == "mia@home.example" and "Mia asks us" in question.words and question.method == ""
    token = re.search(r"/address/(\S+)", question.words)[1]
    learner_id, address = world.look(lambda work: (lambda found: (found[0].id, found[1]))(moving.read_target(work.db, token, world.moment)))
    world.do(lambda work: moving.take_target(work, learner_id, address))
    again = world.mail()
    (told,) = in_words(world)
    assert (again.to, again.uid, again.sequence) == ("mia@home.example", first.uid, 1)
    assert told.to == first.to and "mia@home.example" in told.words
    assert world.answer(again).outcome == "applied" and world.status(session, "Mia") == "Registered"
    world.do(lambda work: moving.drop_target(work, mia))
    assert world.mail().to == first.to


def test_the_link_of_a_second_address_ends_after_a_week(world: World):
    mia = world.person("Mia")
    world.do(lambda work: moving.ask_for_target(work, mia, "mia@home.example"))
    token = re.search(r"/address/(\S+)", in_words(world)[0].words)[1]
    world.moment += 8 * (world.moment - world.moment.replace(day=world.moment.day - 1))
    assert world.look(lambda work: moving.read_target(work.db, token, world.moment)) is None


def test_nobody_takes_somebody_else_s_address_or_floods_one(world: World):
    mia = world.person("Mia")
    world.person("Ali")
    with pytest.raises(Conflict, match="cannot be taken"):
        world.do(lambda work: moving.ask_for_target(work, mia, "ali@corp.example"))
    with pytest.raises(Conflict, match="tomorrow"):
        for n in range(6):
            world.do(lambda work, n=n: moving.ask_for_target(work, mia, f"x{n}@home.example"))
    with pytest.raises(Invalid):
        change(world, "mia@new.example", address_change="nonsense")
