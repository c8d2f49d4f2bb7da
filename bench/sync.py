"""What a nightly list of N people costs of whom 50 changed: statements, rows touched, and seconds beside reading the same file and a bare upsert of as many rows.

python bench/sync.py [--n 20000] [--changed 50] [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())

import argparse  # noqa: E402
import csv  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from reschedule import statements  # noqa: E402
from sqlalchemy import func, select, text  # noqa: E402

from feedserver.commands import sync  # noqa: E402
from feedserver.services import syncing  # noqa: E402
from feedserver.services.house import House  # noqa: E402
from feedserver.services.syncing import Wish  # noqa: E402
from feedserver.store import migrations  # noqa: E402
from feedserver.store.database import Database  # noqa: E402
from feedserver.store.history import HistoryEntry  # noqa: E402
from feedserver.store.learners import FeedVersion, Learner  # noqa: E402
from feedserver.store.organisations import Organisation  # noqa: E402
from feedserver.store.sync import SyncRun  # noqa: E402

NOW = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
HEAD = ("external_id", "email", "name", "team", "manager_email", "start_date")


def write(path: Path, n: int, changed: int) -> None:
    """The file; every so many-th person has another team."""
    every = max(n // changed, 1) if changed else n + 1
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(HEAD)
        for i in range(n):
            team = "Moved" if i % every == 0 and i // every < changed else f"Team {i % 40}"
            table.writerow((f"E-{i}", f"p{i}@example.org", f"Jörg Müller {i}", team, f"m{i % 40}@example.org", "2026-12-01"))


def touched(house: House) -> tuple[int, int, int]:
    """(history, versions of learners, versions of feeds), to be compared."""
    with house.database.read() as db:
        versions = (select(func.sum(row.version)) for row in (Learner, FeedVersion))
        return (db.scalar(select(func.count()).select_from(HistoryEntry)), *(db.scalar(one) for one in versions))


def upsert(house: House, path: Path) -> tuple[float, float]:
    """(reading the file, a bare INSERT .. ON CONFLICT DO UPDATE of its rows, a thousand at a time)."""
    began = time.perf_counter()
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    read = time.perf_counter()
    with house.database.write() as db:
        db.execute(text(f"CREATE TABLE bare ({', '.join(f'{name} TEXT' for name in HEAD)}, PRIMARY KEY (external_id))"))
    rest = HEAD[1:]
    verb = text(
        f"INSERT INTO bare ({', '.join(HEAD)}) VALUES (:{', :'.join(HEAD)}) ON CONFLICT (external_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in rest)
    )
    times = []
    for _ in range(2):
        start = time.perf_counter()
        for some in syncing.parts(rows):
            with house.database.write() as db:
                db.execute(verb, list(some))
        times.append(time.perf_counter() - start)
    with house.database.write() as db:
        db.execute(text("DROP TABLE bare"))
    return read - began, times[1]


def main() -> None:
    """Seed by the first list, then the one of the next night, then once more."""
    options = argparse.ArgumentParser()
    options.add_argument("--n", type=int, default=20_000)
    options.add_argument("--changed", type=int, default=50)
    options.add_argument("--url")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url, path = given.url or f"sqlite:///{folder}/bench.db", Path(folder) / "people.csv"
        migrations.upgrade(url)
        house = House(Database(url), "https://t.example", clock=lambda: NOW)
        with house.database.write() as db:
            mailbox = {"mailbox_name": "T", "mailbox_address": "t@example.org", "mailbox_key": "t@example.org"}
            db.add(organisation := Organisation(name="Bench", **mailbox, timezone="Europe/Berlin", created_at=NOW))
            db.flush()
            number = organisation.id
        for name, changed in (("first list", 0), ("next night", given.changed), ("the same again", given.changed)):
            write(path, given.n, changed)
            before = touched(house)
            began = time.perf_counter()
            rows = sync.read("learners", path)
            read = time.perf_counter() - began
            runs = []
            took, told = statements(
                house.database, lambda rows=rows, runs=runs: runs.append(sync.take(house, number, "learners", rows, Wish(leave=True))[0])
            )
            with house.database.read() as db:
                run = db.get_one(SyncRun, runs[0])
                counts = f"{run.created} created, {run.updated} updated, {run.unchanged} unchanged"
            more = [now - then for now, then in zip(touched(house), before, strict=True) if then is not None]
            print(
                f"{name}: {counts}; read and checked in {read:.2f} s, taken in {took:.2f} s with {told} statements; history, versions, feeds: {more}"
            )
        bare_read, bare = upsert(house, path)
        # Half of what taking took is the pause in which others write.
        print(
            f"csv.DictReader {bare_read:.2f} s, bare upsert {bare:.2f} s; last list beside both: {(read + took / 2) / (bare_read + bare):.1f}"
        )
        house.database.close()


if __name__ == "__main__":
    main()
