"""A polled mailbox at a real Dovecot: each message is taken once, whatever breaks, and people see when it cannot be."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from imaplib import Time2Internaldate
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver.errors import ConfigurationError
from feedserver.services import polling
from feedserver.services.house import House
from feedserver.store import claims
from feedserver.store.database import Database
from feedserver.store.inbox import InboundMessage
from feedserver.store.mailboxes import PolledMailbox
from feedserver.store.organisations import Organisation
from mail import mailbox
from mail.imap_opening import Connection, MailboxRefused, MailboxUnavailable, MailboxUrl, open_mailbox, select_folder
from mail.mailbox import MailboxPolling
from mail.smtp_input import Limits
from tests.support.mail_servers import CERTIFICATE, Dovecot
from tests.support.product import poll

OURS = ssl.create_default_context(cafile=CERTIFICATE)
TRAINING = "Training"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as one:
        yield one


class Polled:
    """A worker that polls one folder of one person's mailbox, on a thread."""

    def __init__(self, dovecot: Dovecot, path: Path, user: str, url: str = "") -> None:
        self.dovecot, self.user = dovecot, user
        self.url = MailboxUrl.parse(url or dovecot.url(user, TRAINING))
        self.house = House(Database(f"sqlite:///{path}"), "https://t.example")
        with self.house.database.write() as db:
            values = {"mailbox_name": "Training", "mailbox_address": "t@t.example", "mailbox_key": "t@t.example", "timezone": "UTC"}
            db.add(Organisation(name="Acme", **values, created_at=datetime.now(UTC)))
            self.worker = claims.enter(db, "test", datetime.now(UTC) + timedelta(days=1))
        self.thread = threading.Thread()
        self.stop = threading.Event()
        with dovecot.mailbox(user) as client:
            client.create(TRAINING)

    def start(self) -> None:
        self.stop = threading.Event()
        polled = MailboxPolling(self.house, self.url, self.stop, lambda: self.worker, OURS, Limits(message=400_000))
        self.thread = threading.Thread(target=polled.run)
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        if self.thread.ident:
            self.thread.join(60)
            assert not self.thread.is_alive()

    def deliver(self, *subjects: str, flags: str = "", days: float = 0, octets: int = 0) -> None:
        when = Time2Internaldate(time.time() - days * 86400)
        with self.dovecot.mailbox(self.user) as client:
            for subject in subjects:
                raw = f"From: Mia <mia@corp.example>\r\nSubject: {subject}\r\n\r\n{'x' * 78}\r\n".encode() + b"y" * octets
                assert client.append(TRAINING, flags, when, raw)[0] == "OK"

    def taken(self, number: int) -> list[str]:
        """The subjects in the inbox, once there are so many."""
        poll(lambda: len(self.rows()) >= number, lambda: f"{self.subjects()}, problem: {self.row().problem}")
        return self.subjects()

    def subjects(self) -> list[str]:
        return [row.raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for row in self.rows()]

    def rows(self) -> list[InboundMessage]:
        with self.house.database.read() as db:
            return list(db.scalars(select(InboundMessage).order_by(InboundMessage.id)))

    def row(self) -> PolledMailbox | None:
        with self.house.database.read() as db:
            return db.scalars(select(PolledMailbox)).first()

    def looked(self) -> None:
        """Until it has looked through the folder, and all is well."""
        poll(lambda: (row := self.row()) and row.last_seen_at and not row.problem, lambda: f"problem: {self.row().problem}")


@pytest.fixture
def polled(dovecot: Dovecot, tmp_path: Path, sqlite_url: str, request: pytest.FixtureRequest) -> Iterator[Polled]:
    one = Polled(dovecot, tmp_path / "feedserver.db", f"u{abs(hash(request.node.name))}")
    yield one
    one.end()


