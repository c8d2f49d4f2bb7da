"""The hottest reads there are, by SQL on the driver's own connection: a feed by its public id, and its entries.

A feed with everything its bytes depend on is one indexed look-up, which is all that a 304 costs (design decision 10), and not even
that where the database can tell that nothing was committed since (`mark`).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Table

from .. import tokens
from ..store.database import Database
from ..store.feeds import Feed
from .feed_body import RENDERER, EntryRow, FeedRow, MilestoneRow, Named, document
from .feed_shelf import Shelf
from .fetch_notes import FetchNotes

T = TypeVar("T")
DAY = 86_400_000_000
"""Microseconds."""
_TOMBSTONE = 7 * DAY
_BACK, _AHEAD = 92 * DAY, 549 * DAY
_KEYS_LAST = 5.0
_MOST_TOKENS = _MOST_FEEDS = 20_000

# A cancelled entry leaves the feed a week after, or at its old start, whichever is first.
_LEAVES = f"CASE WHEN r.starts_at < e.ended_at + {_TOMBSTONE} THEN r.starts_at ELSE e.ended_at + {_TOMBSTONE} END"
_KEYS = "SELECT id, secret FROM signing_keys WHERE retired_at IS NULL ORDER BY id DESC"
_FEED = f"""
SELECT f.revoked_at, f.id, f.learner_id, f.name, CAST(f.kinds AS TEXT), f.content, f.detail, f.alarms, f.key_id,
  f.version, f.changed_at, COALESCE(v.version, 0), COALESCE(v.changed_at, 0),
  l.locale, l.timezone, l.page_id, o.name, o.alarm_minutes,
  (SELECT MAX({_LEAVES}) FROM calendar_entries e JOIN revisions r ON r.id = e.revision_id
   WHERE e.learner_id = f.learner_id AND e.feed_state = 'cancelled' AND e.ended_at > ? AND {_LEAVES} <= ?),
  (SELECT MIN({_LEAVES}) FROM calendar_entries e JOIN revisions r ON r.id = e.revision_id
   WHERE e.learner_id = f.learner_id AND e.feed_state = 'cancelled' AND e.ended_at > ? AND {_LEAVES} > ?)
FROM feeds f JOIN learners l ON l.id = f.learner_id JOIN organisations o ON o.id = f.organisation_id
  LEFT JOIN feed_versions v ON v.learner_id = f.learner_id
WHERE f.public_id = ?
"""  # noqa: S608
# Somebody who said No does not want to hear of a cancellation. A language that was added later has no VEVENT of older revisions.
_ENTRIES = f"""
SELECT e.uid, e.sequence, e.dtstamp, e.feed_state, n.status, COALESCE(b.timezone, en.timezone),
  r.starts_at, r.ends_at, COALESCE(b.%(column)s, en.%(column)s), e.enrolment_id, n.offer_until, CAST(e.own AS TEXT)
FROM calendar_entries e JOIN enrolments n ON n.id = e.enrolment_id JOIN revisions r ON r.id = e.revision_id
  LEFT JOIN revision_vevents b ON b.revision_id = r.id AND b.locale = ?
  JOIN revision_vevents en ON en.revision_id = r.id AND en.locale = 'en'
WHERE e.learner_id = ? AND e.feed_state IN ('shown', 'waiting', 'cancelled') AND r.ends_at > ? AND r.starts_at < ?
  AND (e.feed_state <> 'cancelled' OR (n.status <> 'Declined' AND {_LEAVES} > ?))%(only)s
