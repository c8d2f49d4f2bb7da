"""A message before it has a reader.

Rendered once for many, stored with the revision, filled by plain substitution (design decision 6).

Stored skeletons outlive upgrades, and a retry must give the same bytes: whoever changes what `fill` makes of given
bytes counts FORMAT up and keeps reading the old one.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from feedserver.ical import all_day, slots
from feedserver.ical.lines import clean_line

from . import headers
from .quoted import encode, encode_value

FORMAT = b"feedserver-skeleton-1\n"
CALENDAR = "calendar"
_OCTETS, _WIDTH = 57, 76
"""A line of base64: 57 octets become 76 characters."""


@dataclass(frozen=True, slots=True)
class Values:
    """Everything of a message that is one learner's own.

    The outbox row holds it. `dtstamp` is in seconds since 1970, `date` aware UTC.

    `code` names what is answered by mail. `extra` has what a kind says besides (compose.EXTRA): `position` on the waiting list, the
    `address` that is asked about; `block` are lines made for this reader alone, each a text, or a word and its link. `stop_url` and
    `stop_mail` end mails of this kind, by one click and by mail. `own` is what `slots.slot_own` takes, of an entry of a series.
    """

    message_id: str
    date: datetime
    to_name: str
    to_address: str
    uid: str = ""
    sequence: int = 0
    dtstamp: int = 0
    partstat: str = "NEEDS-ACTION"
    page_url: str = ""
    answer_url: str = ""
    join_url: str = ""
    stop_url: str = ""
    stop_mail: str = ""
    code: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping | None = None


Maker = Callable[[Values], bytes]

_MAKERS: dict[str, Maker] = {
    "to": lambda v: headers.to(v.to_name, v.to_address),
    "date": lambda v: headers.date(v.date),
    "message_id": lambda v: headers.message_id(v.message_id),
    "references": lambda v: headers.references(v.uid),
    slots.UID: lambda v: slots.slot_uid(v.uid),
    slots.DTSTAMP: lambda v: slots.slot_dtstamp(v.dtstamp),
    slots.STAMP: lambda v: slots.slot_stamp(v.dtstamp),
    slots.SEQUENCE: lambda v: slots.slot_sequence(v.sequence),
    slots.ATTENDEE: lambda v: slots.slot_attendee(v.to_name, v.to_address, v.partstat),
    all_day.INFORMED: lambda v: all_day.slot_informed(v.to_name, v.to_address),
    slots.PAGE: lambda v: slots.slot_page(v.page_url),
    slots.OWN: lambda v: slots.slot_own(v.own),
    "text.page_url": lambda v: encode_value(v.page_url),
    "html.page_url": lambda v: encode_value(_escape(v.page_url)),
    slots.JOIN: lambda v: slots.slot_join(v.join_url),
    slots.JOIN_URL: lambda v: slots.slot_join_url(v.join_url),
    slots.JOIN_PLACE: lambda v: slots.slot_join_place(v.join_url),
    "text.join_url": lambda v: encode_value(v.join_url),
    "html.join_url": lambda v: encode_value(_escape(v.join_url)),
    "unsubscribe": lambda v: headers.unsubscribe(v.stop_url, v.stop_mail),
    "text.stop_url": lambda v: encode_value(v.stop_url),
    "html.stop_url": lambda v: encode_value(_escape(v.stop_url)),
    "text.answer_url": lambda v: encode_value(v.answer_url),
    "html.answer_url": lambda v: encode_value(_escape(v.answer_url)),
    "text.code": lambda v: encode_value(v.code),
    "html.code": lambda v: encode_value(v.code),
    "text.block": lambda v: encode("\n".join(map(_line_text, v.extra["block"]))),
    "html.block": lambda v: encode("\n".join(map(_line_html, v.extra["block"]))),
}


def _line_text(line: str | Sequence[str]) -> str:
    return clean_line(line) if isinstance(line, str) else f"{clean_line(line[0])}: {clean_line(line[1])}"


def _line_html(line: str | Sequence[str]) -> str:
    if not isinstance(line, str):
        return f'<div><a href="{_escape(clean_line(line[1]))}">{_escape(clean_line(line[0]))}</a></div>'
    return f"<div>{_escape(clean_line(line)) or '&nbsp;'}</div>"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").replace("'", "&#39;")


def _maker(name: str) -> Maker:
    if name in _MAKERS:
        return _MAKERS[name]
    kind, _, word = name.partition(".")
    return partial(_extra_html if kind == "html" else _extra_text, word)


def _extra_text(word: str, values: Values) -> bytes:
    return encode_value(clean_line(str(values.extra[word])))


def _extra_html(word: str, values: Values) -> bytes:
    return encode_value(_escape(clean_line(str(values.extra[word]))))


class _Filled:
    """Bytes with slots, and for each what makes its value."""

    __slots__ = ("makers", "parts")

    def __init__(self, data: bytes) -> None:
        template = slots.Template(data)
        self.parts = template.parts
        self.makers = [(i, _maker(name)) for i, name in template.places if name != CALENDAR]

    def fill(self, values: Values) -> list[bytes]:
        parts = self.parts.copy()
        for i, maker in self.makers:
            parts[i] = maker(values)
        return parts


class Skeleton:
    """A mail with slots, and the calendar object with slots that its base64 parts hold."""

    __slots__ = ("_calendar", "_head", "_mail", "_places", "_rest", "_start")

    def __init__(self, mail: bytes, calendar: bytes = b"") -> None:
        self._mail, self._calendar = mail, calendar
        self._start = _Filled(mail)
        self._places = [i for i, name in slots.Template(mail).places if name == CALENDAR]
        # What stands before the first slot is encoded once, up to the last whole line of base64.
        static = calendar.partition(b"\x00")[0]
        whole = len(static) - len(static) % _OCTETS
        self._head = _wrap(static[:whole])
        self._rest = _Filled(calendar[whole:])

    def fill(self, values: Values) -> bytes:
        """The message as it goes out, CRLF throughout.

        The same values give the same bytes. Raises KeyError for a missing `extra`.
        """
        parts = self._start.fill(values)
        if self._places:
            block = self._head + _wrap(b"".join(self._rest.fill(values)))
            for i in self._places:
                parts[i] = block
        return b"".join(parts)

    def to_bytes(self) -> bytes:
        """As stored with a revision."""
        return b"%s%d\n%s%s" % (FORMAT, len(self._mail), self._mail, self._calendar)

    @classmethod
    def from_bytes(cls, data: bytes) -> Skeleton:
        """The inverse of `to_bytes`.

        Raises ValueError for other bytes. Keep the result: filling is quick, this is not.
        """
        if not data.startswith(FORMAT):
            raise ValueError("These are not the bytes of a skeleton.")
        length, _, rest = data[len(FORMAT) :].partition(b"\n")
        size = int(length)
        if not 0 < size <= len(rest):
            raise ValueError("This skeleton is cut short.")
        return cls(rest[:size], rest[size:])


def _wrap(octets: bytes) -> bytes:
    """Base64 in lines of 76, each ended by CRLF."""
    text = b2a_base64(octets, newline=False)
    if not text:
        return b""
    return b"\r\n".join([text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH)]) + b"\r\n"
