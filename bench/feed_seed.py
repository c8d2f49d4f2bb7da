"""A database of learners with 50, 200 and 1,000 sessions each, for bench/feeds.py. Sessions stand within the feed's window."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from feedserver import tokens
from feedserver.services import rendering
from feedserver.store import keys, migrations
from feedserver.store.courses import Course
from feedserver.store.database import Database
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry, new_uid
from feedserver.store.feeds import KINDS, Feed
from feedserver.store.learners import FeedVersion, Learner
from feedserver.store.organisations import Organisation
from feedserver.store.sessions import LiveSession, Revision, RevisionVevent

SESSIONS = 2000
LEARNERS = {50: 500, 200: 50, 1000: 20}


def seed(url: str, sample) -> dict[int, list[str]]:
    """Fill an empty database; `sample(i)` gives title, description, location and url. Returns feed paths by size."""
    migrations.upgrade(url)
    database, now = Database(url), datetime.now(UTC) - timedelta(days=1)
    with database.write() as db:
        acme = {"name": "Acme", "mailbox_name": "Training", "mailbox_address": "t@localhost", "mailbox_key": "t@localhost"}
        db.add(Organisation(id=1, **acme, timezone="Europe/Berlin", created_at=now))
        secret = keys.current(db, now).secret
        db.add(Course(id=1, organisation_id=1, name="Safety", created_at=now))
        db.flush()
        for number in range(1, SESSIONS + 1):
            _session(db, number, sample(number), now)
        db.flush()
        paths, learner = {}, 0
        for size, count in LEARNERS.items():
            paths[size] = []
            for _ in range(count):
                learner += 1
                paths[size].append(f"/feeds/{tokens.sign(tokens.FEED, _learner(db, learner, size, now), secret)}.ics")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    database.close()
    return paths


def _session(db, number: int, row: dict, now: datetime) -> None:
    lines = row["description"].splitlines()
    join = next(line for line in lines if line.startswith("Join: "))  # the product has a field of its own for it
    start = (now + timedelta(days=number % 500)).replace(tzinfo=None, hour=8 + number % 9, minute=0, second=0, microsecond=0)
    session = LiveSession(
        id=number,
        organisation_id=1,
        course_id=1,
        title=row["title"],
        description="\n".join(line for line in lines if line != join),
        location=row["location"],
        join_url=join.removeprefix("Join: "),
        start=start,
        end=start + timedelta(minutes=90),
        timezone="Europe/Berlin",
        starts_at=now,
        ends_at=now,
        created_at=now,
        updated_at=now,
        fold=0,
        visibility="public",
        access_code="",
        instructors=["Ann Trainer"],
    )
    snapshot = session.snapshot(db.get_one(Course, 1))
    session.starts_at, session.ends_at = snapshot.starts_at, snapshot.ends_at
    span = {"starts_at": snapshot.starts_at, "ends_at": snapshot.ends_at}
    db.add(session)
    db.flush()
    db.add(Revision(id=number, live_session_id=number, number=0, snapshot_json=snapshot.to_json(), frozen_at=now, **span))
    db.flush()
    body, busy, zone = rendering.feed_vevents(snapshot, "en")
    db.add(RevisionVevent(revision_id=number, locale="en", timezone=zone, body=body, busy=busy))


def _learner(db, number: int, size: int, now: datetime) -> str:
    """Returns the public id of the feed."""
    address = f"l{number}@corp.example"
    common = {"organisation_id": 1, "created_at": now}
    own = {"email": address, "email_key": address, "name": f"Learner {number}", "timezone": "Europe/Berlin", "locale": "en"}
    db.execute(insert(Learner), [{"id": number, **own, "page_id": tokens.new_id(), **common}])
    db.execute(insert(FeedVersion), [{"learner_id": number, "version": 1, "changed_at": now}])
    feed = {"id": number, "learner_id": number, "public_id": tokens.new_id(), "key_id": 1, "name": "My training"}
    db.execute(insert(Feed), [{**feed, "kinds": list(KINDS), "alarms": True, "changed_at": now, **common}])
    sessions = random.Random(number).sample(range(1, SESSIONS + 1), size)
    ids = {one: number * 10_000 + one for one in sessions}
    mine = {"learner_id": number, "partstat": "NEEDS-ACTION", **common}
    enrolled = [{"id": ids[s], "live_session_id": s, "status": "Invited", "version": 1, "updated_at": now, **mine} for s in sessions]
    db.execute(insert(Enrolment), enrolled)
    stamp = int(now.timestamp())
    entry = {"organizer_name": "Training", "organizer_address": "t@localhost", "dtstamp": stamp, "asked_dtstamp": stamp, **mine}
    rows = [
        {"id": ids[s], "enrolment_id": ids[s], "live_session_id": s, "revision_id": s, "uid": new_uid("t.example"), **entry}
        for s in sessions
    ]
    db.execute(insert(CalendarEntry), rows)
    return feed["public_id"]
