"""Judging: messages a second from bytes in the inbox to verdicts in the database, beside `policy.default` and `icalendar` on the same messages.

N people answer a session with the programs whose replies are known (`tests.replies`), each their own invitation, so that statuses change. The
messages lie in the inbox; then one worker's judging thread and its one reading child take them to their verdicts, each exactly once. The limit
beside it does much less: it parses the mail with `email.policy.default` and its calendar part with icalendar, and decides nothing.

    python bench/judging.py [--n 2000] [--rounds 3] [--answers ACCEPTED,DECLINED] [--clients google] [--url postgresql+psycopg://…] [--profile]
"""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())

import argparse  # noqa: E402
import contextlib  # noqa: E402
import cProfile  # noqa: E402
import pstats  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from email import message_from_bytes, policy  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

import icalendar  # noqa: E402
import psutil  # noqa: E402
from reschedule import seed  # noqa: E402
from sqlalchemy import event, select  # noqa: E402

from feedserver.commands import parts, processes  # noqa: E402
from feedserver.services import receiving  # noqa: E402
from feedserver.services.house import House  # noqa: E402
from feedserver.settings import Settings  # noqa: E402
from feedserver.store import claims  # noqa: E402
from feedserver.store.database import Database  # noqa: E402
from feedserver.store.entries import CalendarEntry  # noqa: E402
from feedserver.store.inbox import InboundMessage  # noqa: E402
from feedserver.store.learners import Learner  # noqa: E402
from feedserver.store.sessions import LiveSession  # noqa: E402
from mail.judging import Judging  # noqa: E402
from tests.replies import CLIENTS, reply  # noqa: E402

MAILBOX = "training@localhost"


def messages(house: House, session_id: int, answers: list[str], clients: list[str]) -> list[bytes]:
    """The answer of everybody invited, program by program, the answers in turn."""
    query = (
        select(CalendarEntry.uid, CalendarEntry.sequence, Learner.email, LiveSession.starts_at)
        .join(Learner, Learner.id == CalendarEntry.learner_id)
        .join(LiveSession, LiveSession.id == CalendarEntry.live_session_id)
        .where(CalendarEntry.live_session_id == session_id)
        .order_by(CalendarEntry.id)
    )
    with house.database.read() as db:
        rows = db.execute(query).all()
    now = datetime.now(UTC)
    return [
        reply(clients[k % len(clients)], uid=row.uid, attendee=row.email, partstat=answers[k // len(clients) % len(answers)], sequence=row.sequence,
              dtstamp=now, dtstart=row.starts_at)
        for k, row in enumerate(rows)
    ]  # fmt: skip


def stdlib(raw: bytes) -> None:
    """The usual way to read such a mail, in the same process and with no limits."""
    message = message_from_bytes(raw, policy=policy.default)
    message["From"].addresses  # noqa: B018
    for part in message.walk():
        if part.get_content_type() in ("text/calendar", "application/ics"):
            content = part.get_payload(decode=True)
            for component in icalendar.Calendar.from_ical(content).walk("VEVENT"):
                component.get("UID"), component.get("ATTENDEE"), component.get("DTSTAMP").dt
        elif part.get_content_type() == "text/plain":
            part.get_content()


def rate(n: int, act: Callable[[], object]) -> float:
    """How many of n a second."""
    began = time.perf_counter()
    act()
    return n / (time.perf_counter() - began)


def parsed(raws: list[bytes]) -> None:
    """All of them; it raises on some real ones, and what it did until then is counted."""
    for raw in raws:
        with contextlib.suppress(Exception):
            stdlib(raw)


class Round:
    """A fresh database with a session of n people and their answers in the inbox."""

    def __init__(self, url: str, n: int, answers: list[str], clients: list[str]) -> None:
        settings = Settings(database_url=url, settle_seconds=0.0)
        processes.migrate(settings)
        self.house = House(Database(url), "https://training.example.org", timedelta(0), clock=lambda: datetime.now(UTC))
        organisation_id = parts.first_organisation(settings, self.house.database)
        self.raws = messages(self.house, seed(self.house, organisation_id, n), answers, clients)
        arrived = [receiving.Received(raw, "smtp", recipients=(MAILBOX,)) for raw in self.raws]
        self.house.database.run(lambda db: receiving.store(db, arrived, self.house.clock()))
        worker_id = self.house.database.run(lambda db: claims.enter(db, "bench", self.house.clock()))
        processes.collect_rarely()
        self.judging = Judging(self.house, settings, threading.Event(), lambda: worker_id)

    def judge(self) -> None:
        """Until nothing waits."""
        while self.judging.once():
            pass

    def measured(self, profile: cProfile.Profile | None) -> tuple[float, ...]:
        """Messages a second of the limit and of ours, statements a message, and seconds of a processor of the limit, the worker and its child."""
        n = len(self.raws)
        with self.judging.pool as pool:
            pool.read(self.raws[0])
            busy = [time.process_time()]
            limit = rate(n, lambda: parsed(self.raws))
            busy.append(time.process_time())
            count, before = statements(self.house.database), self.children()
            ours = rate(n, (lambda: profile.runcall(self.judge)) if profile else self.judge)
            busy.append(time.process_time())
            return limit, ours, count[0] / n, (busy[1] - busy[0]) / n, (busy[2] - busy[1]) / n, (self.children() - before) / n

    def children(self) -> float:
        """Seconds of a processor that the child has taken."""
        return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children())

    def outcomes(self) -> Counter:
        with self.house.database.read() as db:
            return Counter(db.scalars(select(InboundMessage.outcome)))


