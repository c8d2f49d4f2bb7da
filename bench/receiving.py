"""Receiving: messages a second that the receiver takes, each durable before its 250, with every limit in place, beside
`smtp-sink`, which keeps nothing, and beside aiosmtpd with a file synced to disk for each message.

The sender is Postfix's own `smtp-source` over ten connections with a Google-like REPLY of 8.6 KB; the database is SQLite with
`synchronous=FULL`. At the end every message that was answered 250 must be in the inbox.

    python bench/receiving.py [--n 2000] [--rounds 3] [--connections 10]
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from sink import Sink, free_port  # noqa: E402

from tests.replies import reply  # noqa: E402

MAILBOX = "training@localhost"


def message() -> bytes:
    """A reply as Google writes it, padded by the received lines of a long way to 8.6 KB."""
    raw = reply("google", uid="0123456789abcdef0123456789abcdef@localhost", attendee="learner3@example.org")
    hop = b"Received: from mail.example.net (mail.example.net [192.0.2.1])\r\n\tby mx.example.com with ESMTPS id abc;\r\n\tTue, 03 Feb 2026 10:00:00 +0000\r\n"
    return hop * max(0, (8600 - len(raw)) // len(hop)) + raw


def rate(port: int, n: int, connections: int, body: str) -> float:
    """Messages a second from start to the last 250; fails where one is refused."""
    command = [
        "smtp-source",
        "-d",
        "-s",
        str(connections),
        "-m",
        str(n),
        "-F",
        body,
        "-f",
        "learner3@example.org",
        "-t",
        MAILBOX,
        f"127.0.0.1:{port}",
    ]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return n / (time.perf_counter() - began)


def main() -> None:
    """Run the rounds, interleaved, and print the ratio that the goal is about."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--n", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--connections", type=int, default=10)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Sink(free_port()) as sink:
        Path(folder).chmod(0o755)
        body = Path(folder) / "message.eml"
        body.write_bytes(message().replace(b"\r\n", b"\n"))
        database, port = f"{folder}/bench.db", free_port()
        settings = {"DATABASE_URL": f"sqlite:///{database}", "INBOUND_BIND": f"127.0.0.1:{port}"}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **{f"FEEDSERVER_{k}": v for k, v in settings.items()}}
        subprocess.run([sys.executable, "-m", "feedserver", "migrate"], env=environment, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        receiver = subprocess.Popen(
            [sys.executable, "-m", "feedserver", "receive"], env=environment, cwd=folder, stdout=subprocess.PIPE, text=True
        )
        kept, spool_port = Path(folder) / "spool", free_port()
        kept.mkdir()
        spool = subprocess.Popen(
            [sys.executable, str(ROOT / "bench/spool.py"), str(spool_port), str(kept)], stdout=subprocess.PIPE, text=True
        )
        try:
            receiver.stdout.readline()
            spool.stdout.readline()
            limits = ((sink.port, 4), (port, 1), (spool_port, 1))
            rounds = [
                tuple(rate(to, chosen.n * times, chosen.connections, str(body)) for to, times in limits) for _ in range(chosen.rounds)
            ]
        finally:
            for process in (receiver, spool):
                process.terminate()
                process.wait()
        stored = sqlite3.connect(database).execute("SELECT count(*) FROM inbound_messages").fetchone()[0]
    middle = [statistics.median(column) for column in zip(*rounds, strict=True)]
    to_sink = statistics.median(ours / limit for limit, ours, _ in rounds)
    to_spool = statistics.median(ours / usual for _, ours, usual in rounds)
    print(f"## receiving, {chosen.connections} connections, {len(message())} octets, SQLite FULL, {chosen.rounds} rounds\n")
    print(f"smtp-sink: {middle[0]:.0f} msg/s; ours: {middle[1]:.0f} msg/s; aiosmtpd, a synced file each: {middle[2]:.0f} msg/s")
    print(
        f"ratio to smtp-sink: {to_sink:.3f} (goal: at least 0.08); to aiosmtpd: {to_spool:.1f}; stored {stored} of {chosen.n * chosen.rounds}"
    )


if __name__ == "__main__":
    main()
