"""What a session shows, as a value, and the difference of two such values: what changed and who is asked again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about a live session that a calendar entry or a mail about it shows.

    `start` and `end` are wall-clock times without offset in the IANA zone `timezone`; `fold` picks one of two where the clock goes back.
    `description` is Markdown. `visibility` is public, private or busy. `files` are pairs of name and address. `rule` is the RRULE, ended by
    UNTIL, of a series that is one entry, `left_out` the wall-clock starts (ISO) that it leaves out by EXDATE; `moved` says that
    it is a date that left such an entry.
    """

    title: str
    start: datetime
    end: datetime
    timezone: str
    fold: int = 0
    description: str = ""
    location: str = ""
    join_url: str = ""
    access_code: str = ""
    instructors: tuple[str, ...] = ()
    visibility: str = "public"
    course_name: str = ""
    course_url: str = ""
    files: tuple[tuple[str, str], ...] = ()
    rule: str = ""
    left_out: tuple[str, ...] = ()
    moved: bool = False

    @property
    def starts_at(self) -> datetime:
        """The instant of the start, in UTC."""
        return instant(self.start, self.timezone, self.fold)

    @property
    def ends_at(self) -> datetime:
        """The instant of the end, of a series that of its last date, in UTC."""
        return self.first_ends_at - self.starts_at + until_of(self.rule) if self.rule else self.first_ends_at

    @property
    def first_ends_at(self) -> datetime:
        """The instant of the end, of a series that of its first date, in UTC."""
        return instant(self.end, self.timezone, self.fold)

    def to_json(self) -> str:
        """As stored with a revision: keys sorted, times as ISO text."""
        values = dataclasses.asdict(self)
        values["start"], values["end"] = self.start.isoformat(), self.end.isoformat()
        # Left out where there are none: what an older version stored is then the same text.
        for name in ("files", "rule", "left_out", "moved"):
            if not values[name]:
                del values[name]
        return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """The inverse of `to_json`; a key of a later version is passed over."""
        values = json.loads(text)
        known = {f.name for f in dataclasses.fields(cls)}
        values = {k: v for k, v in values.items() if k in known}
        values["start"], values["end"] = datetime.fromisoformat(values["start"]), datetime.fromisoformat(values["end"])
        values["instructors"] = tuple(values.get("instructors", ()))
        values["left_out"] = tuple(values.get("left_out", ()))
        values["files"] = tuple((name, url) for name, url in values.get("files", ()))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs between two snapshots."""

    field: str
    before: Any
    after: Any


ASKS_AGAIN = frozenset({"start", "end", "timezone", "fold"})
"""Fields whose change asks the person again (design decision 2): seat and status stay, the answer is to be reconfirmed.

A changed RRULE does, too, unless it only ends sooner: dates that are gone ask nobody anything.
"""


def until_of(rule: str) -> datetime:
    """The start of the last date of a rule that is ended by UNTIL, in UTC."""
    return datetime.strptime(rule.rpartition("UNTIL=")[2].partition(";")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def instant(local: datetime, timezone: str, fold: int = 0) -> datetime:
    """The UTC instant of a wall-clock time in a zone."""
    return local.replace(tzinfo=ZoneInfo(timezone), fold=fold).astimezone(UTC)


def diff(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """What differs, in the order of the fields; empty for a net-zero edit."""
    pairs = ((f.name, getattr(before, f.name), getattr(after, f.name)) for f in dataclasses.fields(Snapshot))
    return tuple(Change(name, old, new) for name, old, new in pairs if old != new)


def asks_again(changes: tuple[Change, ...]) -> bool:
    """Whether the person has to be asked again: when it takes place has changed."""
    return any(change.field in ASKS_AGAIN or (change.field == "rule" and not _ends_sooner(change)) for change in changes)


def _ends_sooner(change: Change) -> bool:
    before, _, _ = change.before.partition("UNTIL=")
    after, _, _ = change.after.partition("UNTIL=")
    return bool(change.before and change.after) and before == after and until_of(change.after) < until_of(change.before)
