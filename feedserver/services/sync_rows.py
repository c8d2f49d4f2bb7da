"""Rows of a list that another system sends, and what became of each. A row that is refused refuses nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..addresses import canonical
from ..errors import FeedserverError, Invalid
from . import sync_fields
from .sync_fields import Field
from .work import Work

CREATED, UPDATED, UNCHANGED, REFUSED = "created", "updated", "unchanged", "refused"
KINDS: dict[str, dict[str, Field]] = {
    "learners": sync_fields.LEARNERS,
    "teams": sync_fields.TEAMS,
    "courses": sync_fields.COURSES,
    "sessions": sync_fields.SESSIONS,
    "enrolments": sync_fields.ENROLMENTS,
}
KEYS = {kind: ("external_id",) for kind in KINDS} | {"enrolments": ("session_external_id", "learner_external_id", "status")}
"""Fields without which a row says nothing."""
_NAMED_BY = {kind: ("external_id",) for kind in KINDS} | {"enrolments": ("session_external_id", "learner_external_id")}
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read: its place in the list (a line, in a file), how the other system names it, and the checked values."""

    place: int
    external_id: str
    values: dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What became of the row at `place`: one of created, updated, unchanged, refused. `changes` names fields; `id` is ours, if there is one."""

    place: int
    external_id: str
    outcome: str
    id: int | None = None
    changes: Sequence[str] = ()
    reason: str | None = None


class Reader:
    """Reads rows of one kind; one that repeats what names a row of the same list, or an address in it, is refused."""

    def __init__(self, kind: str) -> None:
        self.fields, self.keys, self.named_by = KINDS[kind], KEYS[kind], _NAMED_BY[kind]
        self._seen: dict[tuple[str, ...], int] = {}

    def read(self, place: int, given: Mapping[str, Any] | str) -> Row | Outcome:
        """The row, or its refusal. Text in place of a row says why it cannot be read."""
        name = self.name_of(given)
        try:
            if isinstance(given, str):
                raise Invalid(given)
            values = self._values(given)
            self._once(place, values)
        except FeedserverError as error:
            return refused(place, name, error)
        return Row(place, name, values)

    def read_cells(self, place: int, cells: Mapping[str, str] | str, *, empty_clears: bool) -> Row | Outcome:
        """The same of a line of a CSV file."""
        if isinstance(cells, str):
            return self.read(place, cells)
        given: dict[str, Any] = {}
        for name, text in cells.items():
            if text.strip():
                given[name] = self.fields[name].cell(text.strip())
            elif empty_clears and name not in self.keys and self.fields[name].cleared is not sync_fields.NEVER:
                given[name] = None
        return self.read(place, given)

    def name_of(self, given: Mapping[str, Any] | str) -> str:
        """How the other system names the row, as far as it can be read; fit to be shown and stored."""
        if isinstance(given, str):
            return ""
        parts = [given.get(key) for key in self.named_by]
        return "/".join(_shown(part) if isinstance(part, str) else "" for part in parts).strip("/")

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        for name in given:
            if name not in self.fields:
                raise Invalid(f"There is no such field here; there are: {', '.join(self.fields)}.", field=_shown(name))
        for name in self.keys:
            if name not in given:
                raise Invalid("This field is required.", field=name)
        return {name: self.fields[name].value(value, name) for name, value in given.items()}

    def _once(self, place: int, values: Mapping[str, Any]) -> None:
        marks = [("name", *(values[name] for name in self.named_by))]
        if "email" in values:
            marks.append(("e-mail", canonical(values["email"])))
        for mark in marks:
            if mark in self._seen:
                field = "email" if mark[0] == "e-mail" else self.named_by[0]
                raise Invalid(f"Row {self._seen[mark]} of the same list has the same {mark[0]}.", field=field)
        self._seen.update(dict.fromkeys(marks, place))


def refused(place: int, external_id: str, error: FeedserverError) -> Outcome:
    """The outcome of a row that a rule refuses."""
    return Outcome(place, external_id, REFUSED, reason=f"{error.field}: {error.detail}" if error.field else error.detail)


@contextmanager
def attempt(work: Work, row: Row, outcomes: dict[int, Outcome]) -> Iterator[None]:
    """What is done inside is taken back, and the row refused, where a rule refuses it."""
    try:
        with work.db.begin_nested():
            yield
    except FeedserverError as error:
        outcomes[row.place] = refused(row.place, row.external_id, error)


def done(row: Row, outcome: str, row_id: int | None, changes: Iterable[str] = ()) -> Outcome:
    """The outcome of a row that was taken."""
    return Outcome(row.place, row.external_id, outcome, row_id, sorted(changes))


def _shown(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode()
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", "?", clean).strip()[:_LONGEST_SHOWN]
