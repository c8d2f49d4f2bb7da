"""The judging half of a worker: takes pending messages, has them read by a child that can be killed, lets them take effect.

Reading happens outside any transaction; the effect and the verdict are written in one, so each message acts exactly once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import and_, literal_column, or_, select, update

from feedserver.imip.incoming import Incoming
from feedserver.services.house import House
from feedserver.services.receiving import Verdict, write
from feedserver.settings import Settings
from feedserver.store import organisations
from feedserver.store.inbox import PENDING, InboundMessage
from feedserver.store.outbox import Worker

from . import signatures
from .children import ParserPool
from .incoming import decide

log = structlog.get_logger()
BATCH = 20
POLL = 0.15
TRIES = 3
_PENDING = literal_column(repr(PENDING))  # written out, so that SQLite takes the partial index


class Judging:
    """Judges until `stop` is set. `worker_id` gives the id that the sending half of this process lives under."""

    def __init__(
        self, house: House, settings: Settings, stop: threading.Event, worker_id: Callable[[], int], lookup: signatures.Lookup = signatures.look_up
    ) -> None:  # fmt: skip
        self.house, self.settings, self.stop, self.worker_id, self.lookup = house, settings, stop, worker_id, lookup
        self.pool = ParserPool()

    def run(self) -> None:
        """Take what is pending, oldest first."""
        with self.pool:
            while not self.stop.is_set():
                try:
                    if not self.once():
                        self.stop.wait(POLL)
                except Exception:
                    log.exception("the inbox could not be read")
                    self.stop.wait(1.0)

    def once(self) -> int:
        """Judge one batch; returns how many there were."""
        if not self._anything_pending():
            return 0
        taken = self.house.database.run(self._take)
        for message_id, raw, tries in taken:
            if self.stop.is_set():
                break
            self._judge(message_id, raw, tries)
        return len(taken)

    def _judge(self, message_id: int, raw: bytes, tries: int) -> None:
        # A worker that died with it in hand each time says nothing good of it, and nothing certain: a person decides.
        if tries > TRIES:
            self.house.database.run(lambda db: self._failed(db, message_id, "each try ended the worker", tries))
            return
        try:
            self._settled(message_id, raw, self.pool.read(raw))
        except Exception as error:
            log.exception("a message could not be judged", message=message_id)
            name = type(error).__name__
            self.house.database.run(lambda db: self._failed(db, message_id, name, tries))

    def _settled(self, message_id: int, raw: bytes, incoming: Incoming) -> None:
        try:
            self.house.database.run(lambda db: self._settle(db, message_id, incoming))
        except signatures.SignaturesWanted as wanted:
            # Keys are asked for while no transaction is open; what was decided so far was taken back.
            known = signatures.checked(raw, incoming, wanted.which, self.pool, self.lookup)
            self.house.database.run(lambda db: self._settle(db, message_id, known))

    def _anything_pending(self) -> bool:
        with self.house.database.read() as db:
            return db.scalar(select(InboundMessage.id).where(InboundMessage.outcome == _PENDING).limit(1)) is not None

    def _take(self, db) -> list[tuple[int, bytes, int]]:
        dead = select(Worker.id).where(Worker.alive_until < self.house.clock())
        mine = self.worker_id()
        free = or_(InboundMessage.worker_id.is_(None), InboundMessage.worker_id == mine, InboundMessage.worker_id.in_(dead))
        query = (
            select(InboundMessage.id, InboundMessage.raw, InboundMessage.tries)
            .where(and_(InboundMessage.outcome == _PENDING, free))
            .order_by(InboundMessage.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        rows = [(row.id, row.raw, row.tries + 1) for row in db.execute(query)]
        if rows:
            values = {"worker_id": mine, "tries": InboundMessage.tries + 1}
            db.execute(
                update(InboundMessage)
                .where(InboundMessage.id.in_([r[0] for r in rows]))
                .values(**values)
                .execution_options(synchronize_session=False)
            )
        return rows

    def _settle(self, db, message_id: int, incoming: Incoming) -> None:
        message = db.get_one(InboundMessage, message_id, with_for_update=True)
        if message.outcome != PENDING:
            return
        organisation_id = message.organisation_id
        if organisation_id is None:
            first = organisations.first(db)
            organisation_id = first.id if first else None
        if organisation_id is None:
            verdict = Verdict("rejected", "no_organisation", "There is no organisation yet that could have been meant.")
        else:
            work = self.house.work(db, organisation_id, f"mail:{message.id}")
            verdict = decide(work, message, incoming, self.settings)
        write(message, incoming, verdict, self.house.clock())

    def _failed(self, db, message_id: int, name: str, tries: int) -> None:
        message = db.get_one(InboundMessage, message_id)
        message.reason = f"Judging it failed on our side ({name}); it is tried again."
        if tries >= TRIES and message.outcome == PENDING:
            reason = f"Judging it failed on our side ({name}). Nothing was changed; look at it and decide."
            write(message, None, Verdict("quarantined", "our_fault", reason), self.house.clock())
