"""Anything, in any order: a model calendar applies our mail by RFC 5546, people answer late, twice and to old mail, and all must agree.

The model knows nothing of the product's tables. It keeps, for each person, the entries that a mail program would show.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from feedserver.errors import FeedserverError
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.history import HistoryEntry
from feedserver.store.outbox import FINAL, Delivery
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import SEATED, TABLE, EnrolmentStatus
from tests.support import databases
from tests.support.world import START, Mail, World

PEOPLE = ("Lea", "Tom", "Ann", "Bob")
STATUSES = ("Invited", "Registered", "Declined", "Attended")
MEMORY = Path("/dev/shm")
people = st.sampled_from(PEOPLE)
answers = st.sampled_from(["ACCEPTED", "DECLINED", "TENTATIVE"])


@dataclass
class Shown:
    """An entry as a mail program holds it."""

    sequence: int
    dtstamp: int
    partstat: str
    start: object
    cancelled: bool = False


class Calendar:
    """Applies messages as RFC 5546 3.2 says: an older SEQUENCE, or the same with an older DTSTAMP, is passed over."""

    def __init__(self) -> None:
        self.entries: dict[str, Shown] = {}
        self.stamps: dict[str, list[tuple[int, int]]] = {}

    def take(self, mail: Mail) -> None:
        """A message arrives."""
        self.stamps.setdefault(mail.uid, []).append((mail.sequence, mail.dtstamp))
        held = self.entries.get(mail.uid)
        if held and (held.sequence, held.dtstamp) >= (mail.sequence, mail.dtstamp):
            return
        self.entries[mail.uid] = Shown(mail.sequence, mail.dtstamp, mail.partstat, mail.start, mail.method == "CANCEL")

    def live(self) -> dict[str, Shown]:
        """What the person sees."""
        return {uid: one for uid, one in self.entries.items() if not one.cancelled}


class RoundTrip(RuleBasedStateMachine):
    """One session with a capacity of two, four people, mail that leaves late."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.exists() else None))  # thousands of commits
        self.world = World(databases.sqlite_copy(self.folder / "model.db"), settle=20)
        self.calendars = {name: Calendar() for name in PEOPLE}
        self.read: list[Mail] = []
        for name in PEOPLE:
            self.world.person(name)
        self.session = self.world.session(*PEOPLE, capacity=2, waiting_list=True)

    def teardown(self) -> None:
        try:
            self.settle_everything()
            self.calendars_agree()
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    # -- what happens ----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 7, 25]))
    def time_passes(self, seconds):
        self.world.advance(seconds)

    @rule(days=st.integers(0, 3))
    def move(self, days):
        self.attempt(lambda: self.world.edit(self.session, settled=False, start=START + timedelta(days=days)))

    @rule(title=st.sampled_from(["Fire safety", "Fire drill"]))
    def rename(self, title):
        self.attempt(lambda: self.world.edit(self.session, settled=False, title=title))

    @rule(on=st.booleans())
    def toggle(self, on):
        self.attempt(lambda: self.world.edit(self.session, settled=False, calendar_enabled=on))

    @rule(capacity=st.integers(1, 4))
    def resize(self, capacity):
        self.attempt(lambda: self.world.edit(self.session, settled=False, capacity=capacity))

    @rule(who=people, status=st.sampled_from(STATUSES))
    def enrol(self, who, status):
        self.attempt(lambda: self.world.enrol(self.session, who, status))

    @rule(who=people)
    def register(self, who):
        self.attempt(lambda: self.world.register(self.session, who))

    @rule(who=people, status=st.sampled_from((*STATUSES, "Cancelled")))
    def set_status(self, who, status):
        if who in self.now_statuses():
            self.attempt(lambda: self.world.set_status(self.session, who, status))

    @rule(who=people)
    def take_off(self, who):
        if who in self.now_statuses():
            self.world.remove(self.session, who)

    @precondition(lambda self: len(self.read) > 6)
    @rule()
    def cancel(self):
        self.world.cancel(self.session)

    @rule()
    def mail_arrives(self):
        self.open(self.world.mails())

    @precondition(lambda self: self.read)
    @rule(data=st.data(), partstat=answers, twice=st.booleans())
    def somebody_answers_a_mail_that_may_be_old(self, data, partstat, twice):
        self.answer(data.draw(st.sampled_from(self.read[-8:])), partstat, 1 + twice)

    @rule(who=people, mind=st.sampled_from([("ACCEPTED",), ("DECLINED",), ("DECLINED", "ACCEPTED")]))
    def answer_the_newest_and_perhaps_otherwise_after_all(self, who, mind):
        self.mail_arrives()
        newest = next((mail for mail in reversed(self.read) if mail.who == who), None)
        for partstat in mind if newest else ():
            self.answer(newest, partstat)

    def answer(self, mail: Mail, partstat: str, times: int = 1) -> None:
        self.world.moment += timedelta(seconds=1)
        for _ in range(times):
            got = self.world.answer(mail, partstat)
            assert got.outcome in ("applied", "unchanged", "stale"), (got.outcome, got.reason)
        held = self.calendars[mail.who].entries[mail.uid]
        if held.sequence == mail.sequence and not held.cancelled:
            held.partstat = partstat

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def seats_are_the_people_who_hold_them(self):
        seats = self.world.seats(self.session)
        assert seats.taken == sum(status in SEATED for status in self.now_statuses().values())
        assert seats.taken <= seats.capacity

    @invariant()
    def nobody_waits_while_there_is_a_seat(self):
        seats = self.world.seats(self.session)
        scheduled = self.world.look(lambda work: work.db.get_one(LiveSession, self.session)).status == "scheduled"
        assert not (scheduled and self.world.line(self.session) and seats.taken < seats.capacity)

    @invariant()
    def every_change_of_status_is_one_row_of_the_history(self):
        told = select(HistoryEntry.detail).where(HistoryEntry.live_session_id == self.session, HistoryEntry.verb != "enrolled")
        rows = [d for d in self.world.look(lambda work: list(work.db.scalars(told))) if d and "to" in d]
        versions = select(Enrolment.version).where(Enrolment.live_session_id == self.session)
        assert len(rows) == sum(version - 1 for version in self.world.look(lambda work: list(work.db.scalars(versions))))
        assert all(row["from"] != row["to"] for row in rows)

    @invariant()
    def each_entry_has_one_message_at_most_that_certainly_did_not_leave(self):
        waiting = [
            d.entry_id
            for d in self.world.deliveries(
                Delivery.state.in_(("queued", "deferred")), Delivery.ambiguous == 0, Delivery.method.is_not(None)
            )
        ]
        assert max(Counter(waiting).values(), default=0) <= 1

    def calendars_agree(self):
        for calendar in self.calendars.values():
            for stamps in calendar.stamps.values():
                assert [s for s, _ in stamps] == sorted(s for s, _ in stamps), stamps
                assert all(a < b for (_, a), (_, b) in pairwise(stamps)), stamps
        statuses = self.now_statuses()
        for name, status in statuses.items():
            self.agrees(name, EnrolmentStatus(status))

    def agrees(self, name, status):
        entries = self.world.look(
            lambda work: list(work.db.scalars(select(CalendarEntry).where(CalendarEntry.learner_id == self.world.people[name])))
        )
        ours = {e.uid: e for e in entries if e.mailed and e.ended_at is None}
        seen = self.calendars[name].live()
        agreed = {uid: one for uid, one in seen.items() if one.partstat in ("ACCEPTED", "TENTATIVE", "NEEDS-ACTION")}
        assert set(agreed) <= set(ours), f"{name} ({status}) still sees {set(agreed) - set(ours)}"
        assert set(ours) <= set(seen), f"{name} ({status}) lacks {set(ours) - set(seen)}"
        session = self.world.look(lambda work: work.db.get_one(LiveSession, self.session))
        for uid, one in agreed.items():
            assert TABLE[status].entry
            if one.partstat == "ACCEPTED":
                assert status in SEATED, f"{name} shows Accepted and is {status}"
            if session.calendar_enabled:
                assert one.start.replace(tzinfo=None) == session.start, f"{name} ({status}) sees {one.start}, it is at {session.start}"
            assert one.sequence == ours[uid].sequence

    # -- how -------------------------------------------------------------------------------------

    def settle_everything(self) -> None:
        self.world.advance(25)
        self.open(self.world.mails())
        assert all(d.state in FINAL for d in self.world.deliveries())

    def open(self, mails: list[Mail]) -> None:
        for mail in mails:
            self.calendars[mail.who].take(mail)
            self.read += [mail] if mail.method == "REQUEST" else []

    def attempt(self, verb) -> None:
        """What is refused, is refused in words."""
        try:
            verb()
        except FeedserverError as error:
            assert error.detail

    def now_statuses(self) -> dict[str, str]:
        rows = self.world.look(
            lambda work: work.db.execute(
                select(Enrolment.learner_id, Enrolment.status).where(Enrolment.live_session_id == self.session)
            ).all()
        )
        names = {number: name for name, number in self.world.people.items()}
        return {names[number]: status for number, status in rows}


def profile(examples: int) -> settings:
    """No shrinking: it takes minutes here, the test's time would be over before anything is said, and twenty-five steps can be read."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples, stateful_step_count=25, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=quiet
    )


# The same walks each time, so that a new one is found by the long run, and not by whoever changes something else.
RoundTrip.TestCase.settings = settings(profile(30), derandomize=True)
TestRoundTrip = pytest.mark.timeout(300)(RoundTrip.TestCase)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_long_walk():
    run_state_machine_as_test(RoundTrip, settings=profile(300))
