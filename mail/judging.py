"""The judging half of a worker: takes pending messages, has them read by a child that can be killed, lets them take effect.

Reading happens outside any transaction; the effect and the verdict are written in one, so each message acts exactly once. Several messages share a
transaction: plain answers in a few statements (`mail.plain`), others each behind a savepoint of its own, so that one that fails takes nothing with it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple

import structlog
from sqlalchemy import Row, and_, func, literal_column, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.exc import StaleDataError

from feedserver.imip.incoming import Incoming
from feedserver.services.house import House
from feedserver.services.receiving import Verdict, write
from feedserver.settings import Settings
from feedserver.store import organisations
from feedserver.store.inbox import PENDING, InboundMessage
from feedserver.store.outbox import Worker

from . import plain, signatures
from .children import ParserPool
from .incoming import decide
from .plain import Read

log = structlog.get_logger()
# Messages taken at once, and their octets at most; of these so many share a transaction, of those that are no plain answers fewer. As long as
# more wait the next are taken while these are read, so that the child is never idle; what has to be judged alone waits for MOST at most.
BATCH = 400
OCTETS = 16 * 2**20
MOST = 2000
GROUP = 200
OTHERS = 25
POLL = 0.15
TRIES = 3
_PENDING = literal_column(repr(PENDING))  # written out, so that SQLite takes the partial index


class Taken(NamedTuple):
    """A message in the worker's hands, not read yet; `tries` counts this one."""

    message_id: int
    raw: bytes
    tries: int


