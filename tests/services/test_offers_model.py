"""Offers, lapses, kept seats and answers on the page, in any order, beside all that the model of the round trip does: calendars and seats agree."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from feedserver.services import offering, page_answers
from feedserver.store.enrolments import Enrolment
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import SEATED
from tests.services.test_model import MEMORY, PEOPLE, Calendar, RoundTrip, people
from tests.support import databases
from tests.support.world import World

HOURS = 3600


class Offers(RoundTrip):
    """One session with a seat or two, offers that last an hour, declined seats that are kept for half an hour."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.exists() else None))
        self.world = World(databases.sqlite_copy(self.folder / "model.db"), settle=20)
        self.calendars = {name: Calendar() for name in PEOPLE}
        self.read = []
        for name in PEOPLE:
            self.world.person(name)
        self.session = self.world.session(*PEOPLE, capacity=2, waiting_list=True, offer_minutes=60, hold_minutes=30)

    @rule(hours=st.sampled_from([0.25, 0.6, 1.1, 30]))
    def hours_pass(self, hours):
        self.world.advance(hours * HOURS)
        if hours > 1:  # mail that waits for days expires: another story
            self.open(self.world.mails())

    @rule(who=people, pressed=st.sampled_from(page_answers.PRESSES))
    def press(self, who, pressed):
        if who in self.now_statuses():
            enrolment, learner = self.world.enrolment(self.session, who), self.world.people[who]
            self.attempt(lambda: self.world.do(lambda work: page_answers.press(work, learner, enrolment.id, pressed)))

    @rule(who=people, over=st.booleans())
    def pick(self, who, over):
        if who in self.now_statuses():
            enrolment_id = self.world.enrolment(self.session, who).id
            self.attempt(lambda: self.world.do(lambda work: offering.offer(work, enrolment_id, over_capacity=over)))

    @invariant()
    def seats_are_the_people_who_hold_them(self):
        seats, rows = self.world.seats(self.session), self.rows()
        assert seats.taken == sum(row.status in SEATED or row.hold_until is not None for row in rows)
        assert seats.taken <= seats.capacity + seats.over_capacity
        assert all(row.status == "Declined" for row in rows if row.hold_until is not None)

    @invariant()
    def nobody_waits_while_there_is_a_seat(self):
        seats, session = self.world.seats(self.session), self.world.look(lambda work: work.db.get_one(LiveSession, self.session))
        asked = [row.offer_until for row in self.rows() if row.status == "Waiting List"]
        if session.status == "scheduled" and session.starts_at > self.world.moment and seats.taken < seats.capacity + seats.over_capacity:
            assert all(asked), "somebody was never offered the seat that is free"

    @invariant()
    def no_offer_outlasts_the_start(self):
        session = self.world.look(lambda work: work.db.get_one(LiveSession, self.session))
        assert all(row.offer_until <= session.starts_at for row in self.rows() if row.status == "Invited" and row.offer_until)

    def rows(self) -> list[Enrolment]:
        query = select(Enrolment).where(Enrolment.live_session_id == self.session)
        return self.world.look(lambda work: list(work.db.scalars(query)))


Offers.TestCase.settings = settings(
    max_examples=15, derandomize=True, stateful_step_count=25, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
TestOffers = pytest.mark.timeout(300)(Offers.TestCase)
