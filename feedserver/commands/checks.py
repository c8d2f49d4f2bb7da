"""What `doctor` looks at: each check is one line, with what to mend. Nothing is changed, nothing is sent, no DNS is asked."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import tzdata
from imapclient.exceptions import IMAPClientError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mail.imap_opening import MailboxUrl, close, open_mailbox, said, select_folder
from mail.opening import RelayUrl, Timeouts, open_relay

from ..addresses import canonical
from ..errors import FeedserverError
from ..services import circle_watch, polling, reissuing
from ..services.house import utc_now
from ..settings import LOOPBACK, Settings
from ..store import migrations, organisations
from ..store.database import Database
from ..store.history import HistoryEntry
from ..store.inbox import PENDING, InboundMessage
from ..store.outbox import DEAD, DEFERRED, MAIL, QUEUED, Delivery, RelayPace, Worker, for_mail
from . import parts

OK, WARN, FAIL = "ok", "warn", "FAIL"
PATIENCE = 5.0
LEAST_SPACE = 500_000_000
SYSTEM_ZONES = Path("/usr/share/zoneinfo/tzdata.zi")
# Domains that no mail from outside ever reaches (RFC 2606, 6761, 6762).
_RESERVED = ("localhost", "example", "example.com", "example.net", "example.org", "test", "invalid", "local", "internal")


@dataclass(frozen=True)
class Line:
    """One line of the report."""

    level: str
    subject: str
    words: str

    def __str__(self) -> str:
        return f"{self.level:<4} {self.subject}: {self.words}"


def examine(found: Settings, now: datetime) -> Iterator[Line]:
    """All checks, in the order in which one mends."""
    yield from _settings(found)
    yield from _database(found, now)
    yield _zones()
    yield _smtp(found)
    yield _receiver(found)
    if found.imap_url:
        yield _mailbox(found)
    yield _web(found)
    yield _advice(found)


def _settings(found: Settings) -> Iterator[Line]:
    host = urlsplit(found.base_url).hostname
    if host in LOOPBACK:
        yield Line(OK, "BASE_URL", f"{found.base_url}: only this machine reaches it.")
    elif found.base_url.startswith("https:"):
        yield Line(OK, "BASE_URL", found.base_url)
    else:
        yield Line(
            WARN, "BASE_URL", f"{found.base_url} sends feed addresses in clear, and Outlook and Google want https: put TLS in front."
        )
    path = found.data_dir / parts.KEY_FILE
    if path.exists() and path.stat().st_mode & 0o077:
        yield Line(WARN, "SECRET_KEYS", f"others on this machine can read {path}: chmod 600 it.")
    with suppress(OSError):
        free = shutil.disk_usage(found.data_dir).free
        level = OK if free >= LEAST_SPACE else WARN
        yield Line(level, "disk", f"{free / 1e9:.1f} GB free beside the database." + ("" if level == OK else " Make room."))


def _database(found: Settings, now: datetime) -> Iterator[Line]:
    if found.database_url.startswith("sqlite") and not Path(found.database_url.partition(":///")[2].partition("?")[0]).exists():
        yield Line(FAIL, "database", "there is none yet: run `python -m feedserver migrate`.")
        return
    database = Database(found.database_url)
    try:
        with database.read() as db:
            if not migrations.is_current(db.connection()):
                yield Line(FAIL, "database", "its schema is not that of this version: run `python -m feedserver migrate`.")
                return
            yield Line(OK, "database", "reachable, schema current.")
            for check in (_durability, _clock, _organisation, _worker, _outbox, _inbox, _circle):
                yield check(db, found, now)
            if found.imap_url:
                yield _polled(db, found, now)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
        yield Line(FAIL, "database", f"cannot be used ({reason}): look at DATABASE_URL.")
    finally:
        database.close()


def zones(found: Settings, now: datetime) -> Iterator[Line]:
    """Sessions that a change of zone data has moved, in every organisation."""
    database = Database(found.database_url)
    try:
        with database.read() as db:
            moved = reissuing.shifted(db, now)
    except SQLAlchemyError as error:
        yield Line(FAIL, "database", f"cannot be used ({str(error).splitlines()[0][:200]}): look at DATABASE_URL.")
        return
    finally:
        database.close()
    for one in moved:
        dates = f" and {one.dates - 1} more dates" if one.dates > 1 else ""
        yield Line(
            WARN, f"session {one.session_id}",
            f"{one.title}: {one.was:%Y-%m-%d %H:%M} UTC{dates} is {one.now:%Y-%m-%d %H:%M} UTC by the present data of {one.timezone}.",
        )  # fmt: skip
    if moved:
        yield Line(WARN, "zones", f"{len(moved)} to send again: Today and their pages have the button, or POST /sessions/ID/reissue.")
    else:
        yield Line(OK, "zones", "every coming session is where its local time says.")


def _durability(db: Session, found: Settings, now: datetime) -> Line:
    def ask(statement: str) -> str:
        return str(db.connection().exec_driver_sql(statement).scalar()).lower()

    if found.database_url.startswith("sqlite"):
        journal, synchronous = ask("PRAGMA journal_mode"), ask("PRAGMA synchronous")
        if journal == "wal" and synchronous == "2":
            return Line(OK, "durability", "SQLite with WAL and synchronous=FULL.")
        return Line(FAIL, "durability", f"SQLite has journal_mode={journal}, synchronous={synchronous}; is its folder on a network disk?")
    off = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if ask(f"SHOW {name}") == "off"]
    if off:
        return Line(FAIL, "durability", f"PostgreSQL has {', '.join(off)} off: a power cut loses mail that we said yes to. Turn it on.")
    return Line(OK, "durability", "PostgreSQL with fsync and synchronous_commit on.")


def _clock(db: Session, found: Settings, now: datetime) -> Line:
    newest = db.scalar(select(func.max(HistoryEntry.at)))
    if newest is not None and newest > now + timedelta(minutes=1):
        return Line(
            FAIL, "clock", f"it is {now:%Y-%m-%d %H:%M} UTC here, but something was written at {newest:%Y-%m-%d %H:%M}: set the clock."
        )
    if not found.database_url.startswith("sqlite"):
        theirs = float(db.connection().exec_driver_sql("SELECT extract(epoch from clock_timestamp())").scalar())
        apart = abs(theirs - utc_now().timestamp())
        if apart > 2:
            return Line(WARN if apart < 30 else FAIL, "clock", f"{apart:.0f} s apart from the database's: run NTP on both machines.")
    return Line(OK, "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC.")


def _organisation(db: Session, found: Settings, now: datetime) -> Line:
    there = organisations.first(db)
    if there is None:
        return Line(FAIL, "ORGANIZER", "there is no organisation yet: run `python -m feedserver migrate`.")
    if found.organizer != Settings().organizer and canonical(found.organizer.address) != there.mailbox_key:
        return Line(
            WARN, "ORGANIZER", f"the setting says {found.organizer}, but the database has {there.mailbox}, and that holds: make them agree."
        )
    return Line(OK, "ORGANIZER", f"{there.mailbox} ({there.name}).")


def _worker(db: Session, found: Settings, now: datetime) -> Line:
    alive = db.scalar(select(func.count()).select_from(Worker).where(for_mail(), Worker.alive_until >= now, Worker.stopped_at.is_(None)))
    if not alive:
        return Line(FAIL, "worker", "none is alive, so no mail is sent or read: start `python -m feedserver serve` or `worker`.")
    return Line(OK, "worker", f"{alive} alive.")


def _outbox(db: Session, found: Settings, now: datetime) -> Line:
    mail = Delivery.channel == MAIL
    waiting = mail & Delivery.state.in_((QUEUED, DEFERRED))
    oldest = db.scalar(select(func.min(Delivery.due_at)).where(waiting, Delivery.due_at <= now))
    if oldest is not None and oldest < now - timedelta(minutes=2):
        problem = db.scalar(select(RelayPace.problem).where(RelayPace.problem.is_not(None)).limit(1))
        return Line(WARN, "outgoing mail", f"something is due for {_ago(now - oldest)}. {problem or 'See deliveries in the web UI.'}")
    dead = db.scalar(
        select(func.count()).select_from(Delivery).where(mail, Delivery.state == DEAD, Delivery.final_at > now - timedelta(days=1))
    )
    if dead:
        return Line(WARN, "outgoing mail", f"{dead} messages could not be delivered in the last day: see deliveries in the web UI.")
    return Line(OK, "outgoing mail", "nothing is late.")


def _inbox(db: Session, found: Settings, now: datetime) -> Line:
    pending = InboundMessage.outcome == PENDING
    count, oldest = db.execute(select(func.count(), func.min(InboundMessage.received_at)).where(pending)).one()
    if oldest is not None and oldest < now - timedelta(minutes=1):
        return Line(WARN, "incoming mail", f"{count} messages wait to be read, the first for {_ago(now - oldest)}: is a worker alive?")
    return Line(OK, "incoming mail", "nothing waits to be read.")


def _polled(db: Session, found: Settings, now: datetime) -> Line:
    if (trouble := polling.trouble(db)) is not None:
        return Line(FAIL, "mailbox", f"for {_ago(now - trouble[1])}: {trouble[0]}")
    last = polling.last_seen(db, MailboxUrl.parse(found.imap_url or "").name)
    if last is None:
        return Line(WARN, "mailbox", "nobody has looked into it yet: start `python -m feedserver serve` or `worker`.")
    if last < now - polling.SILENT:
        return Line(FAIL, "mailbox", f"nobody has looked into it for {_ago(now - last)}: is a worker alive?")
    return Line(OK, "mailbox", "looked through just now.")


def _circle(db: Session, found: Settings, now: datetime) -> Line:
    if found.captures:
        return Line(OK, "answers", "mail is captured, so no hourly test goes out.")
    known = circle_watch.figures(db, now)
    if not known:
        return Line(OK, "answers", "no session with calendar invitations is coming, so no hourly test goes out.")
    broken = [name for name, (closed, _) in known.items() if not closed]
    if broken:
        return Line(FAIL, "answers", f"the hourly test mail of {', '.join(broken)} does not come back: Today says where it is lost.")
    oldest = max((seconds for _, seconds in known.values() if seconds is not None), default=None)
    if oldest is None:
        return Line(OK, "answers", "the first hourly test mail goes out an hour after the first session with invitations.")
    level = OK if timedelta(seconds=oldest) <= circle_watch.SILENT else WARN
    return Line(level, "answers", f"a test mail went out and came back {_ago(timedelta(seconds=oldest))} ago.")


def _zones() -> Line:
    words = f"tzdata {tzdata.IANA_VERSION}, as pinned"
    with suppress(OSError, IndexError):
        system = SYSTEM_ZONES.open(encoding="utf-8").readline().split()[-1]
        if system != tzdata.IANA_VERSION:
            words += f"; the system's own is {system} and is not used"
    return Line(OK, "zone data", f"{words}.")


def _smtp(found: Settings) -> Line:
    if found.captures:
        return Line(OK, "SMTP_URL", "capture: no mail leaves; it is kept and shown at /dev/mailbox.")
    try:
        url = RelayUrl.parse(found.smtp_url)
        relay = open_relay(url, Timeouts(connect=PATIENCE, greeting=PATIENCE, command=PATIENCE), None, None)
    except FeedserverError as error:
        return Line(FAIL, "SMTP_URL", error.detail)
    encrypted = isinstance(relay.sock, ssl.SSLSocket)
    with suppress(Exception):
        relay.quit()
    said = f"{url} answers, {'encrypted' if encrypted else 'in clear'}"
    if url.host not in LOOPBACK and url.tls in ("opportunistic", "none"):
        return Line(WARN, "SMTP_URL", f"{said}; somebody in between could read along: add ?tls=required.")
    return Line(OK, "SMTP_URL", f"{said}.")


def _receiver(found: Settings) -> Line:
    host, port = found.inbound_bind
    if not port:
        with suppress(OSError, ValueError):
            host, _, text = (found.data_dir / parts.INBOUND_FILE).read_text().strip().rpartition(":")
            port = int(text)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    try:
        with socket.create_connection((host, port), PATIENCE) as connection:
            greeting = connection.recv(512)
    except OSError as error:
        level = WARN if found.imap_url else FAIL
        return Line(level, "receiver", f"nobody listens at {host}:{port} ({error}): start `python -m feedserver serve` or `receive`.")
    if not greeting.startswith(b"220"):
        return Line(FAIL, "receiver", f"what listens at {host}:{port} is no mail receiver: look at INBOUND_BIND.")
    return Line(OK, "receiver", f"listens at {host}:{port} ({found.inbound_protocol}).")


def _mailbox(found: Settings) -> Line:
    try:
        url = MailboxUrl.parse(found.imap_url or "")
        client = open_mailbox(url, patience=PATIENCE)
        try:
            messages = select_folder(client, url, readonly=True)[2]
        finally:
            close(client)
    except FeedserverError as error:
        return Line(FAIL, "IMAP_URL", error.detail)
    except (IMAPClientError, OSError) as error:
        return Line(FAIL, "IMAP_URL", f"the server broke off: {said(error)}")
    words = f"{url.name} opens and holds {messages} messages"
    if url.tls == "none" and url.host not in LOOPBACK:
        return Line(WARN, "IMAP_URL", f"{words}; its password crosses the net in clear: write imaps://.")
    return Line(OK, "IMAP_URL", f"{words}.")


def _web(found: Settings) -> Line:
    address = urlsplit(found.base_url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    # From inside, an address that holds outside may not be reachable.
    level = FAIL if address.hostname in LOOPBACK else WARN
    try:
        with closing(kind(address.hostname, address.port, timeout=PATIENCE)) as connection:
            connection.request("GET", f"{address.path}/healthz")
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Line(
            level, "web", f"{found.base_url} does not answer ({error or type(error).__name__}): start it, or set BASE_URL to where it is."
        )
    if status != http.client.OK:
        return Line(FAIL, "web", f"{found.base_url}/healthz says {status}: is that this server, and its schema current?")
    return Line(OK, "web", f"{found.base_url} answers.")


def _advice(found: Settings) -> Line:
    domain = found.organizer.domain
    if any(domain == name or domain.endswith(f".{name}") for name in _RESERVED):
        return Line(OK, "DNS", f"no mail from outside reaches {domain}: for real use give ORGANIZER a domain of its own.")
    return Line(
        OK, "DNS", f"look yourself: the MX of {domain} must lead to this receiver (port 25 to INBOUND_BIND), and its SPF and DKIM must cover the relay."
    )  # fmt: skip


def _ago(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
