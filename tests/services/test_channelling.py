"""One channel, not two: who reads the feed alone gets no invitation, but hears in words of what cannot wait for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from feedserver.errors import Conflict
from feedserver.services import channelling
from feedserver.store.organisations import Organisation
from tests.support.world import START, Mail, World


def in_words(world: World) -> list[Mail]:
    """Mails without a calendar part that have come since the last look."""
    world.mails()
    arrived, world.notices = world.notices, []
    return arrived


@pytest.fixture
def mia(world: World) -> int:
    """She reads her feed alone."""
    return world.person("Mia", channel="feed")


def test_nothing_is_mailed_for_a_session_far_away_or_changed_far_away(world: World, mia: int):
    session = world.session("Mia")
    world.edit(session, start=START + timedelta(hours=1))
    assert world.mails() == in_words(world) == []


def test_a_change_in_the_last_two_days_comes_in_words(world: World, mia: int):
    session = world.session("Mia", "Ali")
    world.mails()
    world.moment = world.moment.replace(day=30)
    world.edit(session, start=START + timedelta(hours=1))
    assert world.mail().who == "Ali"
    (notice,) = in_words(world)
    assert (notice.who, notice.kind) == ("Mia", "update_notice")
    assert "before: Tuesday, 1 December 2026, 10:00" in notice.words and "/rsvp/" in notice.words


def test_a_change_into_the_last_two_days_comes_in_words_too(world: World, mia: int):
    session = world.session("Mia", start=START + timedelta(days=30))
    world.moment = world.moment.replace(day=30)
    world.edit(session, start=START)
    assert [mail.kind for mail in in_words(world)] == ["update_notice"]


def test_a_cancellation_comes_in_words_with_its_reason(world: World, mia: int):
    session = world.session("Mia")
    world.cancel(session, "The trainer is ill.")
    (mail,) = in_words(world)
    assert mail.kind == "cancel_notice" and "The trainer is ill." in mail.words


def test_who_is_taken_off_hears_it(world: World, mia: int):
    session = world.session("Mia")
    world.remove(session, "Mia")
    assert [mail.kind for mail in in_words(world)] == ["removed_notice"]


def test_who_said_no_is_left_alone(world: World, mia: int):
    session = world.session()
    world.enrol(session, "Mia", "Declined")
    world.cancel(session)
    assert world.mails() == in_words(world) == []


def test_two_changes_before_the_mail_leaves_are_one_mail(world: World, mia: int):
    session = world.session("Mia")
    world.moment = world.moment.replace(day=30)
    world.edit(session, start=START + timedelta(hours=1))
    world.edit(session, start=START + timedelta(hours=2))
    (mail,) = in_words(world)
    words = mail.words
    assert "10:00" in words and "12:00" in words and "11:00–" not in words


def test_who_wants_mail_again_is_invited_to_what_is_coming_with_the_uid_of_the_feed(world: World, mia: int):
    session = world.session("Mia")
    uid = world.entry(session, "Mia").uid
    world.do(lambda work: channelling.choose(work, mia, "both"))
    mail = world.mail()
    assert (mail.method, mail.uid, mail.kind) == ("REQUEST", uid, "invite")


def test_invitations_that_went_out_stay_and_follow_changes_by_mail(world: World):
    session = world.session("Ali")
    first = world.mail()
    ali = world.people["Ali"]
    world.do(lambda work: channelling.choose(work, ali, "feed"))
    assert world.mails() == []
    world.edit(session, start=START + timedelta(hours=1))
    assert (world.mail().uid, world.mails()) == (first.uid, [])
    world.session("Ali", start=START + timedelta(days=5))
    assert world.mails() == []


def test_a_welcome_goes_once_and_only_where_the_organisation_wants_it(world: World):
    ali = world.person("Ali", locale="de")
    with pytest.raises(Conflict, match="turned off"):
        world.do(lambda work: channelling.welcome(work, [ali]))
    world.do(lambda work: work.db.execute(update(Organisation).values(welcome=True)))
    assert world.do(lambda work: channelling.welcome(work, [ali])) == 1
    (mail,) = in_words(world)
    assert mail.kind == "welcome" and "training@localhost" in mail.words and "in Ihre Kontakte" in mail.words and "/my/" in mail.words
    assert world.do(lambda work: channelling.welcome(work, [ali])) == 0
