"""Who holds which delivery: in order per entry, with a lease, fenced; nothing is lost and nothing is sent by two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from feedserver.services import resending
from feedserver.store import claims
from feedserver.store.keys import SigningKey
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery, RelayPace
from tests.support.world import World

SECOND = timedelta(seconds=1)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    one = World(database_url)
    yield one
    one.close()


def enter(world: World) -> int:
    return world.database.run(lambda db: claims.enter(db, "w", world.moment))


def claim(world: World, worker: int, limit: int = 100) -> list[claims.Claimed]:
    return world.database.run(lambda db: claims.claim(db, worker, world.moment, limit))


def ids(claimed: list[claims.Claimed]) -> list[int]:
    return [one.row.id for one in claimed]


def rows(world: World) -> list[tuple]:
    return [(d.state, d.attempts, d.ambiguous, d.worker_id) for d in world.deliveries()]


def change(world: World, **values) -> None:
    world.database.run(lambda db: db.execute(update(Delivery).values(**values)))


def again(world: World, session: int, name: str) -> None:
    """One more message to this person, behind the first."""
    enrolment = world.enrolment(session, name).id
    world.do(lambda work: resending.send_again(work, enrolment))


def test_what_one_holds_the_other_does_not_get(world):
    world.session("Lea", "Tom", "Ann")
    one, two = enter(world), enter(world)
    first, second = claim(world, one, 2), claim(world, two)
    assert len(first) == 2 and len(second) == 1 and not set(ids(first)) & set(ids(second))
    assert claim(world, one) == claim(world, two) == []


def test_the_second_message_of_an_entry_waits_for_the_first(world):
    session = world.session("Lea", "Tom")
    worker = enter(world)
    (lea,) = claim(world, worker, 1)
    again(world, session, "Lea")
    assert [one.row.recipient for one in claim(world, worker)] == ["tom@corp.example"]
    world.database.run(lambda db: db.execute(update(Delivery).where(Delivery.id == lea.row.id).values(state="sent")))
    assert [(one.row.kind, one.row.uid) for one in claim(world, worker)] == [("again", lea.row.uid)]


@pytest.mark.parametrize(
    ("state", "waits"), [("deferred", True), ("queued", True), ("dead", False), ("expired", False), ("superseded", False)]
)
def test_only_an_open_message_holds_back_the_next_one(world, state, waits):
    session = world.session("Lea")
    worker = enter(world)
    claim(world, worker)
    again(world, session, "Lea")
    first = world.deliveries()[0]
    later = {"state": state, "due_at": world.moment + 100 * SECOND}
    world.database.run(lambda db: db.execute(update(Delivery).where(Delivery.id == first.id).values(**later)))
    assert (claim(world, worker) == []) is waits


def test_what_is_not_due_yet_is_left(world):
    world.session("Lea")
    change(world, due_at=world.moment + SECOND)
    worker = enter(world)
    assert claim(world, worker) == []
    world.moment += SECOND
    assert len(claim(world, worker)) == 1


def test_the_oldest_due_goes_first(world):
    world.session("Lea", "Tom", "Ann")
    last = world.deliveries()[0].id
    world.database.run(lambda db: db.execute(update(Delivery).where(Delivery.id == last).values(due_at=world.moment + SECOND)))
    world.moment += 2 * SECOND
    assert ids(claim(world, enter(world)))[-1] == last


def test_a_living_worker_keeps_its_lease_and_a_dead_one_loses_what_it_held(world):
    world.session("Lea")
    one = enter(world)
    claim(world, one)
    for _ in range(5):
        world.moment += 8 * SECOND
        assert world.database.run(lambda db: claims.renew(db, one, world.moment))
        assert world.database.run(lambda db: claims.reclaim(db, world.moment)) == 0
    world.moment += claims.LEASE + SECOND
    assert world.database.run(lambda db: claims.reclaim(db, world.moment)) == 1
    assert rows(world) == [("queued", 1, 1, None)]
    assert not world.database.run(lambda db: claims.renew(db, one, world.moment))


def test_the_lease_is_short_enough_for_the_promise_of_fifteen_seconds():
    assert timedelta(seconds=5) <= claims.LEASE <= timedelta(seconds=12)


def test_a_worker_that_was_declared_dead_marks_nothing(world):
    world.session("Lea")
    zombie = world.worker()
    (held,) = claim(world, zombie)
    world.moment += claims.LEASE + SECOND
    world.database.run(lambda db: claims.reclaim(db, world.moment))
    (taken,) = claim(world, enter(world))
    assert (taken.row.id, taken.fence) == (held.row.id, held.fence + 1)
    assert not world.outgoing._mark(world.outgoing._sent_sql, (1, held.row.id, zombie, held.fence))
    assert world.outgoing.lost.is_set() and world.deliveries()[0].state == "sending"


def test_the_fence_holds_off_a_worker_of_the_same_name(world):
    world.session("Lea")
    worker = world.worker()
    (held,) = claim(world, worker)
    world.database.run(lambda db: claims.release(db, worker, world.moment))
    claim(world, worker)
    assert not world.outgoing._mark(world.outgoing._sent_sql, (1, held.row.id, worker, held.fence))


def test_what_is_given_back_counts_no_attempt_and_goes_at_once(world):
    world.session("Lea", "Tom")
    worker = enter(world)
    first, second = claim(world, worker)
    world.database.run(lambda db: claims.release(db, worker, world.moment, "The relay rests.", [first.row.id]))
    assert rows(world) == [("queued", 0, 0, None), ("sending", 1, 0, worker)]
    assert world.deliveries()[0].last_error == "The relay rests." and second.row.id not in ids(claim(world, worker))


def test_a_worker_that_leaves_leaves_nothing_behind_and_knows_nothing_of_what_it_still_held(world):
    world.session("Lea", "Tom")
    worker = enter(world)
    lea, _tom = claim(world, worker)
    world.database.run(lambda db: claims.release(db, worker, world.moment, ids=[lea.row.id]))
    assert world.database.run(lambda db: claims.leave(db, worker, world.moment)) == 1
    assert rows(world) == [("queued", 0, 0, None), ("queued", 1, 1, None)]
    assert len(claim(world, enter(world))) == 2


@pytest.mark.parametrize(("ambiguous", "ends"), [(0, "superseded"), (1, "deferred")])
def test_what_was_put_off_gives_way_to_a_newer_one_unless_it_may_have_left(world, ambiguous, ends):
    session = world.session("Lea", "Tom")
    claim(world, enter(world))
    again(world, session, "Lea")  # while the first is in a worker's hands
    change(world, state="deferred", ambiguous=ambiguous, due_at=world.moment + 300 * SECOND)
    newer = world.deliveries()[-1].id
    world.database.run(lambda db: db.execute(update(Delivery).where(Delivery.id == newer).values(state="queued", due_at=world.moment)))
    world.database.run(lambda db: claims.give_way(db, world.moment))
    assert [d.state for d in world.deliveries()] == [ends, "deferred", "queued"]
    assert (newer in ids(claim(world, enter(world)))) is (ends == "superseded")


def test_what_is_of_no_use_any_more_ends_visibly(world):
    world.session("Lea")
    world.moment = world.deliveries()[0].expires_at
    assert claim(world, enter(world)) == []
    assert world.database.run(lambda db: claims.expire(db, world.moment)) == 1
    assert world.deliveries()[0].state == "expired" and world.deliveries()[0].final_at == world.moment


def test_an_invitation_is_of_use_until_the_session_ends_and_a_cancel_for_five_days(world):
    session = world.session("Lea", start=world.moment.replace(tzinfo=None) + timedelta(hours=5))
    world.mails()
    world.cancel(session)
    request, cancel = world.deliveries()
    assert request.expires_at < world.moment + timedelta(hours=6) and cancel.expires_at == world.moment + timedelta(days=5)


def pace(world: World, wanted: int, per_minute: int = 60) -> int:
    return world.database.run(lambda db: claims.pace(db, "relay", world.moment, per_minute, wanted))


def test_the_relays_pace_is_kept_over_a_minute_however_often_one_asks(world):
    given = 0
    for _ in range(60 * 5):
        world.moment += SECOND / 5
        given += pace(world, 10)
    assert 59 <= given <= 62


def test_nothing_is_saved_up_over_night(world):
    pace(world, 1)
    world.moment += timedelta(hours=8)
    assert pace(world, 1000) <= 2
    assert pace(world, 1000) == 0 and world.count(RelayPace) == 1


def test_two_workers_share_one_pace(world):
    assert pace(world, 5, 120) + pace(world, 5, 120) <= 3


def test_why_the_relay_rests_is_told_until_it_works_again(world):
    for problem in ("Nobody listens.", None):
        world.database.run(lambda db, p=problem: claims.note_problem(db, "relay", world.moment, p))
        row = world.look(lambda work: work.db.query(RelayPace).one())
        assert (row.problem, row.problem_at) == (problem, world.moment if problem else None)


def test_each_try_is_the_same_octets_whatever_has_changed_meanwhile(world):
    session = world.session("Lea")
    (first,) = claim(world, world.worker())
    sent = world.outgoing._envelope(first)
    world.moment += claims.LEASE + SECOND
    world.database.run(lambda db: claims.reclaim(db, world.moment))
    world.edit(session, title="Fire drill")
    world.do(lambda work: work.db.add(SigningKey(secret="a newer one", created_at=world.moment)))
    world.do(lambda work: setattr(work.db.get_one(Learner, world.people["Lea"]), "name", "Lea Lerner"))
    (second,) = claim(world, enter(world))
    assert second.row.attempts == 2 and world.outgoing._envelope(second) == sent
