"""A year of series, anything in any order: what mail programs and feeds show, expanded by a program that is not ours, is what the rows say."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from functools import lru_cache
from pathlib import Path

import icalendar
import pytest
import recurring_ical_events
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from feedserver import tokens
from feedserver.errors import FeedserverError
from feedserver.services import page_answers, scheduling, series
from feedserver.services.feed_reading import FeedReader
from feedserver.services.feeding import FeedRequest, answer
from feedserver.store import keys
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.feeds import Feed
from feedserver.store.outbox import FINAL
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import SEATED
from tests.support import databases
from tests.support.world import Mail, World

PEOPLE = ("Lea", "Tom", "Ann")
MEMORY = Path("/dev/shm")
SPAN = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
FIRST = datetime(2027, 2, 16, 10)
people = st.sampled_from(PEOPLE)
answers = st.sampled_from(["ACCEPTED", "DECLINED", "TENTATIVE"])
which = st.integers(0, 12)
written = st.sampled_from(["google", "outlook", "thunderbird"])
KINDS = {
    "rule": {"entry_mode": "rule"},
    "dates": {"entry_mode": "dates"},
    "per date": {"seats_per_date": True},
}
kinds = st.sampled_from(["rule", "rule", "dates", "per date"])
RULES = ("FREQ=WEEKLY;BYDAY=TU;COUNT=8", "FREQ=MONTHLY;BYDAY=3TU;COUNT=7", "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,TH;COUNT=9")
Dates = dict[tuple[int, str], int]
"""(start, original start) as instants, of one entry -> its end."""


@lru_cache(maxsize=4096)
def expanded(text: bytes) -> tuple[tuple[str, int, int, str, str], ...]:
    """(UID, start, end, title, STATUS) of all that a calendar shows."""
    found = []
    for event in recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(*SPAN):
        times = (int(event[name].dt.timestamp()) for name in ("DTSTART", "DTEND"))
        found.append((str(event["UID"]), *times, str(event["SUMMARY"]), str(event.get("STATUS", ""))))
    return tuple(found)


def calendar_of(mail: Mail) -> bytes:
    part = next(p for p in message_from_bytes(mail.raw).walk() if p.get_content_type() == "text/calendar")
    return part.get_payload(decode=True)


@dataclass
class Shown:
    """An entry as a mail program holds it: `single` are the dates that the person answered alone, by their start."""

    mail: Mail
    partstat: str
    single: dict[int, str] = field(default_factory=dict)

    @property
    def stamp(self) -> tuple[int, int]:
        return self.mail.sequence, self.mail.dtstamp

    def dates(self) -> dict[int, tuple[int, str, str]]:
        """start -> (end, title, answer)."""
        found = {}
        for _uid, start, end, title, _status in expanded(calendar_of(self.mail)):
            found[start] = (end, title, self.single.get(start, self.partstat))
        return found


class Program(dict[str, Shown]):
    """One person's mail program: an older message is passed over (RFC 5546 3.2), a CANCEL takes the entry away, a newer REQUEST says it all anew."""

    def take(self, mail: Mail) -> None:
        held = self.get(mail.uid)
        if held is None or held.stamp < (mail.sequence, mail.dtstamp):
            self[mail.uid] = Shown(mail, mail.partstat)

    def live(self) -> dict[str, Shown]:
        return {uid: one for uid, one in self.items() if one.mail.method == "REQUEST"}


