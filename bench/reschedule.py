"""Moving a session of N learners: what the save costs, and how long until the relay has every mail.

Two ratios, each beside its limit in the same run: the save against an INSERT .. SELECT of as many rows into the same table, and the
handing over against Postfix's own `smtp-source` at equal size into the same `smtp-sink`. No message is marked before its 250.

    python bench/reschedule.py [--n 10000] [--rounds 3] [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())

import argparse  # noqa: E402
import os  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from sink import Sink, free_port  # noqa: E402
from sqlalchemy import event, func, insert, select, text  # noqa: E402

from feedserver.commands import parts, processes  # noqa: E402
from feedserver.services import grouping, scheduling  # noqa: E402
from feedserver.services.house import House  # noqa: E402
from feedserver.settings import Settings  # noqa: E402
from feedserver.store.database import Database  # noqa: E402
from feedserver.store.learners import FeedVersion, Learner  # noqa: E402
from feedserver.store.outbox import Delivery  # noqa: E402
from feedserver.tokens import new_id  # noqa: E402


def seed(house: House, organisation_id: int, n: int) -> int:
    """An organisation with one session of n learners whose invitations have left; returns the session's id."""
    now = house.clock()

    def verb(work):
        learners = [
            {"organisation_id": organisation_id, "email": f"l{i}@example.org", "email_key": f"l{i}@example.org", "name": f"Jörg Müller {i}", "timezone": "Europe/Berlin",
             "locale": "de" if i % 2 else "en", "channel": "both", "page_id": new_id(), "version": 1, "created_at": now}
            for i in range(n)
        ]  # fmt: skip
        ids = list(work.db.scalars(insert(Learner).returning(Learner.id), learners))
        work.db.execute(insert(FeedVersion), [{"learner_id": i, "version": 1, "changed_at": now} for i in ids])
        course = grouping.create_course(work, {"name": "Fire safety", "url": "https://lms.example.com/courses/7"})
        group = grouping.create_group(work, course.id, "Everybody", ids)
        start = datetime(2027, 3, 1, 9)
        values = {"title": "Fire safety basics", "description": "Bring your **badge**.\n\n- laptop\n- pre-reading", "location": "Room 5", "start": start,
                  "end": start + timedelta(hours=2), "timezone": "Europe/Berlin", "join_url": "https://meet.example.com/j/123"}  # fmt: skip
        return scheduling.create_session(work, course.id, values, group.id).id

    session_id = house.run(organisation_id, "bench", verb)
    with house.database.write() as db:
        db.execute(text("UPDATE deliveries SET state='sent', final_at=due_at"))
    return session_id


def statements(database: Database, act) -> tuple[float, int]:
    """(seconds, number of statements) of `act`."""
    count = 0

    def counted(*_args) -> None:
        nonlocal count
        count += 1

    event.listen(database.engine, "before_cursor_execute", counted)
    began = time.perf_counter()
    act()
    took = time.perf_counter() - began
    event.remove(database.engine, "before_cursor_execute", counted)
    return took, count


def plain_insert(database: Database, n: int) -> float:
    """Seconds of an INSERT .. SELECT of n rows into the deliveries, rolled back."""
    columns = [c.name for c in Delivery.__table__.columns if c.name != "id"]
    newest = select(*(Delivery.__table__.c[c] for c in columns)).order_by(Delivery.id.desc()).limit(n)
    with database.engine.connect() as connection:
        began = time.perf_counter()
        connection.execute(insert(Delivery).from_select(columns, newest, include_defaults=False))
        took = time.perf_counter() - began
        connection.rollback()
    return took


def source(port: int, n: int, message: bytes) -> float:
    """Messages a second of Postfix's own smtp-source, 5 connections, equal size."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(message.replace(b"\r\n", b"\n"))
        body.flush()
        Path(body.name).chmod(0o644)
        began = time.perf_counter()
        command = [
            "smtp-source",
            "-d",
            "-s",
            "5",
            "-m",
            str(n),
            "-F",
            body.name,
            "-f",
            "x@example.com",
            "-t",
            "y@example.org",
            f"127.0.0.1:{port}",
        ]
        subprocess.run(command, check=True)
        return n / (time.perf_counter() - began)


def main() -> None:
    """Run the rounds and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--n", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--connections", type=int, default=4)
    options.add_argument("--url", help="database; a fresh SQLite file by default")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.url or f"sqlite:///{folder}/bench.db"
        settings = Settings(database_url=url, settle_seconds=0.0)
        processes.migrate(settings)
        house = House(Database(url), "https://training.example.org", timedelta(0), clock=lambda: datetime.now(UTC))
        organisation_id = parts.first_organisation(settings, house.database)
        session_id = seed(house, organisation_id, chosen.n)
        port = free_port()
        with Sink(port) as sink:
            rows = [one_round(house, organisation_id, session_id, chosen, sink, url, k) for k in range(chosen.rounds)]
        report(rows, chosen.n, url)


def one_round(house: House, organisation_id: int, session_id: int, chosen, sink: Sink, url: str, k: int) -> dict:
    """One move of the session, beside its limits."""
    start = datetime(2027, 3, 2, 9) + timedelta(days=k)
    plain = plain_insert(house.database, chosen.n)
    move = {"start": start, "end": start + timedelta(hours=2)}
    save, count = statements(
        house.database, lambda: house.run(organisation_id, "bench", lambda work: scheduling.edit_session(work, session_id, move))
    )
    environment = {
        **os.environ, "FEEDSERVER_DATABASE_URL": url, "FEEDSERVER_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?tls=none", "PYTHONPATH": str(ROOT),
        "FEEDSERVER_SMTP_CONNECTIONS": str(chosen.connections),
    }  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-m", "feedserver", "worker"], env=environment, stdout=subprocess.DEVNULL)
    try:
        burst = sink.burst(chosen.n)
    finally:
        worker.terminate()
        worker.wait()
    with house.database.read() as db:
        left = db.scalar(select(func.count()).where(Delivery.state != "sent", Delivery.state != "superseded"))
    rate = source(sink.port, chosen.n, sample(house))
    return {"save": save, "statements": count, "plain": plain, "rate": burst, "source": rate, "left": left}


def sample(house: House) -> bytes:
    """One of the messages, as large as they are."""
    from mail.outgoing import Outgoing  # the same filling as the worker's

    with house.database.read() as db:
        row = db.execute(select(Delivery).order_by(Delivery.id.desc()).limit(1)).scalar_one()
    import threading

    from feedserver.store.claims import Claimed

    return Outgoing(house, Settings(database_url=house.database.url), threading.Event())._envelope(Claimed(row, 0)).data


def report(rows: list[dict], n: int, url: str) -> None:
    """Medians, and the ratios that the goals are about."""
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    saves = statistics.median(row["save"] / row["plain"] for row in rows)
    hands = statistics.median(row["rate"] / row["source"] for row in rows)
    print(f"## moving a session of {n} learners ({url.partition(':')[0]}, {len(rows)} rounds)\n")
    print(
        f"save: {middle['save'] * 1000:.0f} ms in {middle['statements']:.0f} statements; INSERT .. SELECT of as many rows: {middle['plain'] * 1000:.0f} ms"
    )
    print(f"ratio of the save to it: {saves:.2f} (goal: at most 5)")
    print(f"handed over: {middle['rate']:.0f} msg/s; smtp-source: {middle['source']:.0f} msg/s; not sent at the end: {middle['left']:.0f}")
    print(f"ratio: {hands:.2f} (goal: at least 0.35)")


if __name__ == "__main__":
    main()
