"""What a feed for others says: the filter of `training.audiences` over rows, and the calendar made of what it lets through.

Pure: rows in, bytes out. A session is rendered once for each way of looking at its revision; names and numbers are filled in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .. import ical
from ..addresses import canonical
from ..ical import feed, lines, plaintext, slots, vevent, vtimezone
from ..ical import words as calendar_words
from ..imip import catalogues
from ..training import audiences, changes
from ..training.audiences import PUBLIC, View, strictest, view
from ..training.changes import Snapshot
from . import feed_body
from .feed_body import name_of, renderer, zones

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_TOMBSTONE = 7 * 86_400 * _SECOND


class AudienceRow(NamedTuple):
    """A feed for others; instants are microseconds since 1970. `label`: the name of what it shows, `page_id` the subscriber's own page, if any.

    `digest` is over all that is shown, `noticed_at` when this process first saw that, `drops_at` when a session will leave by time alone.
    """

    revoked_at: int | None
    id: int
    organisation_id: int
    audience: str
    subject: str
    detail: str
    subscriber: str
    key_id: int
    version: int
    changed_at: int
    timezone: str
    locale: str
    organisation: str
    label: str | None
    page_id: str | None = None
    digest: str = ""
    noticed_at: int = 0
    drops_at: int | None = None

    @property
    def address(self) -> str:
        """The subscriber's address, if they are named by one."""
        return address_of(self.subscriber)

    @property
    def counts(self) -> bool:
        """Whether anything is shown of who is in a session."""
        most = view(self.audience, self.detail, PUBLIC)
        return most is not None and (most.names or bool(most.seats))

    @property
    def names(self) -> bool:
        """Whether people are."""
        most = view(self.audience, self.detail, PUBLIC)
        return most is not None and most.names

    @property
    def name(self) -> str:
        """What the calendar is called, in the reader's language."""
        words, who = catalogues.words(self.locale), {"who": self.label or self.subject}
        named = {
            "team": words.team % who,
            "instructor": words.teaching % who,
            "room": words.room % who,
            "course": who["who"],
            "organisation": words.every_session,
            "open_seats": words.open_seats,
        }
        return named[self.audience]


class SessionRow(NamedTuple):
    """A session that an audience may be shown, with its newest revision; a date that has none of its own has that of its series.

    `capacity` and `held` are of the seats that one registers for, `taken` of this date. `touched_at`: when anybody in it last changed.
    """

    id: int
    revision_id: int
    own: int
    frozen_at: int
    status: str
    visibility: str
    published_as: str
    start: str
    end: str
    timezone: str
    fold: int
    starts_at: int
    ends_at: int
    created_at: int
    updated_at: int
    taken: int
    held: int
    capacity: int | None
    touched_at: int

    @property
    def changed_at(self) -> int:
        """When anything of it last changed."""
        return max(self.frozen_at, self.updated_at, self.touched_at)


class Person(NamedTuple):
    """Somebody in a session."""

    session_id: int
    name: str
    status: str


def address_of(subscriber: str) -> str:
    """The canonical address in "Ann <ann@example.org>" or in an address alone; of a mere name that name."""
    return canonical(subscriber.rpartition("<")[2].rstrip("> "))


def visible(row: AudienceRow, sessions: Iterable[SessionRow], moment: int) -> list[tuple[SessionRow, View]]:
    """What of them the feed shows at `moment`, and how."""
    found = []
    for one in sessions:
        shown = view(row.audience, row.detail, strictest(one.visibility, one.published_as), manages=row.subject == row.address)
        leaves = leaves_at(row, one)
        if shown is not None and (leaves is None or leaves > moment):
            found.append((one, shown))
    return found


def leaves_at(row: AudienceRow, one: SessionRow) -> int | None:
    """When it leaves by time alone: cancelled a week after or at its old start, whichever is first; what is open when it starts."""
    if one.status == "cancelled":
        return min(one.starts_at, one.updated_at + _TOMBSTONE)
    return one.starts_at if row.audience == "open_seats" else None


