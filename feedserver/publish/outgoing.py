"""The outgoing loop of CalDAV, webhooks and chat: each destination in turn, one request at a time, so that a slow one delays no other.

A turn takes a destination's due deliveries in order, for two seconds at most, in one of a few threads. What fails is put off with what stands
behind it in its lane; a destination that fails three times in a row rests, longer each time. Every delivery is marked before the next one goes;
what a killed worker held is repeated, the same octets.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from sqlalchemy import Row

from ..errors import FeedserverError
from ..services.house import House
from ..services.leasing import Leased
from ..store import claims, lanes
from ..store.destinations import Destination
from ..store.lanes import Due
from ..store.outbox import PUBLISHES
from ..vault import CannotOpen
from .guard import Client, NotAllowed, OutboundError, WayOut
from .outcomes import Outcome, Result, after
from .sending import Sender, Target

log = structlog.get_logger()
BATCH = 25
TURN = 2.0
POLL = 0.2
SWEEP = 5.0
GRACE = 2.0
THREADS = 16
PER_ORIGIN = 4


class _NotOurs(Exception):
    """The lease was lost meanwhile: nothing is noted."""


class Publishing(Leased):
    """The publishing part of a worker. `run` returns when `stop` is set and every delivery in hand is settled or given back."""

    def __init__(
        self, house: House, way_out: WayOut, senders: Mapping[str, Sender], stop: threading.Event, *, threads: int = THREADS
    ) -> None:
        super().__init__(house, stop)
        self.way_out, self.senders, self.threads = way_out, senders, threads
        self._busy: dict[int, Due] = {}
        self._clients: dict[int, Client] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Deliver until told to stop; a lease that was lost begins a new life with a new worker id."""
        while not self.stop.is_set():
            self._enter(f"{socket.gethostname()}:{os.getpid()}{PUBLISHES}")
            beat = threading.Thread(target=self._beat, name="publish-heartbeat")
            beat.start()
            try:
                with ThreadPoolExecutor(self.threads, "publish") as pool:
                    self._feed(pool)
                    self._cut_off()
            finally:
                beat.join()
                self._leave()

    def _feed(self, pool: ThreadPoolExecutor) -> None:
        swept = 0.0
        while not self._over:
            try:
                if time.monotonic() - swept > SWEEP:
                    swept = time.monotonic()
                    self._sweep()
                started = self._start(pool)
            except Exception:
                log.exception("what is to be published could not be read")
                started = 0
                self.stop.wait(1.0)
            if not started:
                self.stop.wait(POLL)

    def _cut_off(self) -> None:
        """What is still under way after a moment is cut: a worker that is told to end may not wait for a server that has gone silent."""
        end = time.monotonic() + GRACE
        while self._busy and time.monotonic() < end:
            time.sleep(0.02)
        with self._lock:
            left = list(self._clients.values())
        for client in left:
            client.abort()

    def _sweep(self) -> None:
        def verb(db) -> None:
            now = self.house.clock()
            claims.reclaim(db, now)
            lanes.expire(db, now)
            lanes.finish_leaving(db)

        self.database.run(verb)

    def _start(self, pool: ThreadPoolExecutor) -> int:
        """Give free threads to destinations: those in trouble get half of them at most, one server four. Returns how many were started."""
        with self.database.read() as db:
            found = lanes.due(db, self.house.clock())
        started = 0
        for one in found:
            with self._lock:
                if not self._has_room(one):
                    continue
                self._busy[one.id] = one
            pool.submit(self._turn, one)
            started += 1
        return started

    def _has_room(self, one: Due) -> bool:
        busy = self._busy.values()
        if one.id in self._busy or len(self._busy) >= self.threads:
            return False
        if one.failures and sum(1 for b in busy if b.failures) >= self.threads // 2:
            return False
        return Counter(b.origin for b in busy)[one.origin] < PER_ORIGIN

    # -- one destination -------------------------------------------------------------------------

    def _turn(self, one: Due) -> None:
        client: Client | None = None
        try:
            client = self.way_out.open(one.origin)
            with self._lock:
                self._clients[one.id] = client
            end = time.monotonic() + TURN
            while not self._over and time.monotonic() < end and self._batch(one.id, client, end):
                pass
        except Exception:
            log.exception("publishing failed on our side", destination=one.id)
            self._rest_ours(one.id)
        finally:
            if client is not None:
                client.close()
            with self._lock:
                self._clients.pop(one.id, None)
                self._busy.pop(one.id, None)

    def _batch(self, destination_id: int, client: Client, end: float) -> bool:
        """Deliver what is due; whether it is worth looking again at once."""
        destination, rows = self.database.run(lambda db: lanes.take(db, self.worker_id, destination_id, self.house.clock(), BATCH))
        if destination is None or not rows:
            return False
        held, begun = {row.id: row for row in rows}, set[int]()
        try:
            target = self._target(destination)
            return self._deliver_all(rows, held, begun, target, client, destination.failures, end)
        except CannotOpen as error:
            self._settle(rows[0], destination_id, destination.failures, Outcome(Result.DENIED, words=error.detail))
            held.pop(rows[0].id)
            return False
        finally:
            self._give_back([one for one in held if one not in begun], list(begun))

    def _deliver_all(
        self, rows: list[Row], held: dict[int, Row], begun: set[int], target: Target, client: Client, failures: int, end: float
    ) -> bool:
        stopped: set[str] = set()
        for row in rows:
            if self._over or time.monotonic() > end:
                return False
            if row.lane in stopped:
                continue
            begun.add(row.id)
            outcome = self._outcome(row, target, client)
            step = self._settle(row, target.id, failures, outcome, target.origin)
            held.pop(row.id)
            begun.discard(row.id)
            if step is None or step.stops:
                return False
            failures = 0 if step.state in ("sent", "dead") else failures + 1
            if step.state == "deferred" and row.lane is not None:
                stopped.add(row.lane)
        return not stopped

    def _give_back(self, left: list[int], unsure: list[int]) -> None:
        """What was not begun goes back as it was; what was, but could not be marked, goes out again."""

        def verb(db) -> None:
            now = self.house.clock()
            claims.release(db, self.worker_id, now, ids=left)
            claims.doubt(db, self.worker_id, now, unsure)

        if left or unsure:
            self.database.run(verb)

    def _outcome(self, row: Row, target: Target, client: Client) -> Outcome:
        try:
            return self.senders[target.channel].deliver(row, target, client, self.house.clock())
        except NotAllowed as error:
            return Outcome(Result.DENIED, words=error.detail)
        except OutboundError as error:
            return Outcome(Result.UNREACHABLE, words=error.detail, may_have_arrived=error.may_have_arrived)
        except FeedserverError as error:
            return Outcome(Result.FAILED if error.temporary else Result.REFUSED, words=error.detail)
        except Exception as error:
            log.exception("a delivery could not be made", delivery=row.id)
            return Outcome(Result.REFUSED, words=f"It could not be made from what is stored ({type(error).__name__}: {error})")

    def _settle(self, row: Row, destination_id: int, failures: int, outcome: Outcome, origin: str = ""):
        """Note what became of it, and what that says of the destination, in one transaction; None where it is no longer ours."""
        now = self.house.clock()
        step = after(outcome, row.id, row.attempts, failures, now)
        values: dict[str, Any] = {
            "state": step.state,
            "last_code": outcome.code,
            "last_error": outcome.words[:500] or None,
        }
        if step.due_at is not None:
            values["due_at"] = step.due_at
        else:
            values["final_at"] = now
        if step.state == "deferred" and outcome.may_have_arrived:
            values["ambiguous"] = row.ambiguous + 1

        def verb(db) -> None:
            # The destination first, as whoever looks a whole collection through does: locks taken in one order.
            if step.state == "sent" or (step.state == "dead" and outcome.code):
                lanes.works(db, destination_id, now)  # a refusal of one object is an answer, too
            elif step.state != "dead":
                lanes.fails(db, destination_id, now, outcome.words[:500], step.rest_until, state=step.ends)
                if outcome.result == Result.BUSY and step.rest_until is not None:
                    lanes.rest_together(db, row.organisation_id, origin, step.rest_until)
            if not lanes.settle(db, self.worker_id, row, values):
                raise _NotOurs
            if outcome.note is not None:
                outcome.note(db, now)

        try:
            self.database.run(verb)
        except _NotOurs:
            self.lost.set()
            return None
        if step.state != "sent":
            log.info("not delivered", delivery=row.id, destination=destination_id, result=outcome.result.value, why=outcome.words)
        return step

    def _target(self, destination: Destination) -> Target:
        d = destination
        secret = self.house.vault.unseal(d.sealed, d.organisation_id, d.channel, d.origin) if d.sealed else ""
        return Target(d.id, d.organisation_id, d.channel, d.name, d.url, d.origin, d.username, secret, dict(d.settings or {}))

    def _rest_ours(self, destination_id: int) -> None:
        """Our own fault: it is logged, and that destination rests a minute, so that it cannot spin."""
        try:
            self.database.run(lambda db: lanes.rest(db, destination_id, self.house.clock()))
        except Exception:
            log.exception("the rest could not be noted", destination=destination_id)
