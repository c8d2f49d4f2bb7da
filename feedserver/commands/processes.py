"""The long-running processes: web, worker, receive, and serve, which runs the three and starts again what died."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click
import structlog

from mail.arrival import Arrival, GroupCommit
from mail.imap_opening import MailboxUrl
from mail.judging import Judging
from mail.listener import Listener
from mail.listener import run as run_listener
from mail.mailbox import MailboxPolling
from mail.outgoing import Outgoing

from ..publish.outgoing import Publishing
from ..publish.resealing import seal_again
from ..publish.senders import SENDERS
from ..services import polling, receiving, retention
from ..services.house import House
from ..services.receiving import Received
from ..settings import Settings
from ..store import migrations
from ..store.database import Database
from . import demo as demo_data
from . import parts, ticks

log = structlog.get_logger()
TIDY = 3600.0
DEADLINE = 9.0
PARTS = ("web", "worker", "receive")


def worker() -> None:
    """Publish what has settled, send what is due, judge what came in, until SIGTERM or SIGINT."""
    found = parts.settings()
    house = parts.house(found)
    stop = _stopping()
    seal_again(house)
    collect_rarely()
    outgoing = Outgoing(house, found, stop)
    judging = Judging(house, found, stop, lambda: outgoing.worker_id)
    publishing = Publishing(house, parts.way_out(found), SENDERS, stop)
    threads = [threading.Thread(target=_guarded, args=(run, stop), name=name) for name, run in (
        ("outgoing", outgoing.run), ("publishing", publishing.run), ("judging", judging.run),
        ("settling", lambda: ticks.run(house, stop, ticks.chosen(found))), ("tidying", lambda: _tidy(house, stop)),
    )]  # fmt: skip
    for thread in threads:
        thread.start()
    poll = partial(_poll, house, found, stop, lambda: outgoing.worker_id)
    mailbox = threading.Thread(target=_guarded, args=(poll, stop), name="mailbox", daemon=True)
    mailbox.start()
    while not outgoing.worker_id and not stop.is_set():
        time.sleep(0.01)
    click.echo("worker: ready")
    for thread in threads:
        while thread.is_alive():
            thread.join(0.5)
    # It may be waiting for a server that has gone silent; whatever it has in hand is not marked and is taken again.
    mailbox.join(3.0)


def collect_rarely() -> None:
    """What is loaded stays and is no longer looked through for garbage; rows by the hundred make little of it. A tenth of a worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def _poll(house: House, found: Settings, stop: threading.Event, worker_id: Callable[[], int]) -> None:
    """Poll the mailbox of IMAP_URL, where there is one."""
    if found.imap_url:
        MailboxPolling(house, MailboxUrl.parse(found.imap_url), stop, worker_id).run()
    else:
        house.database.run(lambda db: polling.forget_others(db, None))


def _guarded(run: Callable[[], None], stop: threading.Event) -> None:
    """A part that fails whole ends the process, so that it is started afresh, rather than half a worker going on."""
    try:
        run()
    except Exception:
        log.exception("a part of the worker failed")
        stop.set()
        os._exit(70)


def _tidy(house: House, stop: threading.Event) -> None:
    """Let go what is past its time, once an hour."""
    while not stop.wait(TIDY):
        try:
            house.database.run(lambda db: retention.tidy(db, house.clock()))
        except Exception:
            log.exception("tidying up failed")


def receive() -> None:
    """Listen for mail until SIGTERM or SIGINT."""
    found = parts.settings()
    house = parts.house(found)
    known = _Mailboxes(house.database)

    def write(arrivals: list[Arrival]) -> None:
        messages = [Received(a.data, a.via, a.mail_from, tuple(a.recipients), a.peer) for a in arrivals]
        house.database.run(lambda db: receiving.store(db, messages, house.clock()))

    listener = Listener(
        bind=found.inbound_bind, protocol=found.inbound_protocol, store=GroupCommit(write), hostname=found.organizer.domain or socket.gethostname(),
        accepts=known.accept,
    )  # fmt: skip

    def listening(host: str, port: int) -> None:
        path = found.data_dir / parts.INBOUND_FILE
        with contextlib.suppress(OSError):  # only /dev/mailbox reads it, on this machine
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{host}:{port}\n")
        click.echo(f"mail: {found.inbound_protocol}://{host}:{port}")

    run_listener(listener, listening)


class _Mailboxes:
    """Which addresses we read, looked up at most every two seconds."""

    def __init__(self, database: Database) -> None:
        self.database, self.known, self.until = database, {}, 0.0

    def accept(self, address: str) -> bool:
        """Whether we read mail for this address."""
        if time.monotonic() > self.until:
            with self.database.read() as db:
                self.known = receiving.mailboxes(db)
            self.until = time.monotonic() + 2.0
        return receiving.reads(self.known, address) is not None


