"""The whole first end of the product in one story, in memory but for a SQLite file, with no network: edit, mail, answer, feed."""

from __future__ import annotations

import time
from datetime import timedelta

import icalendar
from sqlalchemy import select

from feedserver import tokens
from feedserver.services.feed_reading import FeedReader
from feedserver.services.feeding import FeedRequest, answer
from feedserver.store.feeds import Feed
from feedserver.store.keys import SigningKey
from tests.support.world import START, World


def feed(world: World, name: str) -> list[icalendar.Event]:
    """What a calendar program that subscribed to this person's feed shows."""

    def token(work):
        public_id, secret = work.db.execute(
            select(Feed.public_id, SigningKey.secret)
            .join(SigningKey, SigningKey.id == Feed.key_id)
            .where(Feed.learner_id == world.people[name])
        ).one()
        return tokens.sign(tokens.FEED, public_id, secret)

    reader = FeedReader(world.database, world.house.base_url)
    body = answer(FeedRequest("GET", world.look(token)), world.moment, reader).body
    return icalendar.Calendar.from_ical(body).walk("VEVENT")


def test_a_session_becomes_an_invitation_an_answer_a_status_and_the_feed_shows_both(sqlite_url):
    began = time.process_time()
    world = World(sqlite_url)
    session = world.session("Lea", "Tom", "Ann", capacity=2, location="Room 5")
    lea, tom = world.mails()

    (shown,) = feed(world, "Lea")
    assert (lea.method, lea.sequence, shown["UID"], shown["LOCATION"]) == ("REQUEST", 0, lea.uid, "Room 5")
    (waiting,) = feed(world, "Ann")
    assert (waiting["SUMMARY"], waiting["STATUS"]) == ("Waiting list: Fire safety", "TENTATIVE")

    assert world.answer(lea).outcome == "applied" and world.status(session, "Lea") == "Registered"
    world.advance(60)
    assert world.answer(tom, "DECLINED").outcome == "applied" and feed(world, "Tom") == []
    offered = world.mail()
    assert (offered.who, world.status(session, "Ann"), feed(world, "Ann")[0]["STATUS"]) == ("Ann", "Invited", "CONFIRMED")

    world.edit(session, start=START + timedelta(days=1), location="Room 6")
    updates = {m.who: m for m in world.mails()}
    assert {n: (m.sequence, m.partstat) for n, m in updates.items()} == dict.fromkeys(("Lea", "Tom", "Ann"), (1, "NEEDS-ACTION"))
    assert "Room 5" in updates["Lea"].words and "Room 6" in updates["Lea"].words and updates["Lea"].dtstamp > lea.dtstamp
    (moved,) = feed(world, "Lea")
    assert (moved["UID"], moved["SEQUENCE"], moved.start.day, moved["LOCATION"]) == (lea.uid, 1, 2, "Room 6")

    assert world.answer(lea).outcome == "stale" and world.mail().kind == "update"
    world.advance(60)
    world.cancel(session)
    cancels = world.mails()
    assert {(m.who, m.method) for m in cancels} == {(n, "CANCEL") for n in ("Lea", "Tom", "Ann")}
    (gone,) = feed(world, "Lea")
    assert (gone["UID"], gone["STATUS"], gone["SEQUENCE"]) == (lea.uid, "CANCELLED", 2)
    assert world.outbox_is_empty
    world.close()
    assert time.process_time() - began < 5  # of processor time, so that what else runs does not count
