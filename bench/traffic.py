"""Ten minutes of mixed real and hostile traffic, while the receiver is killed every ten seconds: is every message that got its 250 judged once?

Senders hand over good replies, real messages (`../shared/corpus`, where it is) with UIDs of ours put in, and the bad inputs of `tests/bad`, and
try again as mail servers do. A 250 counts once its number is in a ledger on disk. At the end each number in the ledger is in the inbox, each
message there has one first verdict and an outcome, and no process has grown. Ends with 1 where one of these does not hold.

    python bench/traffic.py [--seconds 600] [--kill-every 10] [--rate 40] [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import re
import smtplib
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import psutil  # noqa: E402
from sqlalchemy import func, select  # noqa: E402

from feedserver.store.database import Database  # noqa: E402
from feedserver.store.inbox import InboundMessage  # noqa: E402
from feedserver.store.verdicts import VerdictRow  # noqa: E402
from tests.bad.b05_smtp import CASES as CONVERSATIONS  # noqa: E402
from tests.replies import CLIENTS, reply  # noqa: E402
from tests.support import readdressed  # noqa: E402
from tests.support.court import UID  # noqa: E402
from tests.support.product import Product, poll  # noqa: E402

MAILBOX = "training@localhost"
PEOPLE = 200
BAD = ("b01_replies", "b02_calendars", "b03_mime", "b04_headers", "b06_evidence", "b12_reports", "b14_recurrence")
LEDGER = re.compile(rb"\AX-Ledger: (\d+)\r\n")
GROWTH, SLACK = 1.15, 16 * 2**20


class Traffic:
    """The messages, the ledger, and who sends."""

    def __init__(self, product: Product, entries: list[tuple[str, str]], rate: float, seconds: float) -> None:
        self.product, self.entries, self.rate = product, entries, rate
        self.began = time.monotonic()
        self.until = self.began + seconds
        self.numbers = itertools.count(1)
        self.ledger = (product.folder / "ledger").open("ab", buffering=0)
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        corpus = ROOT / "../shared/corpus"
        self.real = [path.read_bytes() for path in sorted(corpus.glob("*/*.eml"))]
        self.bad = [case.content for name in BAD for case in import_module(f"tests.bad.{name}").CASES]

    def message(self, number: int) -> bytes:
        """Message `number`, the same whenever it is asked for."""
        rng = random.Random(number)
        uid, email = rng.choice(self.entries)
        share = rng.random()
        if share < 0.5 or (share < 0.75 and not self.real):
            stamp = datetime.now(UTC).replace(microsecond=0)
            said = rng.choice(("ACCEPTED", "DECLINED", "TENTATIVE"))
            raw = reply(rng.choice(CLIENTS), uid=uid, attendee=email, partstat=said, dtstamp=stamp)
        elif share < 0.75:
            raw = readdressed.mail(rng.choice(self.real), readdressed.Ours(uid, email, MAILBOX))
        else:
            raw = rng.choice(self.bad).replace(UID.encode(), uid.encode()).replace(b"lea@corp.example", email.encode())
        return b"X-Ledger: %d\r\n" % number + raw

    def send(self) -> None:
        """One sender, until the time is over: at its pace, each message until it is taken or refused for good."""
        while time.monotonic() < self.until:
            number = next(self.numbers)
            time.sleep(max(0.0, self.began + number / self.rate - time.monotonic()))
            raw = self.message(number)
            while (taken := self.handed_over(raw)) is None:
                time.sleep(0.1)
            with self.lock:
                if taken:
                    self.ledger.write(b"%d\n" % number)
                    os.fsync(self.ledger.fileno())
                self.counts["taken" if taken else "refused"] += 1

    def handed_over(self, raw: bytes) -> bool | None:
        """True for a 250, False for a refusal for good, None where it has to be tried again."""
        try:
            with smtplib.SMTP("127.0.0.1", self.product.smtp_port, timeout=20) as smtp:
                smtp.sendmail("somebody@corp.example", [MAILBOX], raw)
                return True
        except smtplib.SMTPResponseException as error:
            return None if error.smtp_code < 500 else False
        except smtplib.SMTPRecipientsRefused:
            return False
        except (OSError, KeyError, smtplib.SMTPException):
            self.counts["tried again"] += 1
            return None

    def converse(self) -> None:
        """Conversations that smuggle, flood, probe and hang up."""
        for case in itertools.cycle(CONVERSATIONS):
            if time.monotonic() > self.until:
                return
            with contextlib.suppress(OSError, KeyError), socket.create_connection(("127.0.0.1", self.product.smtp_port), 5) as talk:
                talk.settimeout(2)
                talk.sendall((case.greet.encode() + b"\r\n" if case.greet else b"") + case.say)
                while talk.recv(65536):
                    pass
            time.sleep(1)


def started(url: str | None, folder: Path) -> Product:
    """Web, worker and receiver, each by itself; mail that goes out is kept."""
    given = {"database_url": url} if url else {}
    return Product(folder, parts=("web", "worker", "receive"), **given)


def invited(product: Product) -> list[tuple[str, str]]:
    """(UID, address) of people invited to a session."""
    file = product.folder / "people.csv"
    file.write_text("email,name\n" + "".join(f"p{n}@corp.example,Person {n}\n" for n in range(PEOPLE)))
    product.command("import", "learners", str(file))
    call = lambda *given: product.api(*given)[1]  # noqa: E731
    people = call("GET", "/learners?limit=500")["items"]
    course = call("POST", "/courses", {"name": "Safety"})["id"]
    group = call("POST", f"/courses/{course}/groups", {"name": "All", "learner_ids": [p["id"] for p in people]})["id"]
    start = datetime.now().replace(microsecond=0) + timedelta(days=60)
    times = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat(), "timezone": "Europe/Berlin"}
    session = call("POST", "/sessions", {"course_id": course, "group_id": group, "title": "Fire safety", **times})["id"]
    enrolled = call("GET", f"/sessions/{session}/enrolments?limit=500")["items"]
    return [(one["uid"], one["email"]) for one in enrolled]


def sizes(product: Product) -> dict[str, int]:
    """Resident octets of the receiver, the worker and what reads for it."""
    found: dict[str, int] = {}
    for part in ("receive", "worker"):
        with contextlib.suppress(psutil.Error, KeyError):
            process = psutil.Process(product.processes[part].pid)
            found[part] = process.memory_info().rss
            if part == "worker":
                found["child"] = max((child.memory_info().rss for child in process.children(recursive=True)), default=0)
    return found


def run(product: Product, traffic: Traffic, kill_every: float) -> list[tuple[float, dict[str, int]]]:
    """Kill and sample until the time is over, then wait until nothing is pending; returns the samples."""
    threads = [threading.Thread(target=traffic.send) for _ in range(6)] + [threading.Thread(target=traffic.converse)]
    for thread in threads:
        thread.start()
    samples, killed = [], time.monotonic()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        samples.append((time.monotonic() - traffic.began, sizes(product)))
        if time.monotonic() - killed > kill_every and time.monotonic() < traffic.until:
            product.kill9("receive")
            product.start("receive")
            traffic.counts["killed"] += 1
            killed = time.monotonic()
    pending = lambda: product.api("GET", "/inbound?outcome=pending&limit=1")[1]["items"]  # noqa: E731
    poll(lambda: not pending(), lambda: f"still pending: {pending()}", 300)
    return samples


def wrong(product: Product, ledger: Path) -> tuple[list[str], Counter]:
    """What does not hold of the inbox, and how the messages ended."""
    acknowledged = {int(line) for line in ledger.read_text().split()}
    database = Database(product.environment["FEEDSERVER_DATABASE_URL"])
    M, V = InboundMessage, VerdictRow
    stored: dict[int, list[str]] = defaultdict(list)
    with database.read() as db:
        for raw, outcome in db.execute(select(M.raw, M.outcome)).yield_per(200):
            if found := LEDGER.match(raw):
                stored[int(found[1])].append(outcome)
        first = select(M.id, func.count(V.id)).outerjoin(V, (V.inbound_id == M.id) & (V.by == "first")).group_by(M.id)
        uneven = [row for row in db.execute(first.having(func.count(V.id) != 1)).all()]
    database.close()
    words = []
    if lost := sorted(acknowledged - set(stored)):
        words.append(f"{len(lost)} got their 250 and are not in the inbox: {lost[:10]}")
    if uneven:
        words.append(f"{len(uneven)} messages have not one first verdict: {uneven[:10]}")
    if waiting := [number for number, outcomes in stored.items() if "pending" in outcomes]:
        words.append(f"{len(waiting)} are pending: {waiting[:10]}")
    twice = sum(len(outcomes) - 1 for outcomes in stored.values())
    print(f"{len(acknowledged)} got their 250, {len(stored)} are stored, {twice} of them once more (the connection broke before the 250)")
    return words, Counter(outcome for outcomes in stored.values() for outcome in outcomes)


def grown(samples: list[tuple[float, dict[str, int]]], seconds: float) -> list[str]:
    """What has grown between the second quarter of the time and the last."""
    words = []
    for name in ("receive", "worker", "child"):
        early, late = (
            [s[name] for at, s in samples if name in s and low <= at / seconds < high] for low, high in ((0.25, 0.5), (0.75, 1.0))
        )
        if not early or not late:
            continue
        before, after = statistics.median(early), statistics.median(late)
        most = max(s[name] for _, s in samples if name in s)
        print(f"{name}: {before / 2**20:.0f} MB in the second quarter, {after / 2**20:.0f} MB in the last, {most / 2**20:.0f} MB at most")
        if after > before * GROWTH + SLACK:
            words.append(f"{name} has grown from {before / 2**20:.0f} to {after / 2**20:.0f} MB")
    return words


def main() -> int:
    """Run, and say what held."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--kill-every", type=float, default=10)
    options.add_argument("--rate", type=float, default=40, help="messages a second that the senders aim at, all together")
    options.add_argument("--url", help="an empty database; a fresh SQLite file by default")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, started(chosen.url, Path(folder)) as product:
        entries = invited(product)
        traffic = Traffic(product, entries, chosen.rate, chosen.seconds)
        samples = run(product, traffic, chosen.kill_every)
        print(f"## {chosen.seconds:.0f} s of traffic: {dict(traffic.counts)}\n")
        words, outcomes = wrong(product, Path(folder) / "ledger")
        print(f"outcomes: {dict(outcomes.most_common())}")
        words += grown(samples, chosen.seconds)
    print("\n".join(words) if words else "every message that got its 250 has one disposition; memory stays flat")
    return 1 if words else 0


if __name__ == "__main__":
    sys.exit(main())
