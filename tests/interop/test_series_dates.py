"""Forty series as our own rows, the mails that went out and the feed have them: programs that none of us wrote read every instant alike.

Each series stands in a calendar of its own title, once as an entry a date and once as one entry with a rule, and some of its dates are
cancelled or moved afterwards. What is read are the octets sent (of each UID what came last) and served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import icalendar
import pytest
from sqlalchemy import select

from feedserver import tokens
from feedserver.services import series
from feedserver.services.feed_reading import FeedReader
from feedserver.services.feeding import FeedRequest, answer
from feedserver.store import keys
from feedserver.store.feeds import Feed
from feedserver.store.sessions import LiveSession
from tests.support import databases, expanders
from tests.support.world import World

FIRST, LAST = 0, -1


@dataclass(frozen=True)
class Case:
    """`move` holds which date goes to which local start; `cancel` which dates are cancelled; `modes` how it can stand in calendars."""

    zone: str
    start: str
    rule: str
    minutes: int = 60
    cancel: tuple[int, ...] = ()
    move: dict[int, str] = field(default_factory=dict)
    modes: tuple[str, ...] = ("dates", "rule")


ONLY_DATES = ("dates",)
CASES = {
    "across spring, Berlin": Case("Europe/Berlin", "2027-03-16T10:00", "FREQ=WEEKLY;COUNT=5"),
    "across autumn, Berlin": Case("Europe/Berlin", "2027-10-19T10:00", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=8"),
    "across spring, New York": Case("America/New_York", "2027-03-12T09:00", "FREQ=DAILY;COUNT=4"),
    "across autumn, New York": Case("America/New_York", "2027-11-05T18:30", "FREQ=DAILY;COUNT=4", 90),
    "across autumn, Sydney": Case("Australia/Sydney", "2027-04-02T08:00", "FREQ=DAILY;COUNT=4"),
    "across spring, Sydney": Case("Australia/Sydney", "2027-10-01T08:00", "FREQ=DAILY;COUNT=4"),
    "across both, Santiago": Case("America/Santiago", "2027-03-20T10:00", "FREQ=MONTHLY;BYDAY=3SA;COUNT=7"),
    "Auckland, late in the evening": Case("Pacific/Auckland", "2027-04-02T23:30", "FREQ=DAILY;COUNT=4", 45),
    "half an hour of summer, Lord Howe": Case("Australia/Lord_Howe", "2027-04-02T09:15", "FREQ=DAILY;COUNT=4"),
    "quarter of an hour, Chatham": Case("Pacific/Chatham", "2027-04-02T09:15", "FREQ=DAILY;COUNT=4"),
    "Kathmandu": Case("Asia/Kathmandu", "2027-01-04T10:45", "FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=5"),
    "Kiritimati, a day ahead": Case("Pacific/Kiritimati", "2026-12-31T00:15", "FREQ=DAILY;COUNT=3"),
    "Niue, a day behind": Case("Pacific/Niue", "2026-12-30T23:45", "FREQ=DAILY;COUNT=3"),
    "upside-down summer, Dublin": Case("Europe/Dublin", "2027-03-26T10:00", "FREQ=DAILY;COUNT=4"),
    "a shifted rule, Cairo": Case("Africa/Cairo", "2027-04-28T12:00", "FREQ=DAILY;COUNT=5"),
    "no rule of its own, Casablanca": Case("Africa/Casablanca", "2027-02-02T12:00", "FREQ=WEEKLY;COUNT=7"),
    "UTC itself": Case("UTC", "2027-03-27T12:00", "FREQ=DAILY;COUNT=3"),
    "UNTIL in UTC, after the last": Case("America/Los_Angeles", "2027-02-02T20:00", "FREQ=WEEKLY;UNTIL=20270224T040000Z"),
    "UNTIL in UTC, a second too soon": Case("America/Los_Angeles", "2027-02-02T20:00", "FREQ=WEEKLY;UNTIL=20270224T035959Z"),
    "UNTIL a date, Tokyo": Case("Asia/Tokyo", "2027-02-02T08:00", "FREQ=WEEKLY;UNTIL=20270223"),
    "UNTIL beyond a change": Case("Europe/Berlin", "2027-03-27T23:30", "FREQ=DAILY;UNTIL=20270330T213000Z"),
    "day 31": Case("Europe/Berlin", "2027-01-31T10:00", "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=5"),
    "last day of the month": Case("Europe/Berlin", "2027-11-30T10:00", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=6"),
    "leap day": Case("Europe/Berlin", "2028-02-29T10:00", "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=29;UNTIL=20360301T000000Z"),
    "day 29 through a leap year": Case("America/Sao_Paulo", "2027-11-29T10:00", "FREQ=MONTHLY;BYMONTHDAY=29;COUNT=5"),
    "last Friday": Case("Europe/London", "2027-02-26T16:00", "FREQ=MONTHLY;BYDAY=-1FR;COUNT=4"),
    "last but one Sunday": Case("Europe/London", "2027-02-21T16:00", "FREQ=MONTHLY;BYDAY=-2SU;COUNT=4"),
    "fifth Monday": Case("Europe/Paris", "2027-03-29T09:00", "FREQ=MONTHLY;BYDAY=5MO;COUNT=4"),
    "second and fourth Tuesday": Case("Europe/Paris", "2027-01-12T09:00", "FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=4", modes=ONLY_DATES),
    "last workday": Case("Europe/Paris", "2027-01-29T09:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=5"),
    "first workday and last": Case(
        "Europe/Paris", "2027-01-01T09:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1;COUNT=4", modes=ONLY_DATES
    ),
    "second weekend day": Case("America/Chicago", "2027-01-03T09:00", "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=2;COUNT=5"),
    "Sunday the 13th": Case("America/Chicago", "2026-12-13T09:00", "FREQ=MONTHLY;BYDAY=SU;BYMONTHDAY=13;COUNT=2", cancel=(FIRST,)),
    "every third day": Case("Asia/Kolkata", "2026-12-30T09:30", "FREQ=DAILY;INTERVAL=3;COUNT=6", cancel=(FIRST, LAST)),
    "fortnightly, weeks from Monday": Case("Europe/Berlin", "2027-03-02T10:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;COUNT=5"),
    "fortnightly, weeks from Sunday": Case("Europe/Berlin", "2027-03-02T10:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU;COUNT=5"),
    "every second month": Case("Asia/Tokyo", "2027-01-15T10:00", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15;COUNT=5", move={4: "2027-09-16T10:00"}),
    "some months": Case("Europe/Berlin", "2027-03-01T10:00", "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=1;COUNT=4"),
    "first and last cancelled, one over midnight": Case(
        "Europe/Berlin", "2027-03-22T22:00", "FREQ=DAILY;COUNT=7", 45, cancel=(FIRST, LAST), move={3: "2027-03-26T00:10", 4: "2027-03-25T23:50"}
    ),
    "over midnight into summer": Case("Europe/Berlin", "2027-03-25T23:00", "FREQ=DAILY;COUNT=5", 240, cancel=(1,)),
    "over midnight into winter": Case("America/New_York", "2027-11-04T22:00", "FREQ=DAILY;COUNT=5", 300, cancel=(LAST,)),
    "a time that is left out once": Case("Europe/Berlin", "2027-03-26T02:30", "FREQ=DAILY;COUNT=4", modes=ONLY_DATES),
    "a time that comes twice": Case("Europe/Berlin", "2027-10-29T02:30", "FREQ=DAILY;COUNT=4"),
    "an end that comes twice": Case("Europe/Berlin", "2027-10-29T01:30", "FREQ=DAILY;COUNT=4", 90),
    "first date moved to another zone's day": Case("Pacific/Auckland", "2027-04-01T09:00", "FREQ=DAILY;COUNT=4", move={0: "2027-04-05T01:45"}),
}  # fmt: skip


class Calendars:
    """Everything of Anna's: what our rows say, what her mails say, what her feed says, by title."""

    def __init__(self, world: World) -> None:
        self.heads = {f"{name} ({mode})": self._make(world, f"{name} ({mode})", mode, case)
                      for name, case in CASES.items() for mode in case.modes}  # fmt: skip
        world.advance(21)
        last: dict[str, tuple[str, bytes]] = {}
        for mail in world.mails():
            part = next(p for p in message_from_bytes(mail.raw).walk() if p.get_content_type() == "text/calendar")
            last[mail.uid] = mail.method, part.get_payload(decode=True)
        self.mailed = [text for method, text in last.values() if method == "REQUEST"]
        self.feed = self._fetch(world)
        self.rows = {title: self._rows(world, head) for title, head in self.heads.items()}

    def _make(self, world: World, title: str, mode: str, case: Case) -> int:
        start, length = datetime.fromisoformat(case.start), timedelta(minutes=case.minutes)
        values = {"title": title, "start": start, "end": start + length, "timezone": case.zone, "recurrence": case.rule, "entry_mode": mode}
        group = world.group("Anna", name=title)
        head = world.do(lambda work: series.create(work, world.course_id, values, group).id)
        keys_ = world.look(lambda work: [series.key_of(d.recurrence_id) for d in series.dates_of(work, work.db.get_one(LiveSession, head))])
        for index, to in case.move.items():
            new = {"start": datetime.fromisoformat(to), "end": datetime.fromisoformat(to) + length}
            world.do(lambda work, key=keys_[index], new=new: series.edit_date(work, head, key, new))
        for index in case.cancel:
            world.do(lambda work, key=keys_[index]: series.cancel_date(work, head, key, ""))
        return head

    def _rows(self, world: World, head: int) -> set[tuple[int, int]]:
        dates = world.look(lambda work: series.dates_of(work, work.db.get_one(LiveSession, head)))
        return {(int(one.starts_at.timestamp()), int(one.ends_at.timestamp())) for one in dates if one.status == "scheduled"}

    def _fetch(self, world: World) -> bytes:
        feed, secret = world.look(lambda work: (work.db.scalars(select(Feed)).one(), keys.current(work.db, work.now).secret))
        request = FeedRequest("GET", tokens.sign(tokens.FEED, feed.public_id, secret))
        return answer(request, world.moment, FeedReader(world.database, "https://t.example")).body

    def disagreements(self, texts: list[bytes], expand: Callable[..., expanders.Times], until: datetime | None = None) -> list[str]:
        """Titles where the dates read from `texts` are not those of our rows; `until` is the end of the period in which both are compared."""
        titles = {str(one["UID"]): str(one["SUMMARY"]) for text in texts for one in _standing(text)}
        read: dict[str, set[tuple[int, int]]] = {title: set() for title in self.heads}
        for uid, start, end in expand(texts):
            if uid in titles:
                read[titles[uid]].add((start, end))
        bound = until.timestamp() if until else float("inf")
        return [
            f"{title}: ours alone {sorted(ours - theirs)}, theirs alone {sorted(theirs - ours)}"
            for title in self.heads
            for ours, theirs in [({t for t in self.rows[title] if t[0] < bound}, {t for t in read[title] if t[0] < bound})]
            if ours != theirs
        ]


