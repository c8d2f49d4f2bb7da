"""The outgoing loop: claim, fill, hand over, mark. Connections stay open, each in a thread of its own.

A message is marked sent, durably against a killed process, before the next one's body leaves the same connection: so a worker killed at any
moment repeats at most one message per open connection, and that one octet for octet.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

import structlog
from sqlalchemy import insert, update

from feedserver.imip.skeleton import Skeleton
from feedserver.services import bouncing, refilling
from feedserver.services.house import House
from feedserver.services.leasing import Leased
from feedserver.settings import Settings
from feedserver.store import claims, keys
from feedserver.store.base import microseconds
from feedserver.store.claims import Claimed
from feedserver.store.outbox import CapturedMessage, Delivery

from .opening import RelayRefused, RelayUnavailable, RelayUrl
from .relay import Connection, Envelope, Outcome, Timeouts
from .retries import about_the_address, after

log = structlog.get_logger()
BATCH = 250
POLL = 0.2
UNSENT = 4
RESTS = (1, 2, 5, 10, 20, 30, 60)
_SENT = "UPDATE deliveries SET state='sent', final_at=?, last_code=250, last_error=NULL WHERE id=? AND worker_id=? AND fence=? AND state='sending'"
_OTHER = (
    "UPDATE deliveries SET state=?, due_at=coalesce(?, due_at), final_at=?, last_code=?, last_error=?, bounce_class=coalesce(?, bounce_class), "
    "ambiguous=ambiguous+?, attempts=attempts-?, worker_id=NULL WHERE id=? AND worker_id=? AND fence=? AND state='sending'"
)


class Outgoing(Leased):
    """The sending half of a worker. `run` returns when `stop` is set and everything in hand is settled or given back."""

    def __init__(self, house: House, settings: Settings, stop: threading.Event, *, timeouts: Timeouts | None = None) -> None:
        super().__init__(house, stop)
        self.settings = settings
        self.timeouts = timeouts or Timeouts()
        self._ready: queue.Queue[Claimed] = queue.Queue()
        self._unmarked: queue.SimpleQueue[tuple[str, tuple]] = queue.SimpleQueue()
        # SQLite has one writer, and who waits for it sleeps: within this process the threads take turns instead.
        self._mark_lock = threading.Lock() if self.database.is_sqlite else contextlib.nullcontext()
        self._resting_until = 0.0
        self._failures = 0
        self._skeleton = lru_cache(maxsize=512)(self._load_skeleton)
        self._secrets: dict[int, str] = {}
        self._unsent: Counter[int] = Counter()
        place = "%s" if not self.database.is_sqlite else "?"
        self._sent_sql, self._other_sql = _SENT.replace("?", place), _OTHER.replace("?", place)

    def run(self) -> None:
        """Send until told to stop; a lease that was lost (the process had slept) begins a new life with a new worker id."""
        while not self.stop.is_set():
            self._enter(f"{socket.gethostname()}:{os.getpid()}")
            threads = [threading.Thread(target=self._beat, name="heartbeat")]
            if not self.settings.captures:
                threads += [threading.Thread(target=self._send, name=f"relay-{n}") for n in range(self.settings.smtp_connections)]
            for thread in threads:
                thread.start()
            try:
                self._feed()
            finally:
                for thread in threads:
                    thread.join()
                self._drop_ready()
                self._mark_again()
                self._leave()
                self.database.drop_raw()

    def _feed(self) -> None:
        """Claim ahead of the connections, look after the dead and the late."""
        swept = 0.0
        while not self._over:
            try:
                if time.monotonic() - swept > 1.0:
                    self._mark_again()
                    with self._mark_lock:
                        self.database.run(self._sweep)
                    swept = time.monotonic()
                if self._ready.qsize() >= BATCH // 2:
                    time.sleep(0.002)  # enough in hand
                elif self._claim() == 0:
                    self.stop.wait(POLL)
            except Exception:
                log.exception("the outbox could not be read")
                self.stop.wait(1.0)

    def _sweep(self, db) -> None:
        now = self.house.clock()
        claims.reclaim(db, now)
        claims.give_way(db, now)
        claims.expire(db, now)

    def _claim(self) -> int:
        if self._resting_until > time.monotonic() or not self._anything_due():
            return 0
        with self._mark_lock:
            taken = self.database.run(self._take)
        if self.settings.captures:
            envelopes = [envelope for one in taken if (envelope := self._filled(one, {})) is not None]
            if envelopes:
                self.database.run(lambda db: self._capture(db, envelopes))
        else:
            for one in taken:
                self._ready.put(one)
        return len(taken)

    def _anything_due(self) -> bool:
        with self.database.read() as db:
            return claims.anything_due(db, self.house.clock())

    def _take(self, db) -> list[Claimed]:
        now, limit = self.house.clock(), BATCH
        rate = self.settings.smtp_rate
        if rate:
            due = claims.claim(db, self.worker_id, now, max(1, min(limit, rate // 60 + 1)))
            allowed = claims.pace(db, self._relay_name, now, rate, len(due)) if due else 0
            if allowed < len(due):
                claims.release(db, self.worker_id, now, ids=[one.row.id for one in due[allowed:]])
            return due[:allowed]
        return claims.claim(db, self.worker_id, now, limit)

    @property
    def _relay_name(self) -> str:
        return "capture" if self.settings.captures else str(RelayUrl.parse(self.settings.smtp_url))

    # -- filling ---------------------------------------------------------------------------------

    def _load_skeleton(self, skeleton_id: int) -> tuple[Skeleton, str]:
        with self.database.read() as db:
            body, base_url = claims.skeleton(db, skeleton_id)
        return Skeleton.from_bytes(body), base_url

    def _secret(self, key_id: int) -> str:
        if key_id not in self._secrets:
            with self.database.read() as db:
                self._secrets = keys.all_of(db)
        return self._secrets[key_id]

    def _envelope(self, one: Claimed) -> Envelope:
        row = one.row
        skeleton, base_url = self._skeleton(row.skeleton_id)
        secret = self._secret(row.key_id)
        return Envelope(row.id, refilling.bounce_address(row, secret), row.recipient, refilling.fill(skeleton, base_url, row, secret))

    # -- capture ---------------------------------------------------------------------------------

    def _capture(self, db, envelopes: list[Envelope]) -> None:
        now = self.house.clock()
        rows = [
            {"delivery_id": e.key, "captured_at": now, "envelope_from": e.sender, "recipient": e.recipient, "raw": e.data}
            for e in envelopes
        ]
        db.execute(insert(CapturedMessage), rows)
        mine = (Delivery.id.in_([e.key for e in envelopes]), Delivery.worker_id == self.worker_id, Delivery.state == "sending")
        sent = update(Delivery).where(*mine).values(state="sent", final_at=now, last_code=250)
        db.execute(sent.execution_options(synchronize_session=False))

    # -- the wire --------------------------------------------------------------------------------

    def _send(self) -> None:
        connection = Connection(RelayUrl.parse(self.settings.smtp_url), timeouts=self.timeouts)
        held: dict[int, Claimed] = {}
        try:
            while not self._over:
                try:
                    first = self._ready.get(timeout=POLL)
                except queue.Empty:
                    continue
                held[first.row.id] = first
                self._send_run(connection, first, held)
        finally:
            with contextlib.suppress(Exception):  # every message is settled; the farewell changes nothing
                connection.close()
            self.database.drop_raw()

    def _send_run(self, connection: Connection, first: Claimed, held: dict[int, Claimed]) -> None:
        try:
            if not connection.is_open or not connection.idle_check():
                connection.open()
                self._works_again()
            connection.send(self._messages(first, held), lambda outcome: self._settle(outcome, held))
        except (RelayUnavailable, RelayRefused) as error:
            self._rest(error.detail, refused=isinstance(error, RelayRefused))
        except Exception as error:
            log.exception("sending failed on our side")
            self._rest(f"Our own fault: {type(error).__name__}")
            connection.abort()
        if held:
            left, held_now = list(held), len(held)
            held.clear()
            log.info("given back", messages=held_now)
            self.database.run(lambda db: claims.release(db, self.worker_id, self.house.clock() + timedelta(seconds=1), ids=left))

    def _messages(self, first: Claimed, held: dict[int, Claimed]) -> Iterator[Envelope]:
        one = first
        while True:
            envelope = self._filled(one, held)
            if envelope is not None:
                yield envelope
            if self._over:
                return
            try:
                one = self._ready.get_nowait()
            except queue.Empty:
                return
            held[one.row.id] = one

    def _filled(self, one: Claimed, held: dict[int, Claimed]) -> Envelope | None:
        """The message, or None for one that cannot be made: that one ends, visible, and holds up no other."""
        try:
            return self._envelope(one)
        except Exception as error:
            log.exception("a message could not be made", delivery=one.row.id)
            held.pop(one.row.id, None)
            words = f"It could not be made from what is stored ({type(error).__name__}: {error})"[:500]
            values = ("dead", None, microseconds(self.house.clock()), None, words, "content", 0, 0)
            self._mark(self._other_sql, (*values, one.row.id, self.worker_id, one.fence))
            return None

    def _settle(self, outcome: Outcome, held: dict[int, Claimed]) -> bool:
        """Note what became of a message before the next one leaves; False: the message is no longer ours, stop at once."""
        one = held.pop(outcome.key)
        now = self.house.clock()
        if outcome.state == "sent":
            return self._mark(self._sent_sql, (microseconds(now), outcome.key, self.worker_id, one.fence))
        if outcome.state == "unsent":
            self._unsent[outcome.key] += 1
            if self._unsent[outcome.key] < UNSENT:
                held[outcome.key] = one
                return not self.lost.is_set()
            # A relay that hangs up on this one message every time: it has to stand back, or it would be tried without end.
            outcome = replace(outcome, state="temporary")
        self._unsent.pop(outcome.key, None)
        step = after(outcome, one.row.attempts, now)
        if about_the_address(outcome, step):
            self._blame(one, outcome, step.bounce_class)
        due = microseconds(step.due_at) if step.due_at else None
        final = microseconds(now) if step.state == "dead" else None
        values = (step.state, due, final, outcome.code or None, step.error, step.bounce_class, int(step.ambiguous), int(not step.attempt))
        return self._mark(self._other_sql, (*values, outcome.key, self.worker_id, one.fence))

    def _mark(self, sql: str, values: tuple) -> bool:
        with self._mark_lock:
            try:
                count = self.database.raw().execute(sql, values).rowcount
            except Exception:
                self._unmarked.put((sql, values))
                self.database.drop_raw()
                raise
        if not count:
            self.lost.set()
        return bool(count)

    def _mark_again(self) -> None:
        """Note what could not be noted a moment ago. What cannot be by the end stays in our hands, and counts as ambiguous when we leave."""
        for _ in range(self._unmarked.qsize()):
            try:
                self._mark(*self._unmarked.get_nowait())
            except Exception:
                log.exception("a mark could not be made")
                return

    def _blame(self, one: Claimed, outcome: Outcome, bounce_class: str) -> None:
        words = f"The relay refused the address: {outcome.code} {outcome.text}"[:500]
        self.house.run(one.row.organisation_id, "system", lambda work: bouncing.refused(work, one.row.id, bounce_class, words))

    def _rest(self, why: str, *, refused: bool = False) -> None:
        seconds = 60 if refused else RESTS[min(self._failures, len(RESTS) - 1)]
        self._failures += 1
        self._resting_until = time.monotonic() + seconds
        log.warning("the relay rests", seconds=seconds, why=why)
        self._drop_ready(why)
        self.database.run(lambda db: claims.note_problem(db, self._relay_name, self.house.clock(), why))

    def _works_again(self) -> None:
        if self._failures:
            self._failures = 0
            self.database.run(lambda db: claims.note_problem(db, self._relay_name, self.house.clock(), None))

    def _drop_ready(self, why: str | None = None) -> None:
        ids = []
        with contextlib.suppress(queue.Empty):
            while True:
                ids.append(self._ready.get_nowait().row.id)
        if ids:
            self.database.run(lambda db: claims.release(db, self.worker_id, self.house.clock(), why, ids))