def web() -> None:
    """Serve HTTP by granian until SIGTERM or SIGINT."""
    from ..web import server

    found = parts.settings()
    found = server.with_port(found)
    stop = _stopping()
    child = subprocess.Popen(server.command(found), env={**os.environ, **server.environment(found)}, preexec_fn=_die_with_parent)
    if server.wait_until_up(found, child, stop):
        click.echo(f"web: http://{found.http_bind[0]}:{found.http_bind[1]}")
    code = _until(child, stop)
    if not stop.is_set():
        raise SystemExit(code or 70)


def _until(child: subprocess.Popen, stop: threading.Event) -> int | None:
    while child.poll() is None and not stop.is_set():
        time.sleep(0.05)
    # granian can hang when SIGTERM reaches its whole process group (1 of 14 tries): the deadline is ours.
    _end([child], DEADLINE - 3)
    return child.returncode


def serve(*, with_demo: bool = False) -> None:
    """Everything in one go for the embedded default; SIGTERM or SIGINT ends all of it within 15 s."""
    from ..web import server

    found = server.with_port(parts.settings())
    if found.base_url == Settings.base_url:
        # Nobody said under which address we are reached: then it is where we listen, so that links in mails work at once.
        found = replace(found, base_url=f"http://{found.http_bind[0]}:{found.http_bind[1]}")
    stop = _stopping()
    migrate(found)
    signed_in = None
    if with_demo:
        signed_in = demo_data.fill_if_empty(found) or demo_data.fresh_link(found)
    supervisor = Supervisor(found, stop)
    try:
        addresses = supervisor.start()
        if addresses:
            for line in addresses:
                click.echo(line)
            if with_demo:
                click.echo(demo_data.what_to_try(found, addresses, signed_in))
            click.echo("ready")
            supervisor.watch()
    finally:
        supervisor.end()


def migrate(found: Settings) -> None:
    """Bring the schema up to date and make the first organisation."""
    migrations.upgrade(found.database_url)
    database = Database(found.database_url)
    try:
        parts.first_organisation(found, database)
    finally:
        database.close()


class Supervisor:
    """The three processes: started, their addresses read, started again when they die, ended together."""

    def __init__(self, found: Settings, stop: threading.Event) -> None:
        self.found, self.stop = found, stop
        self.children: dict[str, subprocess.Popen] = {}
        self.said: dict[str, str] = {}
        host, port = found.http_bind
        bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.environment = {
            **os.environ,
            "FEEDSERVER_HTTP_BIND": bind,
            "FEEDSERVER_BASE_URL": found.base_url,
            "FEEDSERVER_EXPECT_RECEIVER": "1",
        }
        (found.data_dir / parts.INBOUND_FILE).unlink(missing_ok=True)

    def start(self) -> list[str]:
        """Start all; the lines that they print, or nothing when stopped meanwhile."""
        for name in ("receive", "worker", "web"):
            self._spawn(name)
        while not self.stop.is_set() and len(self.said) < len(PARTS):
            for name, child in list(self.children.items()):
                if child.poll() is not None and name not in self.said:
                    raise SystemExit(f"{name} did not start (exit {child.returncode}); what it said stands above.")
            time.sleep(0.02)
        self._fix_port()
        return [] if self.stop.is_set() else [self.said[name] for name in PARTS]

    def _spawn(self, name: str) -> None:
        command = [sys.executable, "-m", "feedserver", name]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment, preexec_fn=_die_with_parent)
        self.children[name] = child
        threading.Thread(target=self._read, args=(name, child), daemon=True).start()

    def _read(self, name: str, child: subprocess.Popen) -> None:
        for line in child.stdout:
            if name not in self.said and line.startswith({"web": "web:", "worker": "worker:", "receive": "mail:"}[name]):
                self.said[name] = line.rstrip()
            elif not line.startswith(("web:", "worker:", "mail:")):
                click.echo(line.rstrip())

    def _fix_port(self) -> None:
        """A receiver that is started again comes back where it was, also when the port was chosen freely."""
        if "receive" in self.said:
            self.environment["FEEDSERVER_INBOUND_BIND"] = self.said["receive"].rpartition("//")[2]

    def watch(self) -> None:
        """Until told to stop; what died is started again, slower when it keeps dying."""
        died: dict[str, list[float]] = {name: [] for name in PARTS}
        while not self.stop.wait(0.1):
            for name, child in list(self.children.items()):
                if child.poll() is None:
                    continue
                died[name] = [t for t in died[name] if t > time.monotonic() - 60] + [time.monotonic()]
                log.error("a process died and is started again", process=name, exit=child.returncode)
                self.stop.wait(min(0.1 * 2 ** len(died[name]), 10))
                if not self.stop.is_set():
                    self._spawn(name)

    def end(self) -> None:
        """End all within the deadline."""
        _end(list(self.children.values()), DEADLINE)


def _end(children: list[subprocess.Popen], seconds: float) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for child in children:
        try:
            child.wait(max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _stopping() -> threading.Event:
    """Set by SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _die_with_parent() -> None:
    """Linux: a child gets SIGTERM when its parent is killed, so that nothing is left behind by kill -9."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM, 0, 0, 0)
