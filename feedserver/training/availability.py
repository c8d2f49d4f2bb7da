"""Who and what is wanted twice at one time: instructors and rooms, and, where it is many of them, learners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

MANY_LEARNERS = 3
"""More than so many learners in both sessions, or more than a fifth of them, are worth a word."""
_FIFTH = 5


@dataclass(frozen=True, slots=True)
class Booking:
    """What a session takes hold of from `starts_at` to `ends_at` (instants): instructors as canonical addresses, a room, so many people."""

    starts_at: datetime
    ends_at: datetime
    session_id: int | None = None
    title: str = ""
    instructors: frozenset[str] = frozenset()
    room_id: int | None = None
    people: int = 0


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing that two sessions want: `kind` is instructor, room or learners, `who` the instructors, `number` how many learners."""

    kind: str
    other: Booking
    who: tuple[str, ...] = ()
    number: int = 0


def overlaps(one: Booking, other: Booking) -> bool:
    """Whether they share a moment; one that begins when the other ends does not."""
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def clashes(wanted: Booking, others: Iterable[Booking], shared: Mapping[int | None, int]) -> list[Clash]:
    """Everything that `wanted` and another session at the same time both take hold of; `shared` is how many people are in both, by session."""
    return [
        clash
        for other in others
        if overlaps(wanted, other) and (wanted.session_id is None or wanted.session_id != other.session_id)
        for clash in _between(wanted, other, shared.get(other.session_id, 0))
    ]


def many(number: int, people: int) -> bool:
    """Whether so many of a session's people being elsewhere is worth a word."""
    return number > MANY_LEARNERS or number * _FIFTH > people


def _between(wanted: Booking, other: Booking, number: int) -> Iterator[Clash]:
    both = wanted.instructors & other.instructors
    if both:
        yield Clash("instructor", other, who=tuple(sorted(both)))
    if wanted.room_id is not None and wanted.room_id == other.room_id:
        yield Clash("room", other)
    if number and many(number, wanted.people):
        yield Clash("learners", other, number=number)