class YearOfSeries(RuleBasedStateMachine):
    """Three people, series of every kind, mail that is read at once or a little later."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.exists() else None))  # thousands of commits
        self.world = World(databases.sqlite_copy(self.folder / "model.db"), settle=20)
        self.reader = FeedReader(self.world.database, "https://t.example")
        self.programs = {name: Program() for name in PEOPLE}
        self.tokens = {name: self.feed_of(self.world.person(name)) for name in PEOPLE}
        self.heads: list[int] = []

    def teardown(self) -> None:
        try:
            self.everybody_sees_what_is()
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    # -- what happens ----------------------------------------------------------------------------

    @initialize(kind=kinds, text=st.sampled_from(RULES), capacity=st.sampled_from([None, 1, 2]), data=st.data())
    def begin(self, kind, text, capacity, data):
        """Somebody says No to one date before anything else: what a short run might not come to."""
        invited = data.draw(st.lists(people, unique=True, min_size=1))
        self.make(kind, text, capacity, invited)
        self.mail_is_read()
        self.answer_one_date(who=invited[0], one=0, date=data.draw(which), partstat="DECLINED", how=data.draw(written))

    @precondition(lambda self: len(self.heads) < 3)
    @rule(kind=kinds, text=st.sampled_from(RULES), capacity=st.sampled_from([None, 1, 2]))
    def make_another(self, kind, text, capacity):
        self.make(kind, text, capacity, PEOPLE)

    @rule(head=which, who=people, by_hand=st.booleans())
    def come_in(self, head, who, by_hand):
        self.attempt(lambda: (self.world.enrol if by_hand else self.world.register)(self.pick(head), who))

    @rule(head=which, who=people)
    def take_off(self, head, who):
        if self.is_in(self.pick(head), who):
            self.attempt(lambda: self.world.remove(self.pick(head), who))

    @rule(who=people, one=which, partstat=answers)
    def answer_an_entry(self, who, one, partstat):
        shown = self.shown(who, one)
        if shown is not None:
            self.say(shown, partstat)
            shown.partstat = partstat

    @rule(who=people, one=which, date=which, partstat=answers | st.just("DECLINED"), how=written)
    def answer_one_date(self, who, one, date, partstat, how):
        shown = self.shown(who, one)
        starts = sorted(at for at in shown.dates() if at > self.now) if shown else []
        if not starts or b"RRULE" not in calendar_of(shown.mail).partition(b"BEGIN:VEVENT")[2]:
            return
        at = starts[date % len(starts)]
        self.say(shown, partstat, at, how)
        shown.single[at] = partstat

    @rule(head=which, date=st.none() | which, who=people, pressed=st.sampled_from(page_answers.PRESSES))
    def press(self, head, date, who, pressed):
        chosen = self.pick(head) if date is None else self.date(head, date).id
        if self.is_in(chosen, who):
            learner, mine = self.world.people[who], self.world.enrolment(chosen, who).id
            self.attempt(lambda: self.world.do(lambda work: page_answers.press(work, learner, mine, pressed)))

    @rule(head=which, date=which, hours=st.sampled_from([-1, 3, 26]))
    def move_one_date(self, head, date, hours):
        one = self.date(head, date)
        moved = {"start": one.start + timedelta(hours=hours), "end": one.end + timedelta(hours=hours)}
        self.of_date(head, one, lambda work, h, key: series.edit_date(work, h, key, moved))

    @rule(head=which, date=which, title=st.sampled_from(["One of its own", "Fire safety"]))
    def rename_one_date(self, head, date, title):
        self.of_date(head, self.date(head, date), lambda work, h, key: series.edit_date(work, h, key, {"title": title}))

    @rule(head=which, date=which)
    def cancel_one_date(self, head, date):
        self.of_date(head, self.date(head, date), lambda work, h, key: series.cancel_date(work, h, key))

    @rule(head=which, days=st.sampled_from([1, 2, 40]))
    def add_one_date(self, head, days):
        start = (self.world.moment + timedelta(days=days)).replace(tzinfo=None, hour=15, minute=0, second=0)
        self.attempt(lambda: self.world.do(lambda work: series.add_date(work, self.pick(head), start)))

    @precondition(lambda self: len(self.heads) < 5)
    @rule(head=which, date=which)
    def split(self, head, date):
        self.of_date(head, self.date(head, date), lambda work, h, key: self.heads.append(series.split(work, h, key).id))

    @rule(head=which, title=st.sampled_from(["Fire safety", "Fire drill"]))
    def rename(self, head, title):
        self.edit(head, title=title)

    @rule(head=which, hours=st.sampled_from([-2, 1, 24]))
    def move_all(self, head, hours):
        one = self.row(self.pick(head))
        self.edit(head, start=one.start + timedelta(hours=hours), end=one.end + timedelta(hours=hours))

    @rule(head=which, timezone=st.sampled_from(["Europe/Berlin", "America/New_York"]))
    def change_the_zone(self, head, timezone):
        self.edit(head, timezone=timezone)

    @rule(head=which, more=st.sampled_from([-2, 1, 2]))
    def change_the_rule(self, head, more):
        text = self.row(self.pick(head)).recurrence
        count = re.search(r"COUNT=(\d+)", text)
        if count:
            self.edit(head, recurrence=text.replace(count[0], f"COUNT={max(1, int(count[1]) + more)}"))

    @rule(head=which, capacity=st.sampled_from([None, 1, 2, 3]))
    def resize(self, head, capacity):
        self.edit(head, capacity=capacity)

    @precondition(lambda self: self.world.count(CalendarEntry) > 6)
    @rule(head=which)
    def cancel_all(self, head):
        self.world.do(lambda work: scheduling.cancel_session(work, self.pick(head)))

    @rule(days=st.sampled_from([1, 8, 45]))
    def days_pass(self, days):
        self.settle_everything()  # mail that waits for days expires: another story
        self.world.advance(days * 86400)
        self.settle_everything()

    @rule(seconds=st.sampled_from([1, 7, 25]))
    def seconds_pass(self, seconds):
        self.world.advance(seconds)

    @rule()
    def mail_is_read(self):
        for mail in self.world.mails():
            self.programs[mail.who].take(mail)

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def seats_are_the_people_who_hold_them(self):
        for head in self.heads:
            for one in [self.row(head), *self.dates(head)]:
                seats, rows = self.world.seats(one.id), self.statuses(one.id).values()
                assert seats.taken == sum(status in SEATED for status in rows), (one.id, seats.taken, list(rows))
                assert seats.capacity is None or seats.taken <= seats.capacity

    @rule()
    def everybody_sees_what_is(self):
        self.settle_everything()
        for name in PEOPLE:
            expected, may_be = self.held(name)
            self.feed_agrees(name, expected)
            self.mail_agrees(name, expected, may_be)

    def at_once(self) -> set[int]:
        """Starts that two dates have, moved onto one another: these are not told apart here."""
        every = [int(one.starts_at.timestamp()) for head in self.heads for one in self.dates(head)]
        return {at for at in every if every.count(at) > 1}

    def held(self, name: str) -> tuple[dict[int, tuple[int, str, str]], set[int]]:
        """By the rows: start -> (end, title, status) of each date to come that this person is in, and starts of those they said No to."""
        found, declined, twice = {}, set(), self.at_once()
        for head in self.heads:
            for date in self.dates(head):
                status = self.statuses(date.id).get(name)
                whole = self.statuses(head).get(name)
                if date.status != "scheduled" or date.ends_at <= self.world.moment or status in (None, "Cancelled"):
                    continue
                at = int(date.starts_at.timestamp())
                if at in twice:
                    continue
                if status == "Declined":
                    declined.add(at)
                elif date.own_entry or whole not in ("Declined", "Cancelled"):
                    found[at] = (int(date.ends_at.timestamp()), date.title, status)
        return found, declined

    def feed_agrees(self, name, expected):
        twice = self.at_once()
        reply = answer(FeedRequest("GET", self.tokens[name]), self.world.moment, self.reader)
        shown = {
            start: (end, title, status)
            for _uid, start, end, title, status in expanded(reply.body)
            if end > self.now and status != "CANCELLED" and start not in twice
        }
        assert shown.keys() == expected.keys(), f"{name}'s feed: {self.differ(shown, expected)}"
        for start, (end, title, status) in shown.items():
            assert end == expected[start][0] and expected[start][1] in title, (name, shown[start], expected[start])
            assert (status == "TENTATIVE") == expected[start][2].startswith("Waiting"), (name, shown[start], expected[start])

    def mail_agrees(self, name, expected, may_be):
        seated = {start: one for start, one in expected.items() if not one[2].startswith("Waiting")}
        shown: dict[int, tuple[int, str, str]] = {}
        twice = self.at_once()
        for entry in self.programs[name].live().values():
            for start, one in entry.dates().items():
                if one[0] > self.now and start not in twice and (one[2] != "DECLINED" or start not in shown):
                    shown[start] = one
        there = {start: one for start, one in shown.items() if one[2] != "DECLINED"}
        assert seated.keys() <= there.keys(), (
            f"{name} lacks: {self.differ(there, seated)}; declined: {self.words(shown.keys() - there.keys())}"
        )
        for start, (end, title, partstat) in there.items():
            if start in seated:
                assert (end, title) == (seated[start][0], seated[start][1]), (name, there[start], seated[start])
                assert partstat != "ACCEPTED" or seated[start][2] in SEATED
            else:
                assert start in may_be and partstat != "ACCEPTED", (
                    f"{name} still sees {self.words([start])} {partstat}, {expected.get(start)}"
                )
        held = self.entries(name)
        for uid, entry in self.programs[name].live().items():
            if uid in held and entry.stamp == (held[uid].sequence, held[uid].dtstamp) and not entry.single:
                assert {entry.partstat, held[uid].partstat} != {"ACCEPTED", "DECLINED"}, (name, uid)

    # -- how -------------------------------------------------------------------------------------

    def make(self, kind, text, capacity, invited):
        first = FIRST + timedelta(minutes=7 * len(self.heads))
        values = {
            "title": "Fire safety", "start": first, "end": first + timedelta(hours=1), "timezone": "Europe/Berlin", "recurrence": text,
            "capacity": capacity, "waiting_list": True, "offer_minutes": 60 * 24 * 60, "hold_minutes": 0, **KINDS[kind],
        }  # fmt: skip
        group = self.world.group(*invited, name=f"Group {len(self.heads)}") if invited else None
        self.heads.append(self.world.do(lambda work: series.create(work, self.world.course_id, values, group).id))

    def say(self, shown: Shown, partstat: str, at: int | None = None, how: str = "thunderbird") -> None:
        """The person answers, and is seen to: nothing that they were sent is ever held for a decision."""
        self.world.moment += timedelta(seconds=1)
        key, zone = None, b""
        if at is not None:
            local = datetime.fromtimestamp(at, UTC)
            key = f"{local:%Y%m%dT%H%M%SZ}"
            if how != "google":
                tzid = re.search(rb"DTSTART;TZID=([^:]+):", calendar_of(shown.mail))
                there = local.astimezone(icalendar.Calendar.from_ical(calendar_of(shown.mail)).events[0].start.tzinfo)
                zone = b";TZID=" + (tzid[1] if how == "thunderbird" else self.windows[tzid[1]])
                key = f"{there:%Y%m%dT%H%M%S}"
        raws: list[bytes] = []
        keep, self.world.receive = self.world.receive, lambda raw, *_: raws.append(raw)  # what would arrive
        self.world.answer(shown.mail, partstat, client="google" if how == "google" else "thunderbird", recurrence_id=key)
        self.world.receive = keep
        got = self.world.receive(raws[0].replace(b"RECURRENCE-ID:", b"RECURRENCE-ID" + zone + b":"))
        assert got.outcome in ("applied", "unchanged", "stale"), (got.outcome, got.reason)

    windows = {b"Europe/Berlin": b'"W. Europe Standard Time"', b"America/New_York": b'"Eastern Standard Time"'}

    def settle_everything(self) -> None:
        self.world.advance(25)
        self.mail_is_read()
        assert all(d.state in FINAL for d in self.world.deliveries())

    def attempt(self, verb: Callable) -> None:
        """What is refused, is refused in words."""
        try:
            verb()
        except FeedserverError as error:
            assert error.detail

    def edit(self, head: int, **values) -> None:
        self.attempt(lambda: self.world.edit(self.pick(head), settled=False, **values))

    def of_date(self, head: int, date: LiveSession, verb: Callable) -> None:
        self.attempt(lambda: self.world.do(lambda work: verb(work, self.pick(head), series.key_of(date.recurrence_id))))

    def pick(self, head: int) -> int:
        return self.heads[head % len(self.heads)]

    def date(self, head: int, date: int) -> LiveSession:
        every = self.dates(self.pick(head))
        return every[date % len(every)]

    def row(self, session_id: int) -> LiveSession:
        return self.world.look(lambda work: work.db.get_one(LiveSession, session_id))

    def dates(self, head: int) -> list[LiveSession]:
        return self.world.look(lambda work: series.dates_of(work, work.db.get_one(LiveSession, head)))

    def statuses(self, session_id: int) -> dict[str, str]:
        query = select(Enrolment.learner_id, Enrolment.status).where(Enrolment.live_session_id == session_id)
        names = {number: name for name, number in self.world.people.items()}
        return {names[number]: status for number, status in self.world.look(lambda work: work.db.execute(query).all())}

    def entries(self, name: str) -> dict[str, CalendarEntry]:
        query = select(CalendarEntry).where(CalendarEntry.learner_id == self.world.people[name])
        return {one.uid: one for one in self.world.look(lambda work: list(work.db.scalars(query)))}

    def is_in(self, session_id: int, who: str) -> bool:
        return who in self.statuses(session_id)

    def shown(self, who: str, one: int) -> Shown | None:
        live = list(self.programs[who].live().values())
        return live[one % len(live)] if live else None

    def feed_of(self, learner_id: int) -> str:
        def token(work):
            feed = work.db.scalars(select(Feed).where(Feed.learner_id == learner_id)).first()
            return tokens.sign(tokens.FEED, feed.public_id, keys.current(work.db, work.now).secret)

        return self.world.do(token)

    @property
    def now(self) -> int:
        return int(self.world.moment.timestamp())

    def differ(self, shown, expected) -> str:
        return f"too much {self.words(shown.keys() - expected.keys())}, missing {self.words(expected.keys() - shown.keys())}"

    def words(self, starts) -> list[str]:
        return [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}Z" for at in sorted(starts)]


def profile(examples: int, steps: int) -> settings:
    """No shrinking: it takes minutes here, and what a run has done can be read."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=quiet
    )


# The same years each time, so that a new one is found by the long run, and not by whoever changes something else.
YearOfSeries.TestCase.settings = settings(profile(8, 12), derandomize=True)
TestYearOfSeries = YearOfSeries.TestCase


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_long_year_of_series():
    run_state_machine_as_test(YearOfSeries, settings=profile(250, 40))
