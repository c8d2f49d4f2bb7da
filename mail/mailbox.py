"""IMAP in: a mailbox that is polled. Every message is stored, with its UID, in one transaction, and only then marked as read.

Nothing is ever deleted or moved. A message that arrives while we look is taken whether or not somebody has read it: read mail is
no sign that we have it. Only of what lay there before we first came, mail that is both read and older than 30 days is left alone.
"""

from __future__ import annotations

import random
import select
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

import structlog
from imapclient import SEEN
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from feedserver.errors import FeedserverError
from feedserver.services import polling
from feedserver.services.house import House
from feedserver.services.polling import Found, NotOurs, Start

from .imap_opening import READ, Connection, MailboxUrl, close, open_mailbox, said, select_folder
from .smtp_input import Limits

log = structlog.get_logger()
POLL = 30.0
RENEW = 60.0  # RFC 2177 says 29 minutes; but firewalls forget silent connections, and Dovecot idles on in a folder that was deleted
STEP = 0.5
LEASE_LOOK = 5.0
REST = 60.0
HEADER = 65536
AT_ONCE = 25
WINDOW = 20_000  # UIDs asked for at once in a folder of more than MANY messages: imaplib bears lines of a million octets
MANY = 80_000
_ANSWERS = 4_000_000


class MailboxPolling:
    """Polls until `stop` is set, as the one worker that does. `worker_id` gives the id that this process lives under."""

    def __init__(
        self, house: House, url: MailboxUrl, stop: threading.Event, worker_id: Callable[[], int], context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:  # fmt: skip
        """`context` says whose certificates hold (the system's), `limits.message` how large a message may be."""
        self.house, self.url, self.stop, self.worker_id, self.context = house, url, stop, worker_id, context
        self.largest = (limits or Limits()).message
        self.failures = 0
        self._mailbox_id = 0
        self._step = WINDOW
        # A message whose fetching broke the connection: taken last and alone, so that it holds up no other.
        self._suspects: Counter[int] = Counter()
        self._in_hand: list[int] = []

    def run(self) -> None:
        """Hold the mailbox, poll it, come back after any failure."""
        self.house.database.run(lambda db: polling.forget_others(db, self.url.name))
        while not self.stop.is_set():
            try:
                if not self._hold():
                    self.stop.wait(1.0)
                    continue
                self.once()
            except NotOurs:
                log.info("another worker polls the mailbox", mailbox=self.url.name)
            except Exception as error:
                self._failed(error)
        if self._mailbox_id:
            self.house.database.run(lambda db: polling.let_go(db, self._mailbox_id, self.worker_id()))

    def once(self) -> None:
        """One connection, until it breaks, the mailbox is another worker's, or `stop` is set."""
        client = open_mailbox(self.url, self.context)
        try:
            known, first = 0, 0
            while not self.stop.is_set():
                client.allow(_ANSWERS)
                validity, following, messages = select_folder(client, self.url)
                self._step = WINDOW if messages > MANY else following
                uids: list[int] = []
                if validity != known:
                    start = self._begin(validity, following)
                    known, first, uids = validity, start.first_uid, self._old(client, start)
                uids += self._from(client, first, following)
                self._take(client, validity, uids)
                first = max([first, *(uid + 1 for uid in uids)])
                self._seen()
                self._wait(client)
        finally:
            close(client)

    def _begin(self, validity: int, following: int) -> Start:
        return self.house.database.run(lambda db: polling.begin(db, self._mailbox_id, validity, following, self.house.clock()))

    # -- what to take ----------------------------------------------------------------------------

    def _old(self, client: Connection, start: Start) -> list[int]:
        """What lay there before we first came and is wanted all the same."""
        found: list[int] = []
        for low, high in _windows(1, start.first_uid, self._step):
            client.allow(_ANSWERS)
            found += client.search(["UID", f"{low}:{high}", "OR", "UNSEEN", "SINCE", start.since.date()])
        return found

    def _from(self, client: Connection, first: int, following: int) -> list[int]:
        """Everything from this UID on."""
        found: list[int] = []
        for low, high in [*_windows(first, following, self._step), (max(first, following), "*")]:
            client.allow(_ANSWERS)
            # "n:*" names the last message also where n lies behind it (RFC 3501 6.4.8)
            found += [uid for uid in client.search(["UID", f"{low}:{high}"]) if uid >= low]
        return found

    def _take(self, client: Connection, validity: int, uids: list[int]) -> None:
        with self.house.database.read() as db:
            wanted = sorted(set(uids) - polling.known(db, self._mailbox_id, validity, uids))
        calm = [uid for uid in wanted if not self._suspects[uid]]
        batches = [calm[i : i + AT_ONCE] for i in range(0, len(calm), AT_ONCE)]
        for batch in [*batches, *([uid] for uid in wanted if self._suspects[uid])]:
            if self.stop.is_set():
                return
            self._in_hand = batch
            for found in self._fetched(client, batch):
                self._keep(validity, found)
                self._mark(client, [one.uid for one in found if not one.refused])
            self._in_hand = []
            for uid in batch:
                del self._suspects[uid]

    def _fetched(self, client: Connection, uids: list[int]) -> Iterator[list[Found]]:
        """The messages in portions of at most one largest message; what is larger is known by its size and never asked for."""
        client.allow(_ANSWERS)
        sizes = {uid: row[b"RFC822.SIZE"] for uid, row in client.fetch(uids, ["RFC822.SIZE"]).items()}
        large = [uid for uid, size in sizes.items() if size > self.largest]
        portion: list[int] = []
        for uid in sizes:
            if uid in large:
                continue
            if portion and sum(sizes[one] for one in portion) + sizes[uid] > self.largest:
                yield self._whole(client, portion)
                portion = []
            portion.append(uid)
        if portion:
            yield self._whole(client, portion)
        if large:
            yield self._headers(client, {uid: sizes[uid] for uid in large})

    def _whole(self, client: Connection, uids: list[int]) -> list[Found]:
        client.allow(2 * self.largest + _ANSWERS)
        rows = client.fetch(uids, ["BODY.PEEK[]"])
        # What somebody deleted meanwhile is missing in the answer, or has no text.
        return [Found(uid, row[b"BODY[]"]) for uid, row in rows.items() if row.get(b"BODY[]")]

    def _headers(self, client: Connection, sizes: dict[int, int]) -> list[Found]:
        client.allow(len(sizes) * HEADER + _ANSWERS)
        rows = client.fetch(list(sizes), [f"BODY.PEEK[HEADER]<0.{HEADER}>"])
        most = f"{self.largest / 1_048_576:.0f} MiB"
        return [
            Found(uid, row.get(b"BODY[HEADER]<0>") or b"", f"It has {sizes[uid]:,} octets, more than {most}; it was not fetched and still lies in {self.url.folder}.")
            for uid, row in rows.items()
        ]  # fmt: skip

    def _keep(self, validity: int, found: list[Found]) -> None:
        if not found:
            return
        mine, now = self.worker_id(), self.house.clock()
        new = self.house.database.run(lambda db: polling.keep(db, self._mailbox_id, mine, validity, found, self.url.host, now))
        log.info("taken from the mailbox", messages=len(found), new=new)

    def _mark(self, client: Connection, uids: list[int]) -> None:
        """Shown as read, for people who look into the mailbox; that we have it is known by its UID alone."""
        try:
            if uids:
                client.add_flags(uids, [SEEN], silent=True)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            log.info("the mailbox does not let us mark mail as read", said=said(error))

    # -- between two looks -----------------------------------------------------------------------

    def _wait(self, client: Connection) -> None:
        """Until the server says that something is new; where it cannot (no IDLE, RFC 2177), for 30 s."""
        client.allow(_ANSWERS)
        if not client.has_capability("IDLE"):
            self._pause(POLL, lambda: self.stop.wait(min(STEP, POLL)))
            return
        client.idle()
        self._pause(RENEW, lambda: _something(client))
        client.idle_done()

    def _pause(self, seconds: float, over: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        look = time.monotonic() + LEASE_LOOK
        while time.monotonic() < end and not self.stop.is_set() and not over():
            if time.monotonic() >= look:
                self._check_lease()
                look = time.monotonic() + LEASE_LOOK

    def _check_lease(self) -> None:
        with self.house.database.read() as db:
            if not polling.holds(db, self._mailbox_id, self.worker_id()):
                raise NotOurs

    # -- the mailbox's row -----------------------------------------------------------------------

    def _hold(self) -> bool:
        mine, now = self.worker_id(), self.house.clock()
        held = self.house.database.run(lambda db: polling.hold(db, self.url.name, mine, now)) if mine else None
        self._mailbox_id = held or 0
        return held is not None

    def _seen(self) -> None:
        self.failures = 0
        self._noted(lambda db, now: polling.seen(db, self._mailbox_id, now))

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._suspects.update(self._in_hand)
        self._in_hand = []
        words = error.detail if isinstance(error, FeedserverError) else f"{self.url.host} broke off: {said(error)}"
        log.warning("the mailbox could not be polled", mailbox=self.url.name, reason=words, failures=self.failures)
        # Connections end now and then; it is a problem when the next one does not come about.
        if self._mailbox_id and self.failures > 1:
            try:
                self._noted(lambda db, now: polling.note_problem(db, self._mailbox_id, words, now))
            except Exception:
                log.exception("the mailbox's problem could not be noted")
        if self.failures > 1:
            self.stop.wait(min(REST, 2.0 ** (self.failures - 2)) * random.uniform(0.5, 1.0))  # noqa: S311

    def _noted(self, note: Callable[[object, datetime], None]) -> None:
        self.house.database.run(lambda db: note(db, self.house.clock()))


def _something(client: Connection) -> bool:
    """Whether the server has said something, at most half a second later. What it said with the last answer is in imaplib's buffer already."""
    sock = client.socket()
    sock.setblocking(False)
    try:
        if client._imap.file.peek(1):
            return True
    except (BlockingIOError, ssl.SSLWantReadError):
        pass
    finally:
        sock.settimeout(READ)
    return bool(select.select([sock], [], [], STEP)[0])


def _windows(low: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """low to end - 1 in pieces."""
    for start in range(low, end, step):
        yield start, min(start + step, end) - 1