def document(
    row: AudienceRow,
    shown: Sequence[tuple[SessionRow, View]],
    people: Mapping[int, Sequence[Person]],
    snapshots: Mapping[int, str],
    key: str,
    register: Callable[[int], str],
) -> bytes:
    """The whole calendar; `register` gives the address where the subscriber registers for a session, or ""."""
    words = catalogues.words(row.locale)
    parts, times = [], []
    for one, how in shown:
        local = None if one.own else (one.start, one.end, one.timezone, one.fold)
        zone, body = _rendered(snapshots[one.revision_id], local, how, row.locale)
        times.append((zone, one.starts_at, one.ends_at))
        cancelled = one.status == "cancelled"
        notes = "" if cancelled else _notes(one, how, people.get(one.id, ()), words, register)
        values = {
            slots.UID: slots.slot_uid(uid_of(key, row.id, one.id)),
            slots.DTSTAMP: slots.slot_dtstamp(one.changed_at // _SECOND),
            slots.SEQUENCE: slots.slot_sequence(max(0, one.changed_at - one.created_at) // _SECOND),
            slots.STATUS: slots.slot_status("CANCELLED" if cancelled else "CONFIRMED", blocks=how.blocks),
            slots.MARK: slots.slot_mark(words.cancelled) if cancelled else b"",
            slots.NOTES: slots.slot_notes(notes),
            slots.NOTES_ALONE: slots.slot_notes_alone(notes),
        }
        parts.append(slots.fill(body, values))
    return feed.document(parts, zones(times), name=name_of(row))


def uid_of(key: str, feed_id: int, session_id: int) -> str:
    """The UID of a session in one feed for others: it says nothing about those in learners' calendars, which are secrets."""
    return f"{hmac.digest(key.encode(), f'audience:{feed_id}:{session_id}'.encode(), 'sha256').hex()[:40]}@feedserver"


def digest(shown: Sequence[tuple[SessionRow, View]], people: Mapping[int, Sequence[Person]]) -> str:
    """Names all that the bytes depend on besides the feed's own columns and the day."""
    return hashlib.blake2b(repr((shown, sorted(people.items()))).encode(), digest_size=12).hexdigest()


def _notes(one: SessionRow, how: View, people: Sequence[Person], words, register: Callable[[int], str]) -> str:
    said = []
    if how.seats == "taken":
        numbers = {"taken": one.taken, "seats": one.capacity}
        said.append((words.taken if one.capacity is None else words.taken_of) % numbers)
    if how.seats == "free" and one.capacity is not None:
        said.append(words.free % {"free": max(0, one.capacity - one.held)})
    if how.names:
        said += [f"{lines.clean_line(who.name)}: {status_word(who.status, words)}" for who in people]
    if how.register:
        url = register(one.id)
        said.append(f"{words.register}: {url}" if url else words.register_there)
    return "\n".join(said)


def status_word(status: str, words) -> str:
    """A status in the reader's language."""
    return getattr(words, status.lower().replace(" ", "_"), status)


@lru_cache(maxsize=4096)
def _rendered(snapshot_json: str, local: tuple[str, str, str, int] | None, how: View, locale: str) -> tuple[str, bytes]:
    """(zone that it needs a VTIMEZONE for or "", VEVENT with slots); `local`: the times of a date whose series is one entry."""
    snapshot = Snapshot.from_json(snapshot_json)
    if local is not None:
        start, end, timezone, fold = local
        times = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
        snapshot = replace(snapshot, **times, timezone=timezone, fold=fold)
    snapshot = replace(snapshot, rule="", left_out=(), moved=False)
    return vevent.tzid_of(snapshot), vevent.for_others(snapshot, how, catalogues.words(locale))


_MODULES = (ical, feed, lines, plaintext, slots, vevent, vtimezone, calendar_words, catalogues, audiences, changes, feed_body)
RENDERER = renderer(*(Path(module.__file__) for module in _MODULES), Path(__file__))
