"""The judging half of a worker: each message takes effect once, and ends in a visible outcome whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import update

from feedserver import tokens
from feedserver.addresses import Mailbox
from feedserver.errors import Unavailable
from feedserver.imip.reply_mail import reply_mail
from feedserver.itip.answer import reply
from feedserver.services import notifying, receiving
from feedserver.store import claims
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import Delivery
from mail import judging
from tests import replies
from tests.support.in_process import InProcess
from tests.support.world import MAILBOX, World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    one = World(database_url)
    yield one
    one.close()


def arrive(world: World, raw: bytes) -> int:
    one = receiving.Received(raw, "smtp", recipients=(MAILBOX,))
    return world.database.run(lambda db: receiving.store(db, [one], world.moment))[0]


def message(world: World, number: int) -> InboundMessage:
    return world.look(lambda work: work.db.get_one(InboundMessage, number))


def yes(world: World, mail) -> bytes:
    return replies.reply("google", uid=mail.uid, attendee=mail.to, dtstamp=world.moment, dtstart=mail.start)


@pytest.mark.parametrize("client", replies.CLIENTS)
def test_an_answer_from_each_program_counts(world, client):
    session = world.session("Lea")
    got = world.answer(world.mail(), client=client)
    assert (got.outcome, got.kind) == ("applied", "reply"), (got.reason_code, got.reason)
    assert world.status(session, "Lea") == "Registered"


def test_the_same_message_three_times_takes_effect_once(world):
    session = world.session("Lea")
    raw = yes(world, world.mail())
    assert [m.outcome for m in world.receive_all([raw, raw, raw])] == ["applied", "unchanged", "unchanged"]
    assert world.verbs(session).count("answered Yes") == 1


def test_what_fails_on_our_side_three_times_waits_for_a_person_and_holds_up_nobody(world, monkeypatch):
    session = world.session("Lea", "Tom")
    lea, tom = world.mails()
    real = judging.decide

    def fails(work, inbound, incoming, settings):
        if incoming.sender == "other@corp.example":
            work.record("half done")
            raise RuntimeError("kaput")
        return real(work, inbound, incoming, settings)

    monkeypatch.setattr(judging, "decide", fails)
    strange = replies.reply("google", uid=lea.uid, attendee=lea.to, sender="other@corp.example", dtstamp=world.moment, dtstart=lea.start)
    bad, good = world.receive_all([strange, yes(world, tom)])
    assert (bad.outcome, bad.reason_code, bad.tries) == ("quarantined", "our_fault", 3)
    assert "RuntimeError" in bad.reason and "kaput" not in bad.reason and "half done" not in world.verbs(session)
    assert (good.outcome, world.status(session, "Lea"), world.status(session, "Tom")) == ("applied", "Invited", "Registered")


def test_a_message_that_kills_each_worker_is_put_aside_unread(world):
    session = world.session("Lea")
    number = arrive(world, yes(world, world.mail()))
    died = update(InboundMessage).where(InboundMessage.id == number).values(tries=judging.TRIES)
    world.database.run(lambda db: db.execute(died))
    world.judging.pool = InProcess(lambda raw: pytest.fail("it was read once more"))
    world.judging.once()
    assert (message(world, number).outcome, message(world, number).reason_code) == ("quarantined", "our_fault")
    assert world.status(session, "Lea") == "Invited"


def test_while_some_are_read_the_next_are_taken_but_for_what_a_worker_died_over(world, monkeypatch):
    monkeypatch.setattr(judging, "BATCH", 2)
    world.session(*(f"P{n}" for n in range(5)))
    numbers = [arrive(world, yes(world, mail)) for mail in world.mails()]
    world.worker()
    world.database.run(lambda db: db.execute(update(InboundMessage).where(InboundMessage.id == numbers[3]).values(tries=1)))
    assert [world.judging.once() for _ in range(4)] == [3, 1, 1, 0]
    assert {message(world, number).outcome for number in numbers} == {"applied"}


def test_a_reader_that_cannot_be_started_rejects_nothing(world):
    session = world.session("Lea")
    number = arrive(world, yes(world, world.mail()))
    world.judging.pool = InProcess(unavailable)
    world.worker()
    world.judging.once()
    assert message(world, number).outcome == "pending" and "tried again" in message(world, number).reason
    world.judging.pool = InProcess()
    world.judging.once()
    assert message(world, number).outcome == "applied" and world.status(session, "Lea") == "Registered"


def unavailable(raw: bytes):
    raise Unavailable("No child can be started.")


def test_what_a_living_worker_holds_is_left_to_it_and_what_a_dead_one_held_is_not(world):
    world.session("Lea")
    number = arrive(world, yes(world, world.mail()))
    other = world.database.run(lambda db: claims.enter(db, "other", world.moment))
    world.database.run(lambda db: db.execute(update(InboundMessage).values(worker_id=other)))
    assert world.judging.once() == 0 and message(world, number).outcome == "pending"
    world.moment += claims.LEASE + timedelta(seconds=1)
    assert world.judging.once() == 1 and message(world, number).outcome == "applied"


def test_a_refresh_is_answered_to_the_enrolled_address_alone_and_once(world):
    world.session("Lea")
    first = world.mail()
    raw = replies.message("refresh", uid=first.uid, attendee="mallory@evil.example")
    assert [m.reason_code for m in world.receive_all([raw, raw])] == ["refreshed", "refreshed_before"]
    again = world.mail()
    assert (again.to, again.kind, again.uid, again.sequence) == (first.to, "again", first.uid, 0)


@pytest.mark.parametrize(
    ("name", "outcome", "kind"),
    [
        ("human", "human", "human"),
        ("out_of_office", "auto_reply", "auto_reply"),
        ("bounce", "bounce", "bounce"),
        ("attendee_cancel", "rejected", "cancel"),
        ("forwarded_request", "rejected", "request"),
        ("google_counter", "quarantined", "counter"),
    ],
)
def test_every_other_message_ends_visibly_and_changes_nothing(world, name, outcome, kind):
    session = world.session("Lea")
    first = world.mail()
    got = world.receive(replies.message(name, uid=first.uid, attendee=first.to))
    assert (got.outcome, got.kind) == (outcome, kind) and got.reason
    assert world.status(session, "Lea") == "Invited" and world.mails() == []


def test_a_bounce_with_our_token_marks_the_address_and_one_without_blames_nobody(world):
    world.session("Lea")
    first = world.mail()
    raw = replies.message("bounce", uid="somebody-elses", attendee=first.to)
    (delivery,) = world.deliveries()
    secret = world.do(lambda work: work.key_secret)
    stranger = world.receive(raw, f"training+b-{delivery.id}-{'a' * 26}@localhost")
    assert stranger.outcome == "bounce" and stranger.delivery_id is None and delivery.bounce_class is None
    ours = world.receive(raw, f"training+b-{tokens.bounce_token(delivery.id, secret)}@localhost")
    assert ours.delivery_id == delivery.id and world.deliveries()[0].bounce_class == "hard_address"


def test_what_is_decided_and_what_follows_from_it_stand_or_fall_together(world, monkeypatch):
    session = world.session("Lea", "Tom", capacity=1)
    first = world.mail()
    before = world.count(Delivery)
    monkeypatch.setattr(notifying, "begin", lambda *_a, **_k: 1 / 0)
    got = world.answer(first, "DECLINED")
    assert (got.outcome, world.status(session, "Lea"), world.line(session)) == ("quarantined", "Invited", ["Tom"])
    assert (world.count(Delivery), world.seats(session).taken) == (before, 1)


def test_a_reply_of_our_own_dev_mailbox_is_read_like_any_other(world):
    session = world.session("Lea")
    first = world.mail()
    calendar = next(p for p in message_from_bytes(first.raw).walk() if p.get_content_type() == "text/calendar")
    lea, box = Mailbox("Lea", first.to), Mailbox("Training", MAILBOX)
    answered = reply(calendar.get_payload(decode=True), "ACCEPTED", world.moment, attendee=lea)
    raw = reply_mail(answered, partstat="ACCEPTED", attendee=lea, organizer=box, title="x", message_id="a@b", now=world.moment)
    assert world.receive(raw).outcome == "applied" and world.status(session, "Lea") == "Registered"
