"""Where carriers come in: one database, one clock, and transactions in which verbs work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ..errors import NotFound
from ..store.database import Database
from ..store.organisations import Organisation
from ..vault import Vault
from . import following, noting
from .work import Work

T = TypeVar("T")


def utc_now() -> datetime:
    """The moment, in UTC; the only clock there is, handed in by the carriers."""
    return datetime.now(UTC)


@dataclass
class House:
    """What web, mail and commands are given. `run` writes, `read` only looks."""

    database: Database
    base_url: str
    settle: timedelta = timedelta(seconds=20)
    clock: Callable[[], datetime] = utc_now
    vault: Vault = field(default_factory=lambda: Vault(()))

    def run(self, organisation_id: int, actor: str, verb: Callable[[Work], T]) -> T:
        """`verb(work)` in one write transaction of that organisation; tried again where a lock was lost."""
        return self.database.run(lambda db: verb(self.work(db, organisation_id, actor)))

    def read(self, organisation_id: int, actor: str, look: Callable[[Work], T]) -> T:
        """`look(work)` without a write lock."""
        with self.database.read() as db:
            return look(self.work(db, organisation_id, actor))

    def rehearse(self, organisation_id: int, actor: str, verb: Callable[[Work], T]) -> T:
        """What `verb(work)` would come to: it is done in a write transaction, which is taken back."""

        def attempt(db) -> None:
            raise _TakenBack(verb(self.work(db, organisation_id, actor)))

        try:
            self.database.run(attempt)
        except _TakenBack as done:
            return done.outcome
        raise AssertionError("a rehearsal is always taken back")

    def work(self, db, organisation_id: int, actor: str) -> Work:
        """What a verb works with, in a transaction that the caller holds; `NotFound` for an organisation that is none."""
        organisation = db.get(Organisation, organisation_id)
        if organisation is None:
            raise NotFound("There is no such organisation.")
        work = Work(
            db=db, now=self.clock(), organisation=organisation, actor=actor, base_url=self.base_url, settle=self.settle, vault=self.vault
        )  # fmt: skip
        following.attach(work)
        noting.attach(work)
        return work


class _TakenBack(Exception):
    """Carries the outcome of a rehearsal out of the transaction that it undoes."""

    def __init__(self, outcome: object) -> None:
        super().__init__()
        self.outcome = outcome
