"""Fields of lists that other systems send: each read alike from JSON and from a cell of a CSV file.

A field that is absent is left as it is, null clears it; an empty cell counts as absent unless the caller says that it clears.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from ..addresses import check
from ..errors import Invalid
from ..store.learners import CHANNELS, DIGESTS
from ..training.statuses import EnrolmentStatus
from ..training.wall_time import check_zone
from . import rendering

NEVER = object()
"""This field cannot be cleared."""
# Control characters break lines in mails and calendars; the others turn text around so that it reads as something else.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_UNSEEN_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MOST_INSTRUCTORS = 50


@dataclass(frozen=True, slots=True)
class Field:
    """`read` checks a JSON value, `cell` makes one of the text of a cell, `cleared` is what null stands for."""

    read: Callable[[Any, str], Any]
    cell: Callable[[str], Any] = lambda text: text
    cleared: Any = NEVER

    def value(self, given: Any, name: str) -> Any:
        """The checked value; raises `Invalid` for the field."""
        if given is not None:
            return self.read(given, name)
        if self.cleared is NEVER:
            raise Invalid("This cannot be empty.", field=name)
        return self.cleared() if callable(self.cleared) else self.cleared


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Invalid("This must be text.", field=name)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Invalid("This text holds half a character (a lone surrogate).", field=name) from error
    return value


def line(longest: int, cleared: Any = NEVER) -> Field:
    """One line of text, not empty."""

    def read(value: Any, name: str) -> Any:
        text = _text(value, name).strip()
        if not text:
            if cleared is NEVER:
                raise Invalid("This cannot be empty.", field=name)
            return cleared
        if len(text) > longest:
            raise Invalid(f"At most {longest} characters, not {len(text)}.", field=name)
        if _UNSEEN.search(text):
            raise Invalid("It holds a line break or another control character.", field=name)
        return text

    return Field(read, cleared=cleared)


def lines(longest: int) -> Field:
    """Text of several lines."""

    def read(value: Any, name: str) -> str:
        text = _text(value, name).replace("\r\n", "\n").replace("\r", "\n")
        if len(text) > longest:
            raise Invalid(f"At most {longest} characters, not {len(text)}.", field=name)
        if _UNSEEN_IN_LINES.search(text):
            raise Invalid("It holds control characters besides line ends and tabs.", field=name)
        return text

    return Field(read, cleared="")


def one_of(choices: Collection[str]) -> Field:
    """One of these words."""

    def read(value: Any, name: str) -> str:
        if _text(value, name) not in choices:
            raise Invalid(f"{value[:40]!r} is not one of {', '.join(choices)}.", field=name)
        return value

    return Field(read)


def truth() -> Field:
    """true or false; in a cell also yes, no, 1, 0."""

    def read(value: Any, name: str) -> bool:
        if not isinstance(value, bool):
            raise Invalid("This must be true or false.", field=name)
        return value

    return Field(read, cell=lambda text: _TRUTH.get(text.lower(), text))


def whole(least: int, most: int, cleared: Any = NEVER) -> Field:
    """A whole number."""

    def read(value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Invalid(f"This must be a whole number from {least} to {most}.", field=name)
        return value

    return Field(read, cell=lambda text: int(text) if re.fullmatch("[0-9]{1,19}", text) else text, cleared=cleared)


def _address(value: Any, name: str) -> str:
    return check(_text(value, name), name)


def _day(value: Any, name: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", _text(value, name), re.ASCII):
            return date.fromisoformat(value)
    except ValueError as error:
        raise Invalid(f"There is no day {value}; look at the month.", field=name) from error
    raise Invalid(f"{value[:40]!r} is not a day; write it as 2026-12-01.", field=name)


def _local(value: Any, name: str) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", _text(value, name), re.ASCII):
            return datetime.fromisoformat(value)
    except ValueError as error:
        raise Invalid("There is no such day or time; look at the month.", field=name) from error
    raise Invalid("Write the local time without Z or offset, as 2026-12-01T09:00, and the zone in `timezone`.", field=name)


def _url(value: Any, name: str) -> str:
    if not _text(value, name).strip():
        return ""
    if (
        len(value) > 2000
        or not re.fullmatch(r"https?://[^\s/?#@:\[\]\\<>\"]+(:[0-9]{1,5})?([/?#][^\s\\<>\"]*)?", value)
        or _UNSEEN.search(value)
    ):
        raise Invalid("Write it as https://example.org/room, or leave it empty.", field=name)
    return value


def _instructors(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or len(value) > _MOST_INSTRUCTORS:
        raise Invalid(f"This must be a list of at most {_MOST_INSTRUCTORS} addresses.", field=name)
    return [_address(one, name) for one in value]


@lru_cache(maxsize=2048)
def _zone(value: str, name: str) -> str:
    return check_zone(value, name)


@lru_cache(maxsize=2048)
def _locale(value: str, name: str) -> str:
    return rendering.check_locale(value)


KEY = line(200)
LEARNERS = {
    "external_id": KEY,
    "email": Field(_address),
    "name": line(200),
    "timezone": Field(lambda value, name: _zone(_text(value, name), name)),
    "locale": Field(lambda value, name: _locale(_text(value, name), name)),
    "channel": one_of(CHANNELS),
    "digest": one_of(DIGESTS),
    "team": line(200, None),
    "team_external_id": line(200, None),
    "manager_email": Field(_address, cleared=None),
    "start_date": Field(_day, cleared=None),
    "active": truth(),
}
TEAMS = {"external_id": KEY, "name": line(200), "manager_email": Field(_address, cleared=None)}
COURSES = {
    "external_id": KEY,
    "id": whole(1, 2**63 - 1),
    "name": line(200),
    "description": lines(20_000),
    "url": Field(_url, cleared=""),
    "counts": truth(),
    "self_paced": truth(),
}
SESSIONS = {
    "external_id": KEY,
    "id": whole(1, 2**63 - 1),
    "course_external_id": KEY,
    "title": line(250),
    "description": lines(20_000),
    "location": line(500, ""),
    "room_id": whole(1, 2**63 - 1, None),
    "join_url": Field(_url, cleared=""),
    "access_code": line(100, ""),
    "instructors": Field(_instructors, cell=lambda text: [one for one in re.split(r"[\s,;|]+", text) if one], cleared=list),
    "start": Field(_local),
    "end": Field(_local),
    "timezone": Field(lambda value, name: _zone(_text(value, name), name)),
    "fold": whole(0, 1),
    "capacity": whole(1, 1_000_000, None),
    "approval_required": truth(),
    "waiting_list": truth(),
    "calendar_enabled": truth(),
    "visibility": one_of(("public", "private", "busy")),
    "status": one_of(("scheduled", "cancelled")),
    "cancel_reason": line(500, ""),
}
ENROLMENTS = {
    "session_external_id": KEY,
    "learner_external_id": KEY,
    "status": one_of([status.value for status in EnrolmentStatus]),
}
