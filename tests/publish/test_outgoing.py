"""The loop: order within a lane, no destination that delays another, nothing lost and nothing held by two."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from feedserver.publish.guard import TooSlow
from feedserver.publish.outcomes import Outcome, Result
from feedserver.publish.resealing import seal_again
from feedserver.publish.senders import SENDERS
from feedserver.store import claims, lanes
from feedserver.store.destinations import Destination
from feedserver.store.outbox import Delivery
from feedserver.vault import Vault
from tests.support.world import World

from .desk import Desk
from .hostile import serving

OK = Outcome(Result.DONE, 200)


class Receiver:
    """A sender of its own: `said` holds the outcomes of the next deliveries of a destination, else all is well; `slow` ones wait for `go_on`."""

    def __init__(self) -> None:
        self.got: dict[int, list[str]] = defaultdict(list)
        self.said: dict[int, list] = defaultdict(list)
        self.slow: set[int] = set()
        self.go_on = threading.Event()

    def deliver(self, row, target, client, now) -> Outcome:
        self.got[target.id].append(row.body.decode())
        if target.id in self.slow:
            self.go_on.wait(30)
        outcome = self.said[target.id].pop(0) if self.said[target.id] else OK
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
"""Where the statements are not the same on PostgreSQL."""


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def world(request, kind) -> Iterator[World]:
    one = World(request.getfixturevalue(f"{kind}_url"))
    yield one
    one.close()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def desk(world, receiver) -> Desk:
    return Desk(world, {"webhook": receiver, "caldav": receiver, "chat": receiver}, threads=4)


def hook(desk: Desk, name: str = "a") -> int:
    return desk.connect(f"https://{name}.example.org/hook", channel="webhook")


def events(desk: Desk, to: int, *bodies: str) -> None:
    """`a1`: the first event of object a."""
    for body in bodies:
        desk.queue(to, f"webhook:{to}:{body[0]}", body.encode(), channel="webhook")


@both
def test_every_event_goes_in_order_and_one_that_fails_holds_back_only_its_own_object(desk, receiver):
    to = hook(desk)
    receiver.said[to] = [Outcome(Result.FAILED, 500, "no")]
    events(desk, to, "a1", "b1", "a2", "b2", "a3")
    desk.once()
    assert receiver.got[to] == ["a1", "b1", "b2"]
    desk.go()
    assert receiver.got[to] == ["a1", "b1", "b2", "a1", "a2", "a3"] and set(desk.states()) == {"sent"}


@both
def test_of_one_object_in_a_collection_only_the_newest_goes(desk, receiver):
    room = desk.connect("https://cal.example.org/c/")
    for body in ("1", "2", "3"):
        desk.queue(room, f"caldav:{room}:7", body.encode())
    desk.once()
    assert receiver.got[room] == ["3"] and desk.states() == ["superseded", "superseded", "sent"]


def test_a_receiver_that_hangs_delays_no_other(desk, receiver):
    slow, *quick = (hook(desk, name) for name in "abcd")
    receiver.slow.add(slow)
    for to in (slow, *quick):
        events(desk, to, "a1", "b1")
    loop = threading.Thread(target=desk.publishing.run)
    loop.start()
    try:
        until(lambda: desk.states().count("sent") == 6 and receiver.got[slow] == ["a1"])
    finally:
        receiver.go_on.set()
        until(lambda: not desk.open())
        desk.stop.set()
        loop.join(10)
    assert not loop.is_alive() and receiver.got[slow] == ["a1", "b1"]


def test_a_worker_that_is_told_to_end_waits_for_no_server_that_has_gone_silent(desk):
    with serving(lambda connection, over: over.wait(60)) as origin:
        desk.publishing.senders = SENDERS
        room = desk.connect(f"{origin}/c/")
        desk.publish(room, 1, b"x")
        loop = threading.Thread(target=desk.publishing.run)
        loop.start()
        until(lambda: desk.states() == ["sending"])
        desk.stop.set()
        loop.join(15)
        assert not loop.is_alive()
    (cut,) = desk.all(Delivery)
    assert (cut.state, cut.ambiguous) == ("deferred", 1)


@both
def test_a_receiver_that_is_down_rests_and_has_everything_once_it_is_back(desk, receiver):
    to = hook(desk)
    receiver.said[to] = [TooSlow("It did not finish its answer in time.")] * 5
    events(desk, to, "a1", "a2", "b1", "b2", "c1")
    desk.once()
    (down,) = desk.all(Destination)
    assert (down.failures, len(receiver.got[to])) == (3, 3) and down.rest_until > desk.world.moment and "in time" in down.problem
    desk.once()
    assert len(receiver.got[to]) == 3
    desk.go()
    (back,) = desk.all(Destination)
    assert (back.failures, back.problem, back.rest_until) == (0, None, None) and back.last_ok_at
    assert set(desk.states()) == {"sent"} and [body for body in receiver.got[to] if body[0] == "a"][-2:] == ["a1", "a2"]


def test_an_event_that_is_refused_ends_and_the_next_one_goes(desk, receiver):
    to = hook(desk)
    receiver.said[to] = [Outcome(Result.REFUSED, 422, "unreadable"), KeyError("of ours")]
    events(desk, to, "a1", "b1", "a2")
    desk.once()
    assert desk.states() == ["dead", "dead", "sent"] and desk.all(Delivery)[0].last_error == "unreadable"


def test_a_receiver_that_says_it_is_gone_is_paused_until_somebody_wakes_it(desk, receiver):
    to = hook(desk)
    receiver.said[to] = [Outcome(Result.GONE, 410, "It is gone (410).")]
    events(desk, to, "a1", "a2")
    desk.go(most=3)
    assert [d.state for d in desk.all(Destination)] == ["paused"] and receiver.got[to] == ["a1"]
    desk.database.run(lambda db: lanes.wake(db, to, desk.world.moment))
    desk.go()
    assert receiver.got[to] == ["a1", "a1", "a2"]


@both
def test_a_server_that_asks_for_rest_has_it_from_all_that_goes_there(desk, receiver):
    first, second = (desk.connect(f"https://cal.example.org/{name}/") for name in "ab")
    receiver.said[first] = [Outcome(Result.BUSY, 429, "slow down", timedelta(minutes=2))]
    for to in (first, second):
        desk.queue(to, f"caldav:{to}:1", b"x")
    desk.once()
    assert receiver.got == {first: ["x"]} or receiver.got == {first: ["x"], second: ["x"]}
    assert {d.rest_until for d in desk.all(Destination)} >= {desk.world.moment + timedelta(minutes=2)}
    desk.go()
    assert receiver.got[second] == ["x"]


@both
def test_what_a_dead_worker_held_is_repeated_and_its_late_mark_counts_for_nothing(desk, receiver):
    to = hook(desk)
    events(desk, to, "a1", "a2")
    moment = desk.world.moment
    dead = desk.database.run(lambda db: claims.enter(db, "dead", moment))
    _, held = desk.database.run(lambda db: lanes.take(db, dead, to, moment, 10))
    with desk.database.read() as db:
        assert lanes.due(db, moment) == [] and len(held) == 2
    assert desk.database.run(lambda db: lanes.take(db, dead, to, moment, 10)) == (None, [])
    desk.world.moment += timedelta(seconds=11)
    desk.database.run(lambda db: claims.reclaim(db, desk.world.moment))
    desk.go()
    assert receiver.got[to] == ["a1", "a2"] and [d.ambiguous for d in desk.all(Delivery)] == [1, 1]
    assert not desk.database.run(lambda db: lanes.settle(db, dead, held[0], {"state": "dead"}))


@both
def test_mail_and_the_others_take_only_what_is_theirs(desk, receiver):
    to = hook(desk)
    events(desk, to, "a1")
    desk.world.session("Mia")
    mail = desk.database.run(lambda db: claims.claim(db, 1, desk.world.moment, 10))
    assert {one.row.recipient for one in mail} == {"mia@corp.example"}
    desk.once()
    assert receiver.got == {to: ["a1"]}


def test_a_paused_destination_waits_and_what_is_of_no_use_any_more_ends(desk, receiver):
    to = hook(desk)
    events(desk, to, "a1")
    change(desk, to, state="paused")
    desk.once()
    assert receiver.got == {} and desk.states() == ["queued"]
    desk.world.moment += timedelta(days=31)
    desk.database.run(lambda db: lanes.expire(db, desk.world.moment))
    assert desk.states() == ["expired"]


def test_a_destination_that_leaves_goes_when_its_last_delivery_has(desk, receiver):
    to = hook(desk)
    events(desk, to, "a1")
    change(desk, to, state="leaving")
    assert desk.database.run(lanes.finish_leaving) == 0
    desk.once()
    assert receiver.got[to] == ["a1"] and desk.database.run(lanes.finish_leaving) == 1 and desk.all(Destination) == []


def test_a_secret_that_no_key_opens_is_said_and_nothing_is_lost(desk, receiver):
    to = hook(desk)
    events(desk, to, "a1")
    kept, desk.world.house.vault = desk.world.house.vault, Vault(["another-key-of-sixteen"])
    desk.once()
    assert receiver.got == {} and desk.states() == ["deferred"] and "enter it again" in desk.all(Destination)[0].problem
    desk.world.house.vault = kept
    desk.database.run(lambda db: lanes.wake(db, to, desk.world.moment))
    desk.once()
    assert receiver.got[to] == ["a1"]


def test_a_rotation_of_keys_seals_every_secret_again_by_the_newest(desk, receiver):
    to = hook(desk)
    events(desk, to, "a1")
    old, new = "a-key-of-sixteen-characters", "a-newer-key-of-sixteen"
    desk.world.house.vault = Vault([new, old])
    assert (seal_again(desk.world.house), seal_again(desk.world.house)) == (1, 0)
    desk.world.house.vault = Vault([new])
    desk.once()
    assert receiver.got[to] == ["a1"]


def test_a_backlog_elsewhere_costs_mail_nothing(sqlite_url):
    world = World(sqlite_url)
    with world.database.read() as db:
        now = world.moment
        query = select(Delivery.id).where(claims._MAIL, claims.state_in(Delivery.state, ("queued", "deferred")), Delivery.due_at <= now)
        plan = db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query.compile(compile_kwargs={'literal_binds': True})}").fetchall()
    world.close()
    assert "ix_deliveries_due_mail" in str(plan)


def change(desk: Desk, to: int, **values) -> None:
    desk.database.run(lambda db: db.execute(update(Destination).where(Destination.id == to).values(**values)))


def until(holds, seconds: float = 20) -> None:
    """Wait until it holds."""
    pause = threading.Event()
    for _ in range(int(seconds * 20)):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError("it never came to be")
