"""What the loop and the senders of the channels agree on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row

from .guard import Client
from .outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Target:
    """A destination as a sender needs it; `secret` unsealed (app password, webhook secrets, chat address), "" where there is none."""

    id: int
    organisation_id: int
    channel: str
    name: str
    url: str
    origin: str
    username: str
    secret: str = field(repr=False)
    settings: dict[str, Any]


class Sender(Protocol):
    """One channel. `row` has the columns of `lanes.take`, `body` among them; `client` speaks with the target's origin alone."""

    def deliver(self, row: Row, target: Target, client: Client, now: datetime) -> Outcome:
        """One delivery, by as few requests as it takes. May raise `OutboundError`; never touches the database but by `Outcome.note`."""
        ...
