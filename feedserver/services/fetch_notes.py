"""Who fetched which feed when: noted in memory, written later in one go, never within a request (design decision 9)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Table, bindparam, update

from ..store.database import Database
from ..store.feeds import Feed

_LONGEST_AGENT = 200


class FetchNotes:
    """The last fetch of each feed of one table since the last `write`."""

    def __init__(self, table: Table = Feed.__table__) -> None:
        self._table = table
        self._notes: dict[int, tuple[datetime, str]] = {}

    def note(self, feed_id: int, now: datetime, user_agent: str) -> None:
        """Remember a fetch; a dictionary's own assignment is all the locking it needs."""
        self._notes[feed_id] = (now, user_agent)

    def write(self, database: Database) -> int:
        """Write what was noted in one UPDATE of many rows; returns how many. On a fault it raises and keeps the notes."""
        taken, self._notes = self._notes, {}
        if not taken:
            return 0
        table = self._table
        statement = (
            update(table)
            .where(table.c.id == bindparam("feed_id"))
            .values(last_fetched_at=bindparam("fetched_at"), last_user_agent=bindparam("agent"))
        )
        rows = [{"feed_id": feed_id, "fetched_at": when, "agent": _printable(agent)} for feed_id, (when, agent) in sorted(taken.items())]
        try:
            database.run(lambda db: db.connection().execute(statement, rows))
        except Exception:
            self._notes = {**taken, **self._notes}
            raise
        return len(rows)


def _printable(agent: str) -> str:
    return "".join(c for c in agent[:_LONGEST_AGENT] if c.isprintable() and not "\ud800" <= c <= "\udfff")