def _standing(text: bytes) -> list[icalendar.Event]:
    """A cancelled entry stays in the feed for a week, struck out."""
    return [one for one in icalendar.Calendar.from_ical(text).walk("VEVENT") if one.get("STATUS") != "CANCELLED"]


@pytest.fixture(scope="module")
def calendars(tmp_path_factory) -> Iterator[Calendars]:
    """Made once for all judges."""
    world = World(databases.sqlite_copy(tmp_path_factory.mktemp("series") / "feedserver.db"))
    yield Calendars(world)
    world.close()


SHOWN_UNTIL = datetime(2028, 5, 1, tzinfo=UTC)
"""The feed goes eighteen months ahead."""


def differing(calendars: Calendars, expand: Callable[..., expanders.Times]) -> list[str]:
    """What another program reads otherwise than we do, in mails and in the feed."""
    return calendars.disagreements(calendars.mailed, expand) + calendars.disagreements([calendars.feed], expand, SHOWN_UNTIL)


def test_forty_series_are_here_in_both_kinds_of_entry(calendars):
    assert len([case for case in CASES.values() if len(case.modes) == 2]) >= 40
    assert all(calendars.rows.values())
    assert sum(b"\nRRULE:" in text.partition(b"BEGIN:VEVENT")[2] for text in calendars.mailed) >= 40


def test_recurring_ical_events_reads_every_instant_as_we_do(calendars):
    assert differing(calendars, expanders.by_recurring_ical_events) == []


@pytest.mark.skipif(expanders.libical() is None, reason="libical 3 is not on this machine (Debian: libical3)")
def test_libical_reads_every_instant_as_we_do(calendars):
    assert differing(calendars, expanders.by_libical) == []


def test_ical_js_reads_every_instant_as_we_do(calendars, page):
    assert differing(calendars, expanders.by_ical_js(page)) == []
