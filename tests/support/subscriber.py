"""Lea, her training, and a calendar program that subscribes to her feed: what the feed tests tell their stories with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import icalendar

from feedserver import tokens
from feedserver.services import enrolling, grouping, learning, scheduling
from feedserver.services.feed_reading import FeedReader
from feedserver.services.feeding import FeedRequest, Reply, answer
from feedserver.services.house import House
from feedserver.store import keys
from feedserver.store.database import Database
from feedserver.store.feeds import Feed
from feedserver.store.organisations import Organisation

START = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)


class Subscriber:
    """`moment` is the clock of everything; sessions are at ten in Berlin, so many days from the start of the story."""

    def __init__(self, url: str, **learner) -> None:
        self.moment = START
        self.database = Database(url)
        with self.database.write() as db:
            acme = {"name": "Acme", "mailbox_name": "Training", "mailbox_address": "t@localhost", "mailbox_key": "t@localhost"}
            db.add(Organisation(**acme, timezone="Europe/Berlin", created_at=self.moment))
        self.house = House(self.database, "https://t.example", timedelta(0), lambda: self.moment)
        self.reader = FeedReader(self.database, "https://t.example")
        lea = {"email": "lea@corp.example", "name": "Lea"} | learner
        self.learner_id = self.do(lambda work: learning.create_learner(work, lea).id)
        self.course_id = self.do(lambda work: grouping.create_course(work, {"name": "Safety"}).id)
        self.feed_id, self.token = self.do(self._first_feed)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def do(self, verb):
        """Whatever the administrator does."""
        return self.house.run(1, "admin:test", verb)

    def _first_feed(self, work) -> tuple[int, str]:
        feed = work.db.query(Feed).filter_by(learner_id=self.learner_id).first()
        return feed.id, tokens.sign(tokens.FEED, feed.public_id, keys.current(work.db, work.now).secret)

    def later(self, **time) -> None:
        """Time passes."""
        self.moment += timedelta(**time)

    def session(self, title: str = "Fire safety", *, days: float = 5, status: str | None = "Invited", **values) -> SimpleNamespace:
        """A session that Lea is in with this status (None: not yet)."""
        start = (START + timedelta(days=days)).replace(tzinfo=None, hour=10, minute=0, second=0)
        values = {"title": title, "start": start, "end": start + timedelta(hours=1), "timezone": "Europe/Berlin"} | values

        def make(work):
            session = scheduling.create_session(work, self.course_id, values)
            enrolment = enrolling.enrol(work, session.id, self.learner_id, status).id if status else None
            return SimpleNamespace(id=session.id, enrolment_id=enrolment)

        return self.do(make)

    def change_feed(self, **values) -> None:
        """Her feed is set otherwise."""

        def change(work):
            feed = work.db.get_one(Feed, self.feed_id)
            for name, value in values.items():
                setattr(feed, name, value)
            feed.version += 1
            feed.changed_at = work.now

        self.do(change)

    def get(self, token: str | None = None, method: str = "GET", **request) -> Reply:
        """What the program is answered."""
        return answer(FeedRequest(method, self.token if token is None else token, **request), self.moment, self.reader)

    def header(self, name: str, **request) -> str | None:
        """One header of the answer."""
        return dict(self.get(**request).headers).get(name)

    def entries(self) -> list[icalendar.Event]:
        """The entries that her calendar shows."""
        reply = self.get()
        assert reply.status == "200 OK", reply
        return icalendar.Calendar.from_ical(reply.body).walk("VEVENT")

    def titles(self) -> list[str]:
        """Their titles."""
        return [str(entry["SUMMARY"]) for entry in self.entries()]
