#!/usr/bin/env python3
"""Feeds of the product beside nginx serving files and Radicale holding calendars of as many events, all in one run.

usage: .venv/bin/python bench/feeds.py [--rounds 5] [--secs 3] [--database URL of an empty database] [--only 50,304,beside] [--same]
The peers hold the sample that the goals were set with; with --same they hold the product's own bytes, which are a fifth more.
Needs nginx and wrk from the distribution, Radicale, and the harness of the peers in ../shared/bench.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HARNESS = ROOT / "../shared/bench"
sys.path[:0] = [str(ROOT), str(HARNESS)]

import feed_bench  # noqa: E402
from common import calendar_bytes, session_row, table  # noqa: E402

from bench import feed_seed  # noqa: E402
from feedserver.settings import Settings  # noqa: E402
from feedserver.web import server  # noqa: E402

RADICALE = {"Authorization": "Basic " + base64.b64encode(b"u:p").decode()}
GOALS = {"50": 0.40, "200": 0.60, "1000": 0.60, "304": 0.25}
TIMES_RADICALE = 250
P99 = 100.0


class Servers:
    """What is started here, and ended here by its own id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen] = []
        self.log = (folder / "servers.log").open("ab")

    def start(self, command: list[str], port: int, **environment: str) -> int:
        """Start it and wait until it answers; returns its process id."""
        child = subprocess.Popen(command, cwd=self.folder, env={**os.environ, **environment}, stdout=self.log, stderr=self.log)
        self.started.append(child)
        if not server.wait_until_up(replace(Settings(), http_bind=("127.0.0.1", port)), child, threading.Event()):
            raise SystemExit(f"{command[0]} did not come up; see {self.folder}/servers.log")
        return child.pid

    def end(self) -> None:
        """SIGTERM, then SIGKILL after a deadline."""
        for child in self.started:
            child.terminate()
        for child in self.started:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    return server.with_port(replace(Settings(), http_bind=("127.0.0.1", 0))).http_bind[1]


def product(servers: Servers, url: str) -> tuple[int, int]:
    """The product, with the slow pages beside it; (port, process id)."""
    settings = replace(Settings(), http_bind=("127.0.0.1", free_port()))
    extra = {"FEEDSERVER_DATABASE_URL": url, "FEEDSERVER_BASE_URL": "https://training.example.net"}
    command = [*server.command(settings)[:-1], "bench.slow_page:app"]
    return settings.http_bind[1], servers.start(command, settings.http_bind[1], **server.environment(settings), **extra)


def nginx(servers: Servers, bodies: dict[int, bytes]) -> tuple[int, int]:
    """One worker, files, as fast as it goes."""
    port, folder = free_port(), servers.folder / "nginx"
    (folder / "www").mkdir(parents=True)
    for size, body in bodies.items():
        (folder / f"www/{size}.ics").write_bytes(body)
        (folder / f"www/{size}.ics.gz").write_bytes(gzip.compress(body, 6))
    servers.folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/err.log;
events {{ worker_connections 512; }}
http {{ types {{ text/calendar ics; }} sendfile on; tcp_nopush on; access_log off; keepalive_requests 1000000;
 open_file_cache max=100; server {{ listen 127.0.0.1:{port}; root {folder}/www; gzip_static on; }} }}"""
    )
    return port, servers.start(["nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder)], port)


def radicale(servers: Servers, bodies: dict[int, bytes]) -> tuple[int, int]:
    """The same calendars in collections."""
    port, folder = free_port(), servers.folder / "radicale"
    options = ["--auth-type", "none", "--rights-type", "authenticated", "--logging-level", "error"]
    command = [sys.executable, "-m", "radicale", "--server-hosts", f"127.0.0.1:{port}", "--storage-filesystem-folder", str(folder)]
    pid = servers.start(command + options, port)
    for size, body in bodies.items():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        connection.request("PUT", f"/u/cal{size}/", body, {**RADICALE, "Content-Type": "text/calendar"})
        answer = connection.getresponse()
        assert answer.status in (200, 201, 204), (answer.status, answer.read()[:300])
    return port, pid


def fetch(port: int, path: str) -> bytes:
    """One body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read()