class Judging:
    """Judges until `stop` is set. `worker_id` gives the id that the sending half of this process lives under."""

    def __init__(
        self, house: House, settings: Settings, stop: threading.Event, worker_id: Callable[[], int], lookup: signatures.Lookup = signatures.look_up
    ) -> None:  # fmt: skip
        self.house, self.settings, self.stop, self.worker_id, self.lookup = house, settings, stop, worker_id, lookup
        self.pool = ParserPool()
        self.taken = 0

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
        """Judge what waits, as far as it comes in one go; returns how many there were."""
        if not self._anything_pending():
            return 0
        before = self.taken
        alone: list[Read] = []
        # What needs a child of its own (a signature), or fails, comes when none is held for reading ahead.
        with closing(self._read()) as reading:
            while not self.stop.is_set() and (group := list(islice(reading, GROUP))):
                alone += self._settle_together(group)
        for read in alone:
            if not self.stop.is_set():
                self._judge(read)
        return self.taken - before

    def _read(self) -> Iterator[Read]:
        """What waits, read; in hand is what the child has not answered yet."""
        hand: deque[Taken] = deque()

        def ahead() -> Iterator[bytes]:
            for one in self._waiting():
                hand.append(one)
                yield one.raw

        with closing(self.pool.read_all(ahead())) as reading:
            while True:
                try:
                    incoming = next(reading, None)
                except Exception as error:
                    if not hand:
                        raise
                    for unread in hand:
                        self._could_not(unread.message_id, unread.tries, error)
                    return
                if incoming is None:
                    return
                one = hand.popleft()
                yield Read(one.message_id, one.raw, one.tries, incoming)

    def _waiting(self) -> Iterator[Taken]:
        """Batch after batch, each taken when it is asked for, and never what is in hand already."""
        last, some = 0, BATCH
        for _ in range(MOST // BATCH):
            if some < BATCH or self.stop.is_set():
                return
            try:
                taken = self.house.database.run(partial(self._take, after=last))
            except Exception:
                if not last:
                    raise
                # What is in hand is no worse for it.
                log.exception("the inbox could not be read")
                return
            self.taken += len(taken)
            last, some = max((one.message_id for one in taken), default=last), len(taken)
            for one in taken:
                # A worker that died with it in hand each time says nothing good of it, and nothing certain: a person decides.
                if one.tries > TRIES:
                    self.house.database.run(
                        partial(self._failed, message_id=one.message_id, name="each try ended the worker", tries=one.tries)
                    )
                else:
                    yield one

    def _settle_together(self, group: list[Read]) -> list[Read]:
        """Several messages in one transaction; returns those that have to be judged alone."""
        others = self._in_one(group, lambda db: plain.settle(self.house, db, group, self.settings))
        alone: list[Read] = []
        for start in range(0, len(others), OTHERS):
            alone += self._one_by_one(others[start : start + OTHERS])
        return alone

    def _one_by_one(self, group: list[Read]) -> list[Read]:
        """A savepoint for each."""

        def settle(db: Session) -> list[Read]:
            alone = []
            for read in group:
                try:
                    with db.begin_nested():
                        self._settle(db, read.message_id, read.incoming)
                except (DBAPIError, StaleDataError):
                    raise  # a lost lock takes all of it back, and all of it is tried again
                except Exception:
                    alone.append(read)
                # The next one looks at rows of its own, not at what this one remembers.
                db.expunge_all()
            return alone

        return self._in_one(group, settle)

    def _in_one(self, group: list[Read], settle: Callable[[Session], list[Read]]) -> list[Read]:
        try:
            return self.house.database.run(settle)
        except Exception:
            # Nothing of it took effect: judged one by one, that fails which has to.
            log.exception("messages could not be judged together")
            return group

    def _judge(self, read: Read) -> None:
        try:
            self._settled(read.message_id, read.raw, read.incoming)
        except Exception as error:
            self._could_not(read.message_id, read.tries, error)

    def _could_not(self, message_id: int, tries: int, error: Exception) -> None:
        name = type(error).__name__
        log.error("a message could not be judged", message=message_id, exc_info=error)
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

    def _take(self, db: Session, after: int) -> list[Taken]:
        dead = select(Worker.id).where(Worker.alive_until < self.house.clock())
        mine = self.worker_id()
        free = or_(InboundMessage.worker_id.is_(None), InboundMessage.worker_id == mine, InboundMessage.worker_id.in_(dead))
        M = InboundMessage
        query = (
            select(M.id, M.tries, func.length(M.raw).label("octets"))
            .where(and_(M.outcome == _PENDING, free, M.id > after))
            .order_by(M.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        chosen = _in_one_hand(db.execute(query).all(), others=after > 0)
        raws = select(M.id, M.raw, M.tries).where(M.id.in_(chosen)).order_by(M.id)
        rows = [Taken(row.id, row.raw, row.tries + 1) for row in db.execute(raws)] if chosen else []
        if rows:
            values = {"worker_id": mine, "tries": InboundMessage.tries + 1}
            db.execute(
                update(InboundMessage).where(InboundMessage.id.in_(chosen)).values(**values).execution_options(synchronize_session=False)
            )
        return rows

    def _settle(self, db, message_id: int, incoming: Incoming) -> None:
        message = db.get_one(InboundMessage, message_id, with_for_update=True, options=[defer(InboundMessage.raw)])
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

    def _failed(self, db: Session, message_id: int, name: str, tries: int) -> None:
        message = db.get_one(InboundMessage, message_id)
        message.reason = f"Judging it failed on our side ({name}); it is tried again."
        if tries >= TRIES and message.outcome == PENDING:
            reason = f"Judging it failed on our side ({name}). Nothing was changed; look at it and decide."
            write(message, None, Verdict("quarantined", "our_fault", reason), self.house.clock())


def _in_one_hand(waiting: Sequence[Row], others: bool) -> list[int]:
    """Of what waits the ids that are taken at once: not too many octets. What a worker died over goes alone, so that it drags no others with it.

    `others`: that some are in hand already.
    """
    octets, chosen = 0, []
    for row in waiting:
        octets += row.octets
        if (chosen and octets > OCTETS) or ((chosen or others) and row.tries > 0):
            break
        chosen.append(row.id)
        if row.tries > 0:
            break
    return chosen
