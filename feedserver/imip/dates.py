"""When a session is, in words, in a learner's zone and language."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_date, format_time, get_timezone_location, get_timezone_name

from feedserver.ical.vtimezone import load
from feedserver.training.changes import Snapshot

from .catalogues import Language, _


def when(snapshot: Snapshot, timezone: str, say: Language) -> tuple[str, ...]:
    """A line such as "Wednesday, 3 March 2027, 10:00–11:30 (Berlin time, CET)".

    A second line says it in the session's own zone, where the clock differs there. An unknown zone is taken for
    the session's.
    """
    timezone = timezone if load(timezone) else snapshot.timezone
    theirs, own = _span(snapshot, timezone, say), _span(snapshot, snapshot.timezone, say)
    lines = [f"{theirs} ({zone_name(snapshot.starts_at, timezone, say)})"]
    if theirs != own:
        lines.append(f"{own} ({zone_name(snapshot.starts_at, snapshot.timezone, say)})")
    return tuple(lines)


def moment(instant: datetime, timezone: str, say: Language) -> str:
    """An instant in words: "Saturday, 21 November 2026, 11:00 (Berlin time, CET)"; UTC for an unknown zone."""
    local = instant.astimezone(load(timezone) or UTC)
    return f"{_day(local, say)}, {_clock(local, say)} ({zone_name(instant, timezone, say)})"


def zone_name(instant: datetime, timezone: str, say: Language) -> str:
    """ "Berlin time, CET": the place as people know it, and the name that its clock has then."""
    zone = load(timezone) or UTC
    local = instant.astimezone(zone)
    if zone is UTC or timezone.rpartition("/")[2] in ("UTC", "UCT", "Zulu", "Universal"):
        return "UTC"
    short = get_timezone_name(local, width="short", locale=say.locale)
    # Where a language has no short name it gives a long one or "+0900".
    if not (short.isalpha() and len(short) < 6):
        short = local.tzname() if local.tzname().isalpha() else _offset(local)
    if timezone.startswith("Etc/"):
        return short
    place = get_timezone_location(zone, locale=say.locale, return_city=True).rpartition("/")[2]
    name = say(_("%(place)s time"), place=place)
    return f"{name}, {short}"


def _span(snapshot: Snapshot, timezone: str, say: Language) -> str:
    zone = load(timezone) or UTC
    start, end = snapshot.starts_at.astimezone(zone), snapshot.ends_at.astimezone(zone)
    if start.date() == end.date():
        return f"{_day(start, say)}, {_clock(start, say)}–{_clock(end, say)}"
    return f"{_day(start, say)}, {_clock(start, say)} – {_day(end, say)}, {_clock(end, say)}"


def _day(when: datetime, say: Language) -> str:
    return format_date(when, "full", locale=say.locale)


def _clock(when: datetime, say: Language) -> str:
    # American "10:00 AM" comes with a narrow blank that old mail programs show as a box.
    return format_time(when, "short", tzinfo=when.tzinfo, locale=say.locale).replace("\u202f", " ")


def _offset(local: datetime) -> str:
    sign, minutes = ("-", -1) if local.utcoffset().days < 0 else ("+", 1)
    minutes *= int(local.utcoffset().total_seconds()) // 60
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "")
