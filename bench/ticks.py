"""What a look of the worker at its reminders costs over N people who are due or not: statements, and seconds beside a bare INSERT .. SELECT of as many rows.

python bench/ticks.py [--n 100000] [--sessions 200] [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())

import argparse  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from reschedule import statements  # noqa: E402
from sqlalchemy import func, insert, select, text  # noqa: E402

from feedserver.services import grouping, reminding, scheduling  # noqa: E402
from feedserver.services.house import House  # noqa: E402
from feedserver.store import migrations  # noqa: E402
from feedserver.store.database import Database  # noqa: E402
from feedserver.store.enrolments import Enrolment  # noqa: E402
from feedserver.store.learners import Learner  # noqa: E402
from feedserver.store.organisations import Organisation  # noqa: E402
from feedserver.store.outbox import Delivery  # noqa: E402
from feedserver.store.reminders import Reminder  # noqa: E402
from feedserver.tokens import new_id  # noqa: E402

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Sydney")


def seed(house: House, organisation_id: int, n: int, sessions: int) -> None:
    """N enrolments in sessions of which every second is due in 48 hours, the others in a fortnight."""
    each = n // sessions

    def verb(work) -> None:
        people = [
            {"organisation_id": organisation_id, "email": f"l{i}@example.org", "email_key": f"l{i}@example.org", "name": f"Jörg Müller {i}",
             "timezone": ZONES[i % len(ZONES)], "locale": "de" if i % 2 else "en", "channel": "both", "page_id": new_id(), "version": 1, "created_at": work.now}
            for i in range(each)
        ]  # fmt: skip
        ids = list(work.db.scalars(insert(Learner).returning(Learner.id), people))
        course = grouping.create_course(work, {"name": "Fire safety"})
        for number in range(sessions):
            start = (NOW + timedelta(hours=48, minutes=-5) if number % 2 else NOW + timedelta(days=14)).replace(tzinfo=None)
            values = {"title": f"Fire safety {number}", "start": start, "end": start + timedelta(hours=1), "timezone": "UTC"}
            session = scheduling.create_session(work, course.id, values)
            rows = [
                {"organisation_id": organisation_id, "live_session_id": session.id, "learner_id": one, "status": "Invited", "partstat": "NEEDS-ACTION",
                 "version": 1, "created_at": work.now, "updated_at": work.now}
                for one in ids
            ]  # fmt: skip
            work.db.execute(insert(Enrolment), rows)

    house.run(organisation_id, "bench", verb)


def bare(database: Database, rows: int) -> float:
    """Seconds of one INSERT .. SELECT of as many deliveries as were written, into the same table."""
    with database.write() as db:
        names = ", ".join(column.name for column in Delivery.__table__.columns if column.name != "id")
        began = time.perf_counter()
        db.execute(text(f"INSERT INTO deliveries ({names}) SELECT {names} FROM deliveries ORDER BY id LIMIT {rows}"))
    return time.perf_counter() - began


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--url")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/bench.db"
        migrations.upgrade(url)
        database, moment = Database(url), [NOW - timedelta(days=30)]
        with database.write() as db:
            here = Organisation(
                name=f"Bench {new_id()}",
                mailbox_name="T",
                mailbox_address="t@example.org",
                mailbox_key=new_id(),
                timezone="UTC",
                created_at=NOW,
            )
            db.add(here)
            db.flush()
            organisation_id = here.id
        house = House(database, "https://t.example", clock=lambda: moment[0])
        seed(house, organisation_id, given.n, given.sessions)
        moment[0] = NOW

        def look() -> list:
            with database.read() as db:
                return list(reminding.due(db, moment[0]))

        first, count = statements(database, look)
        print(f"{given.n:,} people in {given.sessions} sessions: looking whether something is due: {first:.3f} s, {count} statements")
        house.run(organisation_id, "bench", lambda work: None)
        taken, longest, began = len(look()), 0.0, time.perf_counter()
        for _ in range(taken):
            one, count = statements(
                database, lambda: house.run(organisation_id, "system", lambda work: reminding.remind_due(work, organisation_id))
            )
            longest = max(longest, one)
        took = time.perf_counter() - began
        with database.read() as db:
            rows = db.scalar(select(func.count()).select_from(Reminder))
        other = bare(database, rows)
        print(f"reminding {rows:,}: {took:.2f} s in {taken} transactions of {count} statements, the longest {longest:.2f} s")
        print(f"a bare INSERT .. SELECT of as many deliveries: {other:.2f} s; ratio {took / other:.1f}")
        idle, count = statements(database, look)
        print(f"looking again, nothing is due: {idle:.3f} s, {count} statements")
        database.close()


if __name__ == "__main__":
    main()
