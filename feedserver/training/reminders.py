"""When people are reminded of a date: rules as data. A moment lies so many hours before the start, or on the morning of the day in the reader's own zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ..errors import Invalid
from .changes import instant

MORNING = time(8)
GRACE = timedelta(hours=2)
"""A reminder that is later than this is of no use: it is noted as missed."""
LOOK_BACK = timedelta(days=14)
"""After a longer outage nobody asks any more what was missed before."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`before` the start, or (None) at `MORNING` of the day on which the session starts where the reader lives."""

    words: str
    before: timedelta | None


RULES: dict[str, Rule] = {
    "168h": Rule("A week before", timedelta(days=7)),
    "72h": Rule("3 days before", timedelta(hours=72)),
    "48h": Rule("48 hours before", timedelta(hours=48)),
    "24h": Rule("24 hours before", timedelta(hours=24)),
    "morning": Rule("On the morning of the day, at 8:00", None),
    "4h": Rule("4 hours before", timedelta(hours=4)),
    "1h": Rule("An hour before", timedelta(hours=1)),
}
USUAL = ("48h", "morning")
LONGEST = max(rule.before for rule in RULES.values() if rule.before is not None)

SENT, LATE, BEGUN, LATER_ONE = "sent", "late", "begun", "later_one"
WORDS = {
    SENT: "sent",
    LATE: f"missed: found more than {GRACE.seconds // 3600} hours late",
    BEGUN: "missed: the session had begun",
    LATER_ONE: "left out: a later one was due, too",
}
"""What became of a reminder of one date in one zone."""


@dataclass(frozen=True, slots=True)
class Due:
    """One reminder of one date for the people of one zone, and what is to become of it."""

    rule: str
    at: datetime
    outcome: str


def check(names: Sequence[str] | None, field: str = "reminders") -> list[str] | None:
    """The rules by these names in the order of the table; None: as what lies above says. Raises `Invalid`."""
    if names is None:
        return None
    unknown = [name for name in names if name not in RULES]
    if unknown:
        raise Invalid(f"{str(unknown[0])[:40]!r} is no reminder. Choose among {', '.join(RULES)}.", field=field)
    return [name for name in RULES if name in names]


def in_effect(*chosen: Sequence[str] | None) -> tuple[str, ...]:
    """The rules that hold: the first that says something, the most specific first; else the usual ones."""
    return tuple(next((names for names in chosen if names is not None), USUAL))


def moment(rule: str, starts_at: datetime, timezone: str) -> datetime | None:
    """When the rule reminds somebody in this zone of a session that starts then (UTC); None where that is not before the start."""
    before = RULES[rule].before
    if before is not None:
        return starts_at - before
    day = starts_at.astimezone(ZoneInfo(timezone)).date()
    at = instant(datetime.combine(day, MORNING), timezone, 0).astimezone(UTC)
    return at if at < starts_at else None


def due(
    rules: Iterable[str], starts_at: datetime, timezone: str, now: datetime, *, since: datetime, known_since: datetime, done: Mapping[str, object]
) -> list[Due]:  # fmt: skip
    """What is to be done about a date for the people of a zone, nothing of it before `since`.

    `known_since` is when people were told of this start: no reminder whose moment was before. `done` are rules that were dealt with. Of
    several that are due at once only the latest is sent.
    """
    moments = {rule: at for rule in rules if (at := moment(rule, starts_at, timezone)) is not None and known_since < at <= now}
    latest = max(moments.values(), default=now)
    out = []
    for rule, at in moments.items():
        if rule in done or at <= since:
            continue
        outcome = BEGUN if starts_at <= now else LATE if at < now - GRACE else LATER_ONE if at < latest else SENT
        out.append(Due(rule, at, outcome))
    return out
