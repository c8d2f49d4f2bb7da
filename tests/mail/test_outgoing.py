"""The sending half of a worker against a relay that misbehaves, in one process: what each delivery ends in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from feedserver.settings import Settings
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery, MailSkeleton
from mail.opening import Timeouts
from mail.outgoing import Outgoing
from tests.mail.fake_relay import FakeRelay
from tests.support.product import poll
from tests.support.world import World

PATIENT = Timeouts(connect=30, greeting=30, command=30, data=30, final_dot=30)


@contextmanager
def sending(world: World, relay: FakeRelay) -> Iterator[None]:
    """A worker sends to this relay over two connections."""
    stop = threading.Event()
    settings = replace(Settings(), smtp_url=f"{relay.url}?tls=none", smtp_connections=2)
    outgoing = Outgoing(world.house, settings, stop, timeouts=PATIENT)
    thread = threading.Thread(target=outgoing.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def states(world: World) -> list[str]:
    """Of all deliveries, oldest first."""
    return [delivery.state for delivery in world.deliveries()]


def test_a_message_that_cannot_be_made_ends_visibly_and_holds_up_no_other(sqlite_url):
    world = World(sqlite_url)
    world.session("Anna", "Ben")
    broken = world.deliveries()[0].skeleton_id
    with world.database.write() as db:
        db.get_one(MailSkeleton, broken).body = b"not a skeleton"
    world.session("Carla")
    with FakeRelay() as relay, sending(world, relay):
        poll(lambda: states(world)[-1] == "sent", "Carla's invitation did not leave")
        poll(lambda: "sending" not in states(world), "something is still in hand")
    assert [m.recipients for m in relay.messages] == [["carla@corp.example"]]
    assert states(world) == ["dead", "dead", "sent"]
    assert "could not be made" in world.deliveries()[0].last_error
    world.close()


def test_a_relay_that_hangs_up_on_one_message_does_not_make_us_try_without_end(sqlite_url):
    world = World(sqlite_url)
    world.session("Anna")

    def stands_back() -> bool:
        world.moment += timedelta(seconds=2)
        return states(world) == ["deferred"]

    with FakeRelay({"RCPT": "421 4.7.0 not you"}) as relay, sending(world, relay):
        poll(stands_back, "it was tried again and again")
    assert 2 <= relay.connections <= 6
    assert relay.messages == []
    world.close()


def test_a_hard_refusal_ends_the_delivery_and_marks_the_address(sqlite_url):
    world = World(sqlite_url)
    world.session("Anna", "Ben")
    with FakeRelay({"RCPT": ["550 5.1.1 no such user"]}) as relay, sending(world, relay):
        poll(lambda: sorted(states(world)) == ["dead", "sent"], "the two did not end")
    dead = world.deliveries(Delivery.state == "dead")[0]
    assert (dead.bounce_class, dead.last_code) == ("hard_address", 550)
    marked = world.look(lambda work: work.db.get_one(Learner, dead.learner_id).address_problem)
    assert "5.1.1" in marked or "no such user" in marked
    world.close()


@pytest.mark.parametrize("failures", [1, 10**6])
def test_a_250_that_cannot_be_noted_is_noted_later_or_counts_as_ambiguous(sqlite_url, monkeypatch, failures):
    world = World(sqlite_url)
    world.session("Anna")
    raw, failed = world.database.raw, []

    def away():
        if len(failed) < failures:
            failed.append(1)
            raise OSError("the disk is full")
        return raw()

    monkeypatch.setattr(world.database, "raw", away)
    with FakeRelay() as relay, sending(world, relay):
        relay.wait_for(1)
        poll(lambda: failed, "nothing was to be noted")
        if failures == 1:
            poll(lambda: states(world) == ["sent"], "it was never noted")
    (row,) = world.deliveries()
    assert (row.state, row.ambiguous) == (("sent", 0) if failures == 1 else ("queued", 1))
    assert len(relay.messages) == 1
    world.close()
