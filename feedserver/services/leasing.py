"""The lease of a loop that sends: entered, kept by a heartbeat while the process lives, lost where it slept (design decision 7)."""

from __future__ import annotations

import threading

import structlog

from ..store import claims
from .house import House

log = structlog.get_logger()
HEARTBEAT = 2.5


class Leased:
    """What mail's loop and publishing's have in common: a worker's id, its lease, and when all is over for it."""

    def __init__(self, house: House, stop: threading.Event) -> None:
        self.house, self.stop = house, stop
        self.database = house.database
        self.worker_id = 0
        self.lost = threading.Event()

    @property
    def _over(self) -> bool:
        return self.stop.is_set() or self.lost.is_set()

    def _enter(self, name: str) -> None:
        """A new life, with a new worker id."""
        self.lost.clear()
        self.worker_id = self.database.run(lambda db: claims.enter(db, name, self.house.clock()))

    def _leave(self) -> None:
        self.database.run(lambda db: claims.leave(db, self.worker_id, self.house.clock()))

    def _beat(self) -> None:
        """Renew until it is over: in a thread of its own, so that no slow server lets the lease run out."""
        while not self._over:
            try:
                if not self.database.run(lambda db: claims.renew(db, self.worker_id, self.house.clock())):
                    log.warning("lease lost: another worker has taken over", worker=self.worker_id)
                    self.lost.set()
            except Exception:
                log.exception("the lease could not be renewed")
            self.stop.wait(HEARTBEAT) if not self.lost.is_set() else None