def test_mail_is_taken_at_once_marked_as_read_and_never_again(polled, monkeypatch):
    monkeypatch.setattr(mailbox, "RENEW", 3600.0)  # so that nothing but IDLE brings news
    polled.deliver("before")
    polled.start()
    assert polled.taken(1) == ["before"]
    polled.deliver("a", "b")
    assert polled.taken(3) == ["before", "a", "b"]
    poll(lambda: polled.dovecot.unread(polled.user, TRAINING) == 0, "not marked as read")
    polled.end()
    polled.start()
    polled.deliver("c")
    assert polled.taken(4) == ["before", "a", "b", "c"]
    assert {row.via for row in polled.rows()} == {"imap"}


def test_of_what_lay_there_only_old_mail_that_somebody_has_read_is_left_alone(polled):
    polled.deliver("old and read", flags="\\Seen", days=60)
    polled.deliver("old", days=60)
    polled.deliver("read", flags="\\Seen", days=5)
    polled.start()
    assert polled.taken(2) == ["old", "read"]
    polled.deliver("read before we looked", flags="\\Seen")
    assert polled.taken(3)[2:] == ["read before we looked"]


def test_without_idle_it_looks_again_by_itself(polled, monkeypatch):
    monkeypatch.setattr(mailbox, "POLL", 0.1)
    monkeypatch.setattr(Connection, "has_capability", lambda self, name: name != "IDLE")
    polled.start()
    polled.looked()
    polled.deliver("a")
    assert polled.taken(1) == ["a"]


def test_what_is_too_large_is_refused_to_be_seen_and_never_fetched(polled):
    polled.deliver("with a film", octets=500_000)
    polled.deliver("small")
    polled.start()
    polled.taken(2)
    large, small = sorted(polled.rows(), key=lambda row: row.outcome, reverse=True)
    assert (large.outcome, large.subject, large.sender) == ("rejected", "with a film", "mia@corp.example") and small.outcome == "pending"
    assert "500," in large.reason and len(large.raw) < 1000
    assert polled.dovecot.unread(polled.user, TRAINING) == 1


def test_a_new_uidvalidity_brings_what_was_missed_and_nothing_twice(polled, monkeypatch):
    monkeypatch.setattr(mailbox, "RENEW", 0.5)
    polled.deliver("a", "b")
    polled.start()
    polled.taken(2)
    before = polled.row().uid_validity
    with polled.dovecot.mailbox(polled.user) as client:
        client.delete(TRAINING)
        client.create(TRAINING)
    polled.deliver("a", "b", "c")
    assert polled.taken(3) == ["a", "b", "c"]
    assert polled.row().uid_validity != before


def test_a_server_that_was_killed_is_found_again_and_people_see_it_meanwhile(tmp_path, sqlite_url):
    with Dovecot() as dovecot:
        polled = Polled(dovecot, tmp_path / "feedserver.db", "training")
        with contextlib.closing(contextlib.ExitStack()) as stack:
            stack.callback(polled.end)
            polled.start()
            polled.looked()
            dovecot.kill9()
            poll(lambda: polled.row().problem, "nobody sees that it is down")
            assert "cannot be used" in polled.row().problem and polled.row().problem_at
            dovecot.start()
            polled.deliver("after")
            assert polled.taken(1) == ["after"]
            polled.looked()


