"""Many learners at once, from a file: the same checks and the same rows as `learning.create_learner`, in a constant number of statements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import insert, select, update

from ..addresses import canonical, check
from ..errors import Invalid
from ..store.feeds import KINDS, Feed
from ..store.history import HistoryEntry
from ..store.learners import CHANNELS, FeedVersion, Learner
from ..tokens import new_id
from ..training.wall_time import check_zone
from . import rendering
from .learning import FIELDS
from .work import Work

REQUIRED = ("email", "name")
# Control characters break lines in mails and calendars; the others turn text around so that it reads as something else.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST = 200
_EDITED = tuple(name for name in FIELDS if name != "email")


@dataclass(frozen=True, slots=True)
class Person:
    """A line that was read: where it stands in the file, and the values that it gives; what it leaves empty is not among them."""

    line: int
    values: dict[str, Any]

    @property
    def key(self) -> str:
        """The address as compared."""
        return canonical(self.values["email"])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that cannot be taken, and why, in words."""

    line: int
    reason: str


@dataclass
class Tally:
    """What became of some lines."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)


def read_person(line: int, cells: Mapping[str, str]) -> Person:
    """Check one line; raises `Invalid` naming the column. An empty cell says nothing: what is known stays."""
    given = {name: text.strip() for name, text in cells.items() if text.strip()}
    for name in REQUIRED:
        if name not in given:
            raise Invalid("This cannot be empty.", field=name)
    return Person(line, {name: _READERS.get(name, _text)(text, name) for name, text in given.items()})


def read_lines(table: Iterable[tuple[int, dict[str, str] | str]]) -> Iterator[Person | Refusal]:
    """The lines of a `TableFile`, checked; one that repeats an address or an external_id of the file is refused."""
    seen: dict[tuple[str, str], int] = {}
    for line, cells in table:
        yield _read(line, cells, seen)


def _read(line: int, cells: dict[str, str] | str, seen: dict[tuple[str, str], int]) -> Person | Refusal:
    if isinstance(cells, str):
        return Refusal(line, cells)
    try:
        person = read_person(line, cells)
    except Invalid as error:
        return Refusal(line, f"{error.field}: {error.detail}")
    marks = {"e-mail": person.key, "external_id": person.values.get("external_id")}
    for what, value in marks.items():
        if value is not None and (what, value) in seen:
            return Refusal(line, f"The same {what} as in line {seen[what, value]}.")
    seen.update({(what, value): line for what, value in marks.items() if value is not None})
    return person


def compare(work: Work, people: Iterable[Person]) -> Tally:
    """What `learning_many` would do, with nothing done."""
    fresh, edited, tally = _sorted(work, people)
    tally.added, tally.changed = len(fresh), len(edited)
    return tally


def learning_many(work: Work, people: Iterable[Person]) -> Tally:
    """Add who is not known by e-mail, change what differs, leave the rest. Sends no mail. No two of `people` may share an address.

    The number of statements does not depend on how many they are (a thousand at once keep the transaction short).
    """
    fresh, edited, tally = _sorted(work, people)
    add(work, fresh)
    _edit(work, edited)
    tally.added, tally.changed = len(fresh), len(edited)
    return tally


def _sorted(work: Work, people: Iterable[Person]) -> tuple[list[Person], list[tuple[Any, dict[str, Any]]], Tally]:
    """(those to add, those to change with what changes, the rest in a tally)."""
    tally = Tally()
    by_key = {person.key: person for person in people}
    known = _known(work, Learner.email_key, list(by_key))
    takers = _holders(work, by_key.values())
    fresh, edited = [], []
    for key, person in by_key.items():
        holder = takers.get(person.values.get("external_id"))
        if holder is not None and holder != key:
            reason = f"external_id {person.values['external_id'][:60]!r} belongs to a learner with another e-mail."
            tally.refused.append(Refusal(person.line, reason))
        elif key not in known:
            fresh.append(person)
        elif changes := _changes(known[key], person):
            edited.append((known[key], changes))
        else:
            tally.unchanged += 1
    return fresh, edited, tally


def _known(work: Work, column, values: list[str]) -> dict[str, Any]:
    wanted = (Learner.id, Learner.email_key, Learner.version, *(getattr(Learner, name) for name in _EDITED))
    query = select(*wanted).where(Learner.organisation_id == work.organisation_id, column.in_(values)).with_for_update()
    return {getattr(row, column.key): row for row in work.db.execute(query)}


def _holders(work: Work, people: Iterable[Person]) -> dict[str | None, str]:
    """external_id -> address of who has it."""
    wanted = [p.values["external_id"] for p in people if "external_id" in p.values]
    if not wanted:
        return {}
    return {external_id: row.email_key for external_id, row in _known(work, Learner.external_id, wanted).items()}


def _changes(row: Any, person: Person) -> dict[str, Any]:
    return {name: value for name, value in person.values.items() if name in _EDITED and getattr(row, name) != value}


def add(work: Work, people: list[Person]) -> list[int]:
    """New learners as `learning.create_learner` makes them, in four statements; their ids. Nobody has their addresses and names of other systems."""
    if not people:
        return []
    usual = dict.fromkeys(_EDITED) | {
        "timezone": check_zone(work.organisation.timezone), "locale": rendering.check_locale(work.organisation.locale), "channel": "both",
        "organisation_id": work.organisation_id, "version": 1, "created_at": work.now,
    }  # fmt: skip
    rows = [{**usual, "email_key": p.key, "page_id": new_id(), **p.values} for p in people]
    # In the order of the rows it would be a statement each on SQLite.
    made = dict(work.db.execute(insert(Learner).returning(Learner.email_key, Learner.id), rows).all())
    ids = [made[p.key] for p in people]
    feed = {
        "organisation_id": work.organisation_id, "key_id": work.key_id, "name": "My training", "kinds": list(KINDS), "content": "everything",
        "detail": "full", "alarms": False, "version": 1, "changed_at": work.now, "created_at": work.now,
    }  # fmt: skip
    work.db.execute(insert(FeedVersion), [{"learner_id": i, "version": 1, "changed_at": work.now} for i in ids])
    work.db.execute(insert(Feed), [{**feed, "learner_id": i, "public_id": new_id()} for i in ids])
    _record(work, "learner created", [(i, None) for i in ids])
    return ids


def _edit(work: Work, edited: list[tuple[Any, dict[str, Any]]]) -> None:
    """One UPDATE for all: every row names every column, the ones that stay as they are."""
    if not edited:
        return
    rows = [
        {"id": row.id, "version": row.version + 1, **{name: getattr(row, name) for name in _EDITED}, **changes} for row, changes in edited
    ]
    work.db.execute(update(Learner), rows)
    _record(work, "learner edited", [(row.id, {"fields": sorted(changes)}) for row, changes in edited])


def _record(work: Work, verb: str, what: list[tuple[int, dict | None]]) -> None:
    common = {"organisation_id": work.organisation_id, "at": work.now, "actor": work.actor, "verb": verb}
    work.db.execute(insert(HistoryEntry), [{**common, "learner_id": learner_id, "detail": detail} for learner_id, detail in what])


def _text(text: str, name: str) -> str:
    if len(text) > _LONGEST:
        raise Invalid(f"At most {_LONGEST} characters, not {len(text)}.", field=name)
    if _UNSEEN.search(text):
        raise Invalid("It holds a line break or another control character.", field=name)
    return text


def _channel(text: str, name: str) -> str:
    if text not in CHANNELS:
        raise Invalid(f"{text[:40]!r} is not one of {', '.join(CHANNELS)}.", field=name)
    return text


def _day(text: str, name: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"There is no day {text}; look at the month.", field=name) from error
    raise Invalid(f"{text[:40]!r} is not a day; write it as 2026-12-01.", field=name)


@lru_cache(maxsize=2048)
def _zone(text: str, name: str) -> str:
    return check_zone(text, name)


@lru_cache(maxsize=2048)
def _locale(text: str, name: str) -> str:
    return rendering.check_locale(text)


_READERS = {"email": check, "manager_email": check, "timezone": _zone, "locale": _locale, "channel": _channel, "start_date": _day}
