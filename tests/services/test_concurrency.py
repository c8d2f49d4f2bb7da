"""Many at once: threads on both databases, each with a transaction of its own."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select, update

from feedserver.errors import Changed, Conflict
from feedserver.services import answering, enrolling, offering, scheduling
from feedserver.store import claims
from feedserver.store.enrolments import Enrolment
from feedserver.store.history import HistoryEntry
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import Answer


def at_once(*verbs):
    """Run them in a thread each, begun together; what each returned or raised."""
    gate = threading.Barrier(len(verbs))

    def run(verb):
        gate.wait()
        try:
            return verb()
        except (Conflict, Changed) as error:
            return error

    with ThreadPoolExecutor(len(verbs)) as pool:
        return [future.result() for future in [pool.submit(run, verb) for verb in verbs]]


def statuses(world, session) -> Counter:
    query = select(Enrolment.status).where(Enrolment.live_session_id == session)
    return Counter(world.look(lambda work: list(work.db.scalars(query))))


def test_thirty_register_at_once_for_seven_places(world):
    session = world.session(capacity=7, waiting_list=True)
    people = [world.person(f"P{n}") for n in range(30)]
    at_once(*(lambda p=p: world.do(lambda work: enrolling.register(work, session, p).id) for p in people))
    assert statuses(world, session) == {"Registered": 7, "Waiting List": 23}
    assert world.seats(session).taken == 7 == world.count(Delivery, Delivery.method == "REQUEST")
    came = select(HistoryEntry.learner_id).where(HistoryEntry.verb == "registered").order_by(HistoryEntry.id)
    order = world.look(lambda work: list(work.db.scalars(came)))
    names = {number: name for name, number in world.people.items()}
    assert world.line(session) == [names[n] for n in order[7:]]


def test_fifteen_leave_and_fifteen_say_yes_and_no_seat_is_lost_or_made(world):
    session = world.session(*(f"P{n}" for n in range(30)), capacity=15)
    held = [world.enrolment(session, f"P{n}").id for n in range(15)]
    leaving = [lambda e=e: world.do(lambda work: enrolling.remove(work, e)) for e in held[:8]]
    declining = [lambda e=e: world.do(lambda work: answering.answer_on_page(work, e, Answer.NO)) for e in held[8:]]
    at_once(*leaving, *declining)
    assert statuses(world, session) == {"Cancelled": 8, "Declined": 7, "Invited": 15} and world.seats(session).taken == 15


def test_the_last_place_goes_to_one_of_two_who_say_yes(world):
    session = world.session("Lea", "Tom", capacity=2)
    enrolments = [world.enrolment(session, n).id for n in ("Lea", "Tom")]
    for e in enrolments:
        world.do(lambda work, e=e: answering.answer_on_page(work, e, Answer.NO))
    world.edit(session, capacity=1)
    at_once(*(lambda e=e: world.do(lambda work: answering.answer_on_page(work, e, Answer.YES)) for e in enrolments))
    assert statuses(world, session) == {"Registered": 1, "Waiting List": 1} and world.seats(session).taken == 1


def test_the_same_person_registers_twice_at_once_and_is_in_once(world):
    session = world.session()
    lea = world.person("Lea")
    got = at_once(*[lambda: world.do(lambda work: enrolling.register(work, session, lea).id)] * 5)
    assert sum(isinstance(one, Conflict) for one in got) == 4 and len(world.mails()) == 1


def test_of_two_editors_who_saw_the_same_one_is_told(world):
    session = world.session()
    edits = [{"title": "One"}, {"title": "Two"}]
    got = at_once(*(lambda e=e: world.do(lambda work: scheduling.edit_session(work, session, e, 1).title) for e in edits))
    assert sum(isinstance(one, Changed) for one in got) == 1
    assert world.look(lambda work: work.db.get_one(LiveSession, session)).version == 2


def test_two_workers_publish_one_edit_once(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, settled=False, title="Fire drill")
    world.moment = world.look(lambda work: work.db.get_one(LiveSession, session)).settle_at
    got = at_once(*[lambda: world.do(lambda work: scheduling.publish_due(work, session))] * 4)
    assert sorted(got) == [0, 0, 0, 1] and len(world.mails()) == 1


def test_four_workers_never_hold_the_same_delivery(world):
    world.session(*(f"P{n}" for n in range(40)))
    workers = [world.database.run(lambda db: claims.enter(db, "w", world.moment)) for _ in range(4)]

    def take(worker):
        mine = []
        while got := world.database.run(lambda db: claims.claim(db, worker, world.moment, 3)):
            mine += [one.row.id for one in got]
        return mine

    taken = at_once(*(lambda w=w: take(w) for w in workers))
    assert (
        sorted(one for mine in taken for one in mine) == sorted(d.id for d in world.deliveries())
        and world.count(Delivery, Delivery.fence != 1) == 0
    )


def test_a_cancellation_and_a_worker_that_claims_leave_no_invitation_after_its_cancel(world):
    for round_ in range(6):
        session = world.session(f"P{round_}")
        worker = world.database.run(lambda db: claims.enter(db, "w", world.moment))
        at_once(
            lambda s=session: world.cancel(s),
            lambda w=worker: world.database.run(lambda db: claims.claim(db, w, world.moment, 100)),
        )
        kinds = [(d.kind, d.state) for d in world.deliveries(Delivery.live_session_id == session)]
        assert kinds in ([("invite", "superseded")], [("invite", "sending"), ("cancel", "queued")])
        world.database.run(lambda db: db.execute(update(Delivery).values(state="sent")))


def test_answers_lapses_and_offers_at_the_same_moment_lose_no_seat_and_skip_nobody(world):
    session = world.session(capacity=6, waiting_list=True)
    for n in range(24):
        world.register(session, f"P{n}")
    for n in range(6):
        world.remove(session, f"P{n}")
    offered = [world.enrolment(session, f"P{n}").id for n in range(6, 12)]
    world.moment += timedelta(days=1, seconds=1)
    answers = [(Answer.YES, Answer.NO)[n % 2] for n in range(6)]
    pressing = [lambda e=e, a=a: world.do(lambda work: answering.answer_on_page(work, e, a)) for e, a in zip(offered, answers, strict=True)]
    lapsing = [lambda: world.do(lambda work: offering.lapse_due(work, session)) for _ in range(3)]
    late = world.enrolment(session, "P20").id
    picking = [lambda: world.do(lambda work: offering.offer(work, late, over_capacity=True))]
    at_once(*lapsing, *pressing, *picking)
    counts, seats = statuses(world, session), world.seats(session)
    assert seats.taken == counts.get("Invited", 0) + counts.get("Registered", 0) == 6 + seats.over_capacity
    line = [int(name[1:]) for name in world.line(session)]
    never_asked = [n for n in line if world.enrolment(session, f"P{n}").offer_until is None]
    assert never_asked == sorted(never_asked) and never_asked == [n for n in range(min(never_asked), 24) if n != 20]
