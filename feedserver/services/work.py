"""What a use case works with: one transaction, the moment, who acts, and the few settings that texts and links need."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy.orm import Session

from ..store import keys
from ..store.history import HistoryEntry
from ..store.organisations import Organisation
from ..vault import Vault


@dataclass
class Work:
    """Handed to every verb. `actor` names who acts (`api:TOKEN`, `admin:ADDRESS`, `mail:ID`, `learner:ID`, `system`)."""

    db: Session
    now: datetime
    organisation: Organisation
    actor: str
    base_url: str
    settle: timedelta = timedelta(seconds=20)
    extra: dict = field(default_factory=dict)
    vault: Vault = field(default_factory=lambda: Vault(()))

    @property
    def organisation_id(self) -> int:
        """The tenant that every query is scoped to."""
        return self.organisation.id

    @cached_property
    def key_id(self) -> int:
        """The key that signs what is sent now."""
        return keys.current(self.db, self.now).id

    @cached_property
    def key_secret(self) -> str:
        """Its secret."""
        return keys.current(self.db, self.now).secret

    def stamp(self) -> int:
        """`now` as a DTSTAMP: whole seconds since 1970."""
        return int(self.now.timestamp())

    def record(self, verb: str, **what) -> None:
        """Append to the history; `what` takes the columns of `HistoryEntry`."""
        self.db.add(HistoryEntry(organisation_id=self.organisation_id, at=self.now, actor=self.actor, verb=verb, **what))


def new_batch() -> int:
    """A number that marks the rows one statement made, so that the next finds them."""
    return secrets.randbits(62)