def main() -> None:
    """Run the rounds, interleaved, and print the ratio that the goal is about."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--n", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--answers", default="ACCEPTED,ACCEPTED,DECLINED", help="in turn, one of each program")
    options.add_argument("--clients", default=",".join(CLIENTS), help="the programs they have")
    options.add_argument("--url", help="an empty database for one round; a fresh SQLite file each by default")
    options.add_argument("--profile", action="store_true", help="show where the worker's time goes")
    chosen = options.parse_args()
    rows, outcomes, profile = [], Counter(), cProfile.Profile()
    for k in range(1 if chosen.url else chosen.rounds):
        with tempfile.TemporaryDirectory() as folder:
            one = Round(chosen.url or f"sqlite:///{folder}/bench{k}.db", chosen.n, chosen.answers.split(","), chosen.clients.split(","))
            rows.append(one.measured(profile if chosen.profile else None))
            outcomes += one.outcomes()
            one.house.database.close()
    if chosen.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    limit, ours, count, *busy = (statistics.median(column) for column in zip(*rows, strict=True))
    size = statistics.mean(map(len, one.raws))
    print(f"## judging {chosen.n} replies of {chosen.clients.count(',') + 1} programs, {size:.0f} octets on average, {len(rows)} rounds\n")
    print(f"policy.default and icalendar: {limit:.0f} msg/s; ours, verdict committed: {ours:.0f} msg/s; statements a message: {count:.1f}")
    usual, worker, child = (seconds * 1e6 for seconds in busy)
    print(f"processor time a message: {usual:.0f} us; ours: {worker:.0f} us in the worker beside {child:.0f} us in its child")
    print(f"ratio of processor time to the busier of the two: {usual / max(worker, child):.2f}")
    print(f"ratio: {statistics.median(ours / limit for limit, ours, *_ in rows):.2f} (goal: at least 5); outcomes: {dict(outcomes)}")


def statements(database: Database) -> list[int]:
    """A count of statements that grows."""
    count = [0]

    def counted(*_args) -> None:
        count[0] += 1

    event.listen(database.engine, "before_cursor_execute", counted)
    return count


if __name__ == "__main__":
    main()
