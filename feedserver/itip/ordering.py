"""Which reply counts (RFC 5546 2.1.5, and the clients that do not keep to it): pure, the same end in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .parse import ItipObject


class Verdict(StrEnum):
    """CURRENT takes effect; the rest is kept and shown, and changes nothing."""

    CURRENT = "current"
    STALE = "stale"
    """Answers a question that is no longer asked: no consent to the new time."""
    OLDER = "older"
    DUPLICATE = "duplicate"
    FUTURE = "future"
    """Names a SEQUENCE that we never sent."""
    NO_ANSWER = "no_answer"
    """NEEDS-ACTION: said of dates that are not answered (Thunderbird, Cyrus); never overwrites an answer."""


@dataclass(frozen=True, slots=True)
class LastReply:
    """The reply that took effect last: the SEQUENCE it answered, its DTSTAMP as it was counted, what it said."""

    sequence: int
    dtstamp: int
    partstat: str


@dataclass(frozen=True, slots=True)
class Held:
    """What a calendar entry holds: `sequence` and `dtstamp` of the latest message, those at which the person was last
    asked, the start (seconds since 1970) that was told with each SEQUENCE, the last reply, and the DTSTAMP of every message
    that went out about it."""

    sequence: int
    dtstamp: int
    asked_sequence: int
    asked_dtstamp: int
    starts: Mapping[int, int]
    last: LastReply | None = None
    stamps: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply says of its place in time; `received_at` is when it reached us. All in seconds since 1970."""

    partstat: str
    sequence: int | None
    dtstamp: int | None
    dtstart: int | None
    received_at: int

    @classmethod
    def of(cls, one: ItipObject, partstat: str, received_at: int) -> Reply:
        """Take it from the message. The DTSTART of a single date of a series says nothing about the version."""
        return cls(partstat, one.sequence, one.dtstamp, None if one.recurrence_text else one.dtstart, received_at)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, and SEQUENCE and DTSTAMP as they count: to be stored as `LastReply` where it is CURRENT."""

    verdict: Verdict
    sequence: int
    dtstamp: int


def judge(held: Held, reply: Reply) -> Judgement:
    """Whether this reply takes effect (design decision 3)."""
    sequence = _sequence(held, reply)
    dtstamp = _dtstamp(held, reply)
    return Judgement(_verdict(held, reply, sequence, dtstamp), sequence, dtstamp)


def _sequence(held: Held, reply: Reply) -> int:
    if reply.sequence is not None:
        return reply.sequence
    if reply.dtstart is None:
        return held.asked_sequence
    # ActiveSync and Exchange at times leave SEQUENCE out: the start they echo tells which question was answered.
    told = [number for number, start in held.starts.items() if start == reply.dtstart]
    return max(told, default=held.asked_sequence - 1)


def _dtstamp(held: Held, reply: Reply) -> int:
    arrived = reply.received_at
    # Exchange CDO and iCal 1.5 copy the DTSTAMP of the REQUEST, maybe of one that is not the latest, and clocks lie: before we asked nobody answers.
    copied = reply.dtstamp == held.dtstamp or reply.dtstamp in held.stamps
    if reply.dtstamp is None or reply.dtstamp <= held.asked_dtstamp or copied:
        return arrived
    return min(reply.dtstamp, arrived)


def _verdict(held: Held, reply: Reply, sequence: int, dtstamp: int) -> Verdict:
    if reply.partstat in ("", "NEEDS-ACTION"):
        return Verdict.NO_ANSWER
    if sequence > held.sequence:
        return Verdict.FUTURE
    if sequence < held.asked_sequence:
        return Verdict.STALE
    last = held.last
    if last is None or last.sequence < held.asked_sequence or dtstamp > last.dtstamp:
        return Verdict.CURRENT
    if dtstamp < last.dtstamp:
        return Verdict.OLDER
    # Answered twice within one second: what came later counts.
    return Verdict.DUPLICATE if last.partstat == reply.partstat else Verdict.CURRENT
