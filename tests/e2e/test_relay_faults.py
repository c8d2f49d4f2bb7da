"""What the relay does wrong or refuses, and what people see of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mail.fake_relay import STORE_THEN_CUT, FakeRelay
from tests.support.product import poll

from .world import World


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A product with one connection, to a relay whose script each test writes."""
    with World.open(tmp_path_factory.mktemp("faults"), smtp_connections=1) as world:
        yield world


def invited(world: World, **script: list) -> dict:
    """A learner whose invitation meets this script."""
    world.relay.script.update(script)
    lea = world.learner("Lea")
    world.enrol(world.session(), lea)
    return lea


def test_greylisted_it_waits_and_goes_out_when_told_to(one_by_one):
    lea = invited(one_by_one, RCPT=["450 4.7.1 greylisted, come again"])
    waiting = one_by_one.delivery(lea, "deferred")
    assert (waiting["attempts"], waiting["last_error"]) == (1, "450 4.7.1 greylisted, come again") and waiting["next_attempt_at"]
    one_by_one.retry(waiting)
    one_by_one.mails(lea, 1)
    assert one_by_one.delivery(lea, "sent")["attempts"] == 2


def test_an_address_that_does_not_exist_is_given_up_and_shown(one_by_one):
    lea = invited(one_by_one, RCPT=["550 5.1.1 no such user"])
    dead = one_by_one.delivery(lea, "dead")
    assert dead["last_error"] == "550 5.1.1 no such user" and dead["next_attempt_at"] is None
    assert "no such user" in one_by_one.get(f"/learners/{lea['id']}")["address_problem"]
    assert one_by_one.mails(lea) == []


def test_given_up_it_goes_out_once_the_address_is_mended(one_by_one):
    lea = invited(one_by_one, RCPT=["550 5.1.1 no such user"])
    one_by_one.delivery(lea, "dead")
    assert one_by_one.call("PATCH", f"/learners/{lea['id']}", {"address_problem": None})["address_problem"] is None
    one_by_one.mails(lea, 1)
    one_by_one.delivery(lea, "sent")


def test_put_off_after_the_dot_it_comes_once(one_by_one):
    lea = invited(one_by_one, dot=["451 4.3.0 try later"])
    one_by_one.retry(one_by_one.delivery(lea, "deferred"))
    one_by_one.delivery(lea, "sent")
    assert len(one_by_one.mails(lea)) == 1


def test_a_policy_refusal_blames_nobody(one_by_one):
    lea = invited(one_by_one, dot=["550 5.7.1 we do not like you today"])
    assert "5.7.1" in one_by_one.delivery(lea, "deferred")["last_error"]
    assert one_by_one.get(f"/learners/{lea['id']}")["address_problem"] is None


def test_stored_and_then_cut_off_it_comes_twice_the_same(one_by_one):
    lea = invited(one_by_one, dot=[STORE_THEN_CUT])
    unsure = one_by_one.delivery(lea, "deferred")
    assert "lost before" in unsure["last_error"]
    one_by_one.retry(unsure)
    one_by_one.delivery(lea, "sent")
    first, second = one_by_one.mails(lea)
    assert first.raw == second.raw


def test_an_update_waits_behind_what_may_have_left(one_by_one):
    one_by_one.relay.script["dot"] = [STORE_THEN_CUT]
    lea, session = one_by_one.learner("Lea"), one_by_one.session()
    one_by_one.enrol(session, lea)
    unsure = one_by_one.delivery(lea, "deferred")
    one_by_one.edit(session, title="Newer")
    assert [d["state"] for d in one_by_one.deliveries(lea)] == ["deferred", "queued"]
    one_by_one.retry(unsure)
    assert [m.sequence for m in one_by_one.mails(lea, 3)] == [0, 0, 1]


def test_an_update_takes_the_place_of_what_surely_did_not_leave(one_by_one):
    one_by_one.relay.script["RCPT"] = ["450 4.7.1 greylisted"]
    lea, session = one_by_one.learner("Lea"), one_by_one.session()
    one_by_one.enrol(session, lea)
    one_by_one.delivery(lea, "deferred")
    one_by_one.edit(session, title="Newer")
    (only,) = one_by_one.mails(lea, 1)
    assert only.event["SUMMARY"] == "Newer" and only.partstat == "NEEDS-ACTION"
    assert one_by_one.deliveries(lea)[0]["state"] == "superseded"


def test_a_relay_that_was_away_gets_everything_when_it_is_back(tmp_path):
    gone = FakeRelay()
    gone.stop()
    with World.open(tmp_path, gone) as world:
        people = world.crowd(30)
        world.session_of(people)
        waiting = lambda: world.get("/deliveries?state=queued&limit=1")["items"]  # noqa: E731 - none while a worker holds them all
        poll(lambda: [one for one in waiting() if one["last_error"]], "nothing is said of the relay")
        with FakeRelay(port=gone.port) as back:
            poll(lambda: len(back.messages) == 30, lambda: f"{len(back.messages)} of 30 came")
            world.quiet()
            assert {r.recipients[0] for r in back.messages} == {p["email"] for p in people} and len(back.messages) == 30
            assert {d["state"] for d in world.all("/deliveries")} == {"sent"}


@pytest.mark.slow
def test_the_pace_that_the_relay_bears_is_kept(tmp_path):
    with World.open(tmp_path, smtp_rate=600) as world:
        world.session_of(world.crowd(45))
        world.mails(number=45)
        times = [r.at for r in world.relay.messages]
        # ten a second, and at most the worth of one second at once
        assert max(sum(begin <= t < begin + 3 for t in times) for begin in times) <= 41