class Cutting(socketserver.ThreadingTCPServer):
    """In front of a Dovecot: ends the first `cuts` connections after so many octets of its answers."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, octets: int, cuts: int) -> None:
        super().__init__(("127.0.0.1", 0), _Cut)
        self.behind, self.octets, self.cuts = port, octets, cuts


class _Cut(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:
            threading.Thread(target=self.copy_in, args=(behind,), daemon=True).start()
            passed = 0
            with contextlib.suppress(OSError):
                while data := behind.recv(4096):
                    passed += len(data)
                    if passed > self.server.octets and self.server.cuts:
                        self.server.cuts -= 1
                        return
                    self.request.sendall(data)

    def copy_in(self, behind: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(4096):
                behind.sendall(data)


def test_a_message_cut_in_two_is_fetched_again_and_stored_once(dovecot, tmp_path, sqlite_url):
    with Cutting(dovecot.port, 100_000, cuts=2) as cutting:
        threading.Thread(target=cutting.serve_forever, daemon=True).start()
        url = f"imap://cut:secret@127.0.0.1:{cutting.server_address[1]}/{TRAINING}?tls=none"
        polled = Polled(dovecot, tmp_path / "feedserver.db", "cut", url)
        polled.deliver("long", octets=300_000)
        polled.start()
        poll(lambda: cutting.cuts < 2, "nothing was cut")
        polled.deliver("short")
        assert polled.taken(2) == ["short", "long"], "the one that breaks the connection waits for the others"
        assert cutting.cuts == 0
        polled.end()
        cutting.shutdown()


def test_a_server_that_announces_gigabytes_is_left(tmp_path):
    said = [
        b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\n{} OK done\r\n", b"{} OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[] {9999999999}\r\nx",
    ]  # fmt: skip

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(said[0])
            for line, answer in zip(lines, said[1:], strict=False):
                connection.sendall(answer.replace(b"{}", line.split()[0], 1) if b"{}" in answer else answer)
            lines.readline()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        client = open_mailbox(MailboxUrl.parse(f"imap://u:p@127.0.0.1:{server.getsockname()[1]}/?tls=none"))
        client._imap.state = "SELECTED"
        client.allow(1_000_000)
        with pytest.raises(Exception, match="more than was asked for"):
            client.fetch([1], ["BODY.PEEK[]"])
        client.shutdown()


def test_what_is_wrong_with_the_setting_is_said_in_words(dovecot):
    good = dovecot.url()
    with pytest.raises(MailboxUnavailable, match="certificate of localhost does not hold"):
        open_mailbox(MailboxUrl.parse(good))
    with pytest.raises(MailboxRefused, match="refuses user and password"):
        open_mailbox(MailboxUrl.parse(good.replace("secret", "wrong")), OURS)
    with pytest.raises(MailboxUnavailable, match="cannot be used"):
        open_mailbox(MailboxUrl.parse("imaps://u:p@127.0.0.1:9/"), OURS)
    url = MailboxUrl.parse(f"imap://training:secret@localhost:{dovecot.port}/Nowhere")
    client = open_mailbox(url, OURS)
    assert isinstance(client.socket(), ssl.SSLSocket), "imap:// without a word is encrypted by STARTTLS"
    with pytest.raises(MailboxRefused, match="folder Nowhere"):
        select_folder(client, url)
    client.shutdown()
    for wrong in ("imaps://host/INBOX", "http://u:p@host", "imap://u:p@host?tls=maybe", "imaps://u:p@host:x/"):
        with pytest.raises(ConfigurationError):
            MailboxUrl.parse(wrong)


def test_of_two_workers_one_polls_and_the_other_takes_over_when_it_dies(database_url):
    now = datetime(2026, 11, 21, 10, tzinfo=UTC)
    database = Database(database_url)
    first, second = (database.run(lambda db: claims.enter(db, "w", now)) for _ in range(2))

    def hold(worker: int, seconds: float) -> int | None:
        return database.run(lambda db: polling.hold(db, "t@host/INBOX", worker, now + timedelta(seconds=seconds)))

    number = hold(first, 0)
    assert number and hold(first, 5) == number and hold(second, 9) is None
    assert hold(second, 11) == number, "the first one's lease has run out"
    database.run(lambda db: polling.begin(db, number, 7, 1, now))
    with pytest.raises(polling.NotOurs):
        database.run(lambda db: polling.keep(db, number, first, 7, [polling.Found(1, b"Subject: x\r\n\r\n")], "host", now))
    with pytest.raises(polling.NotOurs):
        database.run(lambda db: polling.keep(db, number, second, 8, [polling.Found(1, b"Subject: x\r\n\r\n")], "host", now))
    assert [
        database.run(lambda db: polling.keep(db, number, second, 7, [polling.Found(1, b"Subject: x\r\n\r\n")], "host", now)) for _ in "ab"
    ] == [1, 0]
    database.close()