def targets(at: dict[str, tuple[int, int]], paths: dict[int, list[str]], size: int) -> list[dict]:
    """What is loaded for one size."""
    of = {"nginx": [f"/{size}.ics"], "radicale": [f"/u/cal{size}/"], "product": paths[size]}
    made = [{"name": n, "base": f"http://127.0.0.1:{port}", "pid": pid, "paths": of[n]} for n, (port, pid) in at.items()]
    for one in made:
        one["headers"] = RADICALE if one["name"] == "radicale" else {}
    zipped = [{**one, "name": f"{one['name']} gzip", "headers": {"Accept-Encoding": "gzip"}} for one in made if one["name"] != "radicale"]
    return made + zipped


def race(each: list[dict], rounds: int, secs: int, folder: Path) -> dict[str, list[dict]]:
    """All targets in turn, `rounds` times."""
    for one in each:
        feed_bench.prepare(one, str(folder))
        feed_bench.one(one, 1, 16)
    found: dict[str, list[dict]] = {one["name"]: [] for one in each}
    for _ in range(rounds):
        for one in each:
            found[one["name"]].append(feed_bench.one(one, secs, 16))
    return found


def ratio(found: dict, of: str, to: str) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(a["rate"] / b["rate"] for a, b in zip(found[of], found[to], strict=True))


def beside(target: dict, page: str, secs: int, folder: Path) -> dict:
    """The product's feeds while somebody asks for a page of two seconds, over and over."""
    feed_bench.prepare(target, str(folder))
    over = threading.Event()
    took: list[float] = []

    def ask() -> None:
        while not over.is_set():
            begin = time.monotonic()
            fetch(int(target["base"].rpartition(":")[2]), page)
            took.append(time.monotonic() - begin)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    found = feed_bench.one(target, secs, 16)
    over.set()
    asking.join()
    return {**found, "page s": max(took)}


def verdict(what: str, value: float, least: float, unit: str = "") -> bool:
    """One line a goal."""
    good = value >= least
    print(f"{'ok  ' if good else 'MISS'} {what}: {value:.3g}{unit} (goal {least:g}{unit})", flush=True)
    return good


def main() -> None:
    """Seed, start, load, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--secs", type=int, default=3)
    options.add_argument("--database", help="an empty PostgreSQL database, in place of SQLite in a temporary folder")
    options.add_argument("--only", default="50,200,1000,304,beside")
    options.add_argument("--same", action="store_true")
    chosen = options.parse_args()
    wanted = chosen.only.split(",")
    missing = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)]
    if missing or not HARNESS.exists():
        raise SystemExit(f"missing: {', '.join(missing) or HARNESS}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        servers = Servers(folder)
        url = chosen.database or f"sqlite:///{folder}/feeds.db"
        try:
            paths = feed_seed.seed(url, session_row)
            port, pid = product(servers, url)
            bodies = {size: fetch(port, paths[size][0]) for size in paths}
            print("bytes of a feed:", json.dumps({size: len(body) for size, body in bodies.items()}), flush=True)
            if not chosen.same:
                bodies = {size: calendar_bytes(range(1, size + 1)) for size in paths}
            at = {"nginx": nginx(servers, bodies), "radicale": radicale(servers, bodies), "product": (port, pid)}
            good = [run(at, paths, one, chosen, folder) for one in wanted]
        finally:
            servers.end()
    raise SystemExit(0 if all(good) else 1)


def run(at: dict, paths: dict, one: str, chosen: argparse.Namespace, folder: Path) -> bool:
    """One part: a size, 304, or beside a slow page."""
    if one == "beside":
        target = {**targets(at, paths, 50)[2], "name": "product beside"}
        found = {f"beside a page that {w}": [beside(target, f"/slow/{w}", 6, folder)] for w in ("waits", "computes")}
        print(f"\n### beside a page of 2 s\n{table(found, None, ' req/s')}")
        worst = max(runs[0]["p99_ms"] for runs in found.values())
        errors = sum(runs[0]["errors"] for runs in found.values())
        return verdict("p99 beside a page of 2 s, headroom below 100 ms", P99 - worst, 0, " ms") and verdict("no errors", -errors, 0)
    each = targets(at, paths, 50 if one == "304" else int(one))
    if one == "304":
        each = [{**t, "conditional": True} for t in each if t["name"] in ("nginx", "product")]
    found = race(each, chosen.rounds, chosen.secs, folder)
    print(f"\n### {one}\n{table(found, 'nginx', ' req/s')}")
    good = verdict(f"{one} to nginx", ratio(found, "product", "nginx"), GOALS[one])
    if "radicale" in found:
        good &= verdict(f"{one} to Radicale", ratio(found, "product", "radicale"), TIMES_RADICALE)
    return good & verdict("no errors", -sum(r["errors"] for r in found["product"]), 0)


if __name__ == "__main__":
    main()
