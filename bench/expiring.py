"""What a look of the worker at certificates that end costs over N of them: statements, and seconds beside a bare INSERT .. SELECT of as many mails.

python bench/expiring.py [--n 100000] [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())

import argparse  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from reschedule import statements  # noqa: E402
from sqlalchemy import func, insert, select  # noqa: E402
from ticks import ZONES, bare  # noqa: E402

from feedserver.services import certifying, expiring  # noqa: E402
from feedserver.services.house import House  # noqa: E402
from feedserver.store import migrations  # noqa: E402
from feedserver.store.certificates import Certificate, CertificateWarning  # noqa: E402
from feedserver.store.database import Database  # noqa: E402
from feedserver.store.learners import Learner  # noqa: E402
from feedserver.store.organisations import Organisation  # noqa: E402
from feedserver.store.outbox import Delivery  # noqa: E402
from feedserver.tokens import new_id  # noqa: E402

NOW = datetime(2027, 3, 1, 14, 30, tzinfo=UTC)
KINDS, SPREAD = 4, 400


def seed(house: House, organisation_id: int, n: int) -> None:
    """N certificates of four kinds, whose ends are spread over the coming 400 days."""

    def verb(work) -> None:
        people = [
            {"organisation_id": organisation_id, "email": f"l{i}@example.org", "email_key": f"l{i}@example.org", "name": f"Jörg Müller {i}",
             "timezone": ZONES[i % len(ZONES)], "locale": "de" if i % 2 else "en", "channel": "both", "page_id": new_id(), "version": 1,
             "manager_email": f"m{i % 500}@example.org", "created_at": work.now}
            for i in range(n // KINDS)
        ]  # fmt: skip
        ids = list(work.db.scalars(insert(Learner).returning(Learner.id), people))
        day = work.now.date()
        for number in range(KINDS):
            kind = certifying.create_kind(work, {"name": f"Kind {number}", "validity_months": 24})
            rows = [
                {"organisation_id": organisation_id, "learner_id": one, "kind_id": kind.id, "awarded_on": day, "noted_on": day, "by": "bench",
                 "expires_on": day + timedelta(days=(at + 97 * number) % SPREAD), "source": "csv", "reason": "", "batch": 1, "created_at": work.now}
                for at, one in enumerate(ids)
            ]  # fmt: skip
            work.db.execute(insert(Certificate), rows)

    house.run(organisation_id, "bench", verb)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--url")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/bench.db"
        migrations.upgrade(url)
        database, moment = Database(url), [NOW - timedelta(days=1)]
        with database.write() as db:
            here = Organisation(
                name=f"Bench {new_id()}", mailbox_name="T", mailbox_address="t@example.org", mailbox_key=new_id(), timezone="UTC", created_at=NOW
            )  # fmt: skip
            db.add(here)
            db.flush()
            organisation_id = here.id
        house = House(database, "https://t.example", clock=lambda: moment[0])
        seed(house, organisation_id, given.n)

        def look() -> list:
            with database.read() as db:
                return list(expiring.due(db, moment[0]))

        def written(row: type) -> int:
            with database.read() as db:
                return db.scalar(select(func.count()).select_from(row))

        def warn() -> int:
            return house.run(organisation_id, "system", lambda work: expiring.warn_due(work, organisation_id))

        rounds = [statements(database, warn)[0] for _ in look()]
        warnings, mails = written(CertificateWarning), written(Delivery)
        print(f"{given.n:,} certificates, the first look ever: {warnings:,} warnings noted, {mails:,} mails")
        print(f"in {len(rounds)} transactions: {sum(rounds):.2f} s, the longest {max(rounds):.2f} s; left over: {len(look())}")
        moment[0] = NOW
        first, count = statements(database, look)
        print(f"a morning: looking whether something is due: {first:.3f} s, {count} statements")
        took, count = statements(database, warn)
        mails = written(Delivery) - mails
        other = bare(database, mails)
        print(f"{written(CertificateWarning) - warnings:,} warnings, {mails:,} mails: {took:.2f} s, {count} statements")
        print(f"a bare INSERT .. SELECT of as many deliveries: {other:.3f} s; ratio {took / other:.1f}")
        idle, count = statements(database, look)
        print(f"looking again, nothing is due: {idle:.3f} s, {count} statements")
        database.close()


if __name__ == "__main__":
    main()