ORDER BY r.starts_at, e.uid
"""  # noqa: S608
_ENTRIES_OF = {
    (detail, content): _ENTRIES
    % {"column": "busy" if detail == "busy" else "body", "only": " AND NOT e.mailed" if content == "not_invited" else ""}
    for detail in ("full", "busy")
    for content in ("everything", "not_invited")
}

_DAYS = """
SELECT e.uid, e.sequence, e.dtstamp, e.kind, e.title, e.day, e.description, e.url
FROM milestone_entries e WHERE e.learner_id = ? AND e.state = 'open' AND e.day >= ? AND e.day <= ?%s ORDER BY e.day, e.uid
"""


@dataclass
class Reader(ABC):
    """What `feeding.answer` works with in one process: the database, the keys, what was rendered, what was fetched."""

    database: Database
    base_url: str
    shelf: Shelf[Any] = field(default_factory=Shelf)
    mark: Callable[[], bytes | None] = lambda: None
    notes: FetchNotes = field(init=False)
    _seen: dict[str, tuple[bytes, int, int, tuple]] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)
    _keys_until: float = 0.0
    _known: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    purpose: ClassVar[str]
    table: ClassVar[Table]
    renderer: ClassVar[str]

    def __post_init__(self) -> None:
        self.notes = FetchNotes(self.table)

    @abstractmethod
    def named(self, row: tuple) -> Named:
        """The columns of a feed under their names."""

    @abstractmethod
    def validator(self, row: tuple) -> tuple:
        """What of them the bytes depend on, alike in every process."""

    @abstractmethod
    def changed(self, row: tuple) -> int:
        """When that last changed, in microseconds."""

    @abstractmethod
    def document(self, row: tuple, moment: int) -> bytes:
        """The calendar at `moment`."""

    @abstractmethod
    def _look(self, public_id: str, moment: int) -> tuple | None:
        """The columns, `revoked_at` and `id` first, and last when they will change by time alone (or None)."""

    def public_id(self, token: str, now: datetime) -> str | None:
        """The public id that this token stands for, else None. Raises the driver's error where no key could ever be read."""
        moment = now.timestamp()
        if not self._keys_until - _KEYS_LAST <= moment < self._keys_until:
            self._read_keys(moment)
        found = self._known.get(token)
        if found is None:
            found = tokens.read(self.purpose, token, self._keys.values())
            if found is None:
                # Every token that fails costs this, whatever is wrong with it: the key may be a second old.
                self._read_keys(moment)
                found = tokens.read(self.purpose, token, self._keys.values())
            if found is not None:
                self._remember(token, found)
        return found

    def feed(self, public_id: str, moment: int) -> tuple | None:
        """The columns of a feed at `moment` (microseconds), as the driver gives them."""
        mark = self.mark()
        seen = self._seen.get(public_id)
        if seen is not None and mark is not None and seen[0] == mark and seen[1] <= moment < seen[2]:
            return seen[3]
        today = moment - moment % DAY
        row = self._look(public_id, moment)
        if row is not None and mark is not None:
            if len(self._seen) >= _MOST_FEEDS:
                self._seen = {}
            self._seen[public_id] = (mark, moment, min(today + DAY, row[-1] or today + DAY), row)
        return row

    def _sql(self, text: str) -> str:
        return text if self.database.is_sqlite else _percent(text)

    def _run(self, query: Callable[[Any], T]) -> T:
        """`query(connection)`, once more on a new connection where the first was broken (the server was restarted)."""
        try:
            return query(self.database.raw())
        except Exception:
            self.database.drop_raw()
            return query(self.database.raw())

    def _read_keys(self, moment: float) -> None:
        try:
            keys = dict(self._run(lambda db: db.execute(_KEYS).fetchall()))
        except Exception:
            if not self._keys:
                raise
            keys = self._keys
        with self._lock:
            if keys != self._keys:
                self._keys, self._known = keys, {}
                self.shelf.clear()
            self._keys_until = moment + _KEYS_LAST

    def _remember(self, token: str, public_id: str) -> None:
        if len(self._known) >= _MOST_TOKENS:
            self._known = {}
        self._known[token] = public_id


class FeedReader(Reader):
    """Feeds of learners."""

    purpose, table, renderer = tokens.FEED, Feed.__table__, RENDERER

    def named(self, row: tuple) -> FeedRow:
        """The columns under their names."""
        return FeedRow._make(row)

    def validator(self, row: tuple) -> tuple:
        """All of them."""
        return row

    def changed(self, row: tuple) -> int:
        """The feed, what the learner's feeds show, or an entry that left by time alone."""
        feed = FeedRow._make(row)
        return max(feed.changed_at, feed.learner_changed_at, feed.dropped_at or 0)

    def document(self, row: tuple, moment: int) -> bytes:
        """The calendar at `moment`."""
        feed = FeedRow._make(row)
        return document(feed, self.entries(feed, moment), self.page_url(feed), self.join_url(feed), self.days(feed, moment))

    def _look(self, public_id: str, moment: int) -> tuple | None:
        old = moment - moment % DAY - _TOMBSTONE
        return self._run(lambda db: db.execute(self._sql(_FEED), (old, moment, old, moment, public_id)).fetchone())

    def entries(self, row: FeedRow, moment: int) -> list[EntryRow]:
        """The entries that the feed shows at `moment`, three months back and eighteen ahead by the day, by start."""
        if not row.shows_sessions:
            return []
        today = moment - moment % DAY
        sql = self._sql(_ENTRIES_OF[row.detail, row.content])
        values = (row.language, row.learner_id, today - _BACK, today + _AHEAD, moment)
        found = self._run(lambda db: db.execute(sql, values).fetchall())
        return [EntryRow._make(one) for one in found]

    def days(self, row: FeedRow, moment: int) -> list[MilestoneRow]:
        """The days to note that the feed shows at `moment`, in the same window, by day."""
        kinds = row.milestones
        if not kinds:
            return []
        today = datetime.fromtimestamp(moment // 1_000_000, UTC).date()
        first, last = (today + timedelta(microseconds=offset) for offset in (-_BACK, _AHEAD))
        only = f" AND e.kind IN ({', '.join('?' * len(kinds))})" + (" AND NOT e.mailed" if row.content == "not_invited" else "")
        values = (row.learner_id, first.isoformat(), last.isoformat(), *kinds)
        found = self._run(lambda db: db.execute(self._sql(_DAYS % only), values).fetchall())
        return [MilestoneRow._make(one) for one in found]

    def page_url(self, row: FeedRow) -> str:
        """The learner's own page, signed by the feed's key, or by the newest where that one is retired."""
        return f"{self.base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, row.page_id, self._key(row))}"

    def join_url(self, row: FeedRow) -> Callable[[int], str]:
        """What gives the learner's join page of an enrolment, signed alike."""
        key = self._key(row)
        return lambda enrolment_id: self.base_url + tokens.join_path(enrolment_id, key)

    def _key(self, row: FeedRow) -> str:
        return self._keys.get(row.key_id) or next(iter(self._keys.values()))


@cache
def _percent(text: str) -> str:
    return text.replace("?", "%s")
