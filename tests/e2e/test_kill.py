"""Whatever is killed, and whenever: no invitation is lost, none goes out in two versions, no answer that got its 250 is forgotten."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import smtplib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.mail.fake_relay import FakeRelay, Received
from tests.support.product import members, poll

from .world import Sent, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CONNECTIONS = 4


def taken(relay: FakeRelay, more: int) -> None:
    """Wait until the relay has taken so many more."""
    before = len(relay.messages)
    poll(lambda: len(relay.messages) >= before + more, lambda: f"no progress after {before} messages", 60)


def repeats(messages: list[Received], people: list[dict]) -> int:
    """How often the message went to somebody who had it; everybody must have got it, and whoever got it twice the same octets."""
    found = defaultdict(list)
    for received in messages:
        found[received.recipients[0]].append(received.data)
    assert {p["email"] for p in people} == set(found)
    assert [who for who, mails in found.items() if len(set(mails)) > 1] == []
    return sum(len(mails) - 1 for mails in found.values())


def none_marked_early(world: World) -> None:
    """What is marked sent has got its 250."""
    marked = {d["message_id"] for d in world.all("/deliveries?state=sent")}
    assert marked <= {Sent(r).message_id for r in world.relay.acknowledged}


def rotate(world: World, number: int) -> None:
    """A new signing key and another address, as after an upgrade: everything begins anew."""
    world.product.kill9()
    known = world.product.environment["FEEDSERVER_SECRET_KEYS"]
    world.product.environment["FEEDSERVER_SECRET_KEYS"] = f"another-key-of-these-tests-{number:032},{known}"
    world.product.environment["FEEDSERVER_BASE_URL"] = f"https://moved-{number}.training.example"
    world.product.start("web")


@pytest.mark.parametrize(("number", "kills"), [(300, 3), pytest.param(1000, 8, marks=pytest.mark.long)])
def test_a_worker_killed_at_any_moment_loses_none_and_repeats_one_a_connection(database_url, tmp_path, number, kills):
    relay, moments = FakeRelay(dawdle=0.02), random.Random()
    with World.open(tmp_path, relay, parts=("web", "worker"), database_url=database_url, smtp_connections=CONNECTIONS) as world:
        people = world.crowd(number)
        world.session_of(people)
        for kill in range(kills):
            taken(relay, moments.randint(1, 60))
            world.product.kill9("worker")
            none_marked_early(world)
            if kill in (1, 4, 6):
                rotate(world, kill)
            world.product.start("worker")
        world.quiet()
        assert repeats(relay.messages, people) <= kills * CONNECTIONS
        assert {d["state"] for d in world.all("/deliveries")} == {"sent"}


def test_a_receiver_killed_while_answers_pour_in_forgets_none(tmp_path):
    with World.open(tmp_path) as world:
        people = world.crowd(250)
        session = world.session_of(people)
        invitations = {m.to: m for m in world.mails(number=250)}
        replies = [(p["email"], world.reply(p, invitations[p["email"]], "ACCEPTED")) for p in people]
        done: list[str] = []
        with ThreadPoolExecutor(6) as senders:
            for who, raw in replies:
                senders.submit(lambda w=who, r=raw: done.append(until_taken(world, w, r)))
            for share in (30, 90, 150, 210):
                poll(lambda n=share: len(done) >= n, lambda: f"{len(done)} were taken")
                child(world, "receive").kill()
        world.quiet()
        outcomes = defaultdict(list)
        for one in world.all("/inbound"):
            outcomes[one["sender"]].append(one["outcome"])
        assert set(outcomes) == {who for who, _ in replies} == set(done)
        assert {tuple(sorted(o)) for o in outcomes.values()} <= {("applied",), ("applied", "unchanged")}
        assert world.get(f"/sessions/{session['id']}")["enrolments"] == {"Registered": 250}


def test_told_to_stop_it_ends_cleanly_and_repeats_nothing(tmp_path):
    relay = FakeRelay(dawdle=0.02)
    with World.open(tmp_path, relay) as world:
        people = world.crowd(400)
        world.session_of(people)
        taken(relay, 100)
        world.product.processes.pop("serve").stop(15)
        assert len(relay.messages) < 400 and len(relay.messages) == len(relay.acknowledged)
        world.product.start("serve")
        world.quiet()
        assert repeats(relay.messages, people) == 0


def test_a_worker_that_slept_beyond_its_lease_marks_and_sends_nothing_more(tmp_path):
    relay = FakeRelay(dawdle=0.02)
    with World.open(tmp_path, relay, parts=("web", "worker"), smtp_connections=CONNECTIONS) as world:
        people = world.crowd(400)
        world.session_of(people)
        taken(relay, 50)
        sleeper = world.product.processes.pop("worker")
        os.kill(sleeper.pid, signal.SIGSTOP)
        world.product.start("worker")
        world.quiet()
        os.kill(sleeper.pid, signal.SIGCONT)
        world.session_of(people, title="Another")
        world.quiet()
        sleeper.stop()
        first, second = ([r for r in relay.messages if (b"Subject: Invitation: Another" in r.data) == another] for another in (False, True))
        assert repeats(first, people) <= CONNECTIONS and repeats(second, people) == 0
        assert {d["state"] for d in world.all("/deliveries")} == {"sent"}


def test_killed_itself_it_leaves_no_child_behind_and_goes_on_where_it_was(tmp_path):
    relay = FakeRelay(dawdle=0.02)
    with World.open(tmp_path, relay, smtp_connections=CONNECTIONS) as world:
        people = world.crowd(200)
        world.session_of(people)
        taken(relay, 50)
        serve = world.product.processes.pop("serve")
        os.kill(serve.pid, signal.SIGKILL)
        poll(lambda: not members(serve.pid), lambda: str(members(serve.pid)))
        world.product.start("serve")
        world.quiet()
        assert repeats(relay.messages, people) <= CONNECTIONS


def until_taken(world: World, who: str, raw: bytes) -> str:
    """Try as a mail server does, until it gets its 250."""
    while True:
        with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", world.product.smtp_port, timeout=10) as smtp:
            smtp.sendmail(who, [world.mailbox], raw)
            return who


def child(world: World, part: str) -> psutil.Process:
    """A process that `serve` runs."""
    serve = psutil.Process(world.product.processes["serve"].pid)
    return poll(lambda: next((c for c in serve.children() if c.cmdline()[-1:] == [part]), None), f"no {part}")
