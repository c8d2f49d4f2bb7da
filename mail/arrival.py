"""One inbound message as it came, and the writer that stores many of them in one transaction before anybody hears 250."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from feedserver.tokens import new_id

LONG_LINE = 100 * 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was handed over: `data` as received (dots undone), `oddities` of its bytes, `id` as told to the sender in the 250.

    `peer` is the address of the other side, `via` is smtp or lmtp, `mail_from` is empty for the null path.
    """

    peer: str
    helo: str
    mail_from: str
    recipients: tuple[str, ...]
    data: bytes
    via: str
    oddities: tuple[str, ...] = ()
    id: str = field(default_factory=new_id)


class Store(Protocol):
    """Where arrivals go: `put` returns once the message is durable, and raises when it is not."""

    async def put(self, arrival: Arrival) -> None:
        """Return once the message is durable; raise when it is not."""

    async def close(self) -> None:
        """Finish what waits."""


def oddities(data: bytes) -> tuple[str, ...]:
    """What is wrong with the bytes of a message that was taken all the same: bare-lf, bare-cr, nul, long-line.

    Only CRLF.CRLF ends a message here, so that a smuggled second one is inside the first, and visible by these.
    """
    pairs = data.count(b"\r\n")
    found = {
        "bare-lf": data.count(b"\n") > pairs,
        "bare-cr": data.count(b"\r") > pairs,
        "nul": b"\0" in data,
        "long-line": len(data) > LONG_LINE and max(map(len, data.split(b"\n"))) > LONG_LINE,
    }
    return tuple(name for name, there in found.items() if there)


class GroupCommit:
    """A `Store` whose one thread writes all that waits in one transaction: one fsync for many connections.

    `write` gets a list of arrivals, commits them all or raises; it is called again with one at a time for a batch that
    failed, so that one bad message fails alone. It should take an `Arrival.id` it already has as done.
    """

    def __init__(self, write: Callable[[list[Arrival]], None], most: int = 100) -> None:
        self._write, self._most = write, most
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    async def put(self, arrival: Arrival) -> None:
        """Return once the arrival is committed; raises what `write` raised for it."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((arrival, future))
        if self._writer is None:
            self._writer = loop.create_task(self._drain())
        await future

    async def close(self) -> None:
        """Finish what waits, then end the thread."""
        while self._writer is not None:
            await asyncio.wait([self._writer])
        self._thread.shutdown()

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            # a sender that has gone meanwhile was promised nothing and comes again
            await self._commit([(arrival, future) for arrival, future in batch if not future.done()])
        self._writer = None

    async def _commit(self, batch: list[tuple[Arrival, asyncio.Future[None]]]) -> None:
        if not batch:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._write, [arrival for arrival, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    await self._commit([one])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for _, future in batch:
            if not future.done():
                future.set_result(None)
