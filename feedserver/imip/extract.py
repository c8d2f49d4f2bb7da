"""Raw mail to what it says (RFC 6047 2.4): `read` never raises, whatever the bytes.

Mail of strangers is hostile: limits come before parsing, compat32 alone is used (policy.default raised on 144 of 8,889
mutated messages and is nine times slower), and the top header is never given to the parser at all.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from email.utils import parsedate_to_datetime

from ..itip.lines import decode_as
from ..itip.parse import ItipObject, merged, objects
from . import limits
from .fields import MAX_FIELD, Fields, fields_of, parameters, plain, readable, split
from .incoming import METHOD_KINDS, Bounce, Incoming, broken
from .reports import REPORT_PARTS, RETURNED, delivery_report, is_null_sender, text_bounce
from .senders import sender_of
from .signed import signatures_of

CALENDAR_TYPES = ("text/calendar", "application/ics", "text/x-vcalendar")
# A list of a whole class comes back with every line quoted.
MAX_TEXT = 16_000
# Parts that may hide an answer which we cannot read: an administrator is told.
_OPAQUE = {
    "application/ms-tnef": "winmail_dat",
    "application/pkcs7-mime": "smime_encrypted",
    "application/x-pkcs7-mime": "smime_encrypted",
    "application/pgp-encrypted": "pgp_encrypted",
    "message/partial": "partial_message",
}
_STARRED = re.compile(rb"(;[ \t\r\n]*[A-Za-z-]{1,40})\*[0-9]{0,9}\*?[ \t]*(?:=|(?=[;\r\n]))")
_AUTO_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-response-suppress",
    "x-ms-exchange-inbox-rules-loop",
    "x-apple-action",
)
_AUTO_SUBJECT = re.compile(
    r"\s*(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office|autosvar|automatische antwort|"
    r"abwesenheits|réponse automatique|respuesta automática|risposta automatica)",
    re.I,
)


def read(raw: bytes) -> Incoming:
    """What one mail is and says. A mail that cannot be read is of kind "broken", with the reason."""
    try:
        return _read(raw)
    except (Exception, RecursionError, MemoryError) as error:
        return broken(f"{limits.REASONS['parser_failed']} ({type(error).__name__})", "parser_failed")


class _Part(Message):
    """Asked for its type seven times while it is parsed, when its header is complete."""

    _type = ""

    def get_content_type(self) -> str:
        self._type = self._type or super().get_content_type()
        return self._type


@dataclass
class _Seen:
    """What a walk over the parts has found."""

    objects: list[ItipObject] = field(default_factory=list)
    calendars: list[bytes] = field(default_factory=list)
    mime_methods: set[str] = field(default_factory=set)
    report: str = ""
    status_part: Message | None = None
    returned: bytes = b""
    plain: str = ""
    html: str = ""
    defects: list[str] = field(default_factory=list)


def _read(raw: bytes) -> Incoming:
    block, body = split(raw)
    limit = limits.exceeded(raw, block, body)
    fields = fields_of(block[: limits.MAX_BLOCK])
    top = _top(fields)
    limit = limit or ("header_too_large" if len(fields.pairs) > limits.MAX_FIELDS else "")
    limit = limit or ("loop" if top["received_count"] > limits.MAX_RECEIVED else "")
    if not limit and not fields.pairs:
        return broken("This is not a mail: it has no header.")
    seen = _Seen()
    if not limit:
        try:
            limit = _walked(_parsed(fields, body), seen)
        except TypeError:
            # CPython cannot order `name*0` beside `name*` (RFC 2231; fuzzed): names of files are nothing that we read.
            seen = _Seen()
            limit = _walked(_parsed(fields, body, starless=True), seen)
    if limit:
        return Incoming("broken", limits.REASONS[limit], **{**top, "limits": (*top["limits"], limit)})
    found, conflicts = merged(seen.objects)
    kind, reason, bounce = _classified(fields, top, seen, found, raw)
    defects = [*seen.defects, *conflicts, *_mime_defects(seen, found)]
    text = (seen.plain or _stripped(seen.html)).strip()[:MAX_TEXT]
    return Incoming(kind, reason, objects=tuple(found), bounce=bounce, text=text, defects=tuple(dict.fromkeys(defects)), **top)


def _top(fields: Fields) -> dict:
    sender = sender_of(fields.all("from"))
    results = fields.all("authentication-results")[:20]
    long = [name for name, value in fields.pairs if len(value) > MAX_FIELD and name in ("from", "subject")]
    return {
        "sender": sender.address,
        "sender_name": sender.name,
        "sender_problem": sender.problem,
        "subject": readable(fields.text("subject"), 300),
        "message_id": fields.text("message-id")[:500],
        "date": _date(fields.text("date")[:200]),
        "auto_submitted": fields.text("auto-submitted").partition(";")[0].strip().lower()[:40],
        "null_sender": is_null_sender(fields),
        "authentication_results": tuple(plain(value) for value in results),
        "signatures": signatures_of(fields),
        "received_count": len(fields.all("received")),
        "limits": tuple(f"{name}_cut" for name in dict.fromkeys(long)),
        "answers": _answers(fields),
    }


def _answers(fields: Fields) -> tuple[str, ...]:
    named = " ".join(fields.text(name) for name in ("in-reply-to", "references"))
    return tuple(dict.fromkeys(re.findall(r"<([!-;=?-~]{3,250})>", named)))[:30]


def _parsed(fields: Fields, body: bytes, starless: bool = False) -> Message:
    # Of the top header the parser gets what MIME needs: 100,000 encoded words in a Subject cost it 4.5 GB.
    kept = [n.encode() + b":" + v for n, v in fields.pairs if n.startswith("content-") or n == "mime-version"]
    raw = b"\r\n".join([*kept, b"", body])
    return message_from_bytes(_STARRED.sub(rb"\1-=", raw) if starless else raw, _Part, policy=policy.compat32)


def _walked(root: Message, seen: _Seen) -> str:
    for number, (part, depth) in enumerate(_parts(root)):
        if depth > limits.MAX_DEPTH:
            return "too_deep"
        if number >= limits.MAX_PARTS:
            return "too_many_parts"
        _look(part, seen)
    return ""


def _parts(root: Message) -> Iterator[tuple[Message, int]]:
    stack = [(root, 0)]
    while stack:
        part, depth = stack.pop()
        yield part, depth
        # Never into message/rfc822: a bounce carries our own REQUEST there.
        # Never `get_payload()` of a text: it decodes by a charset that strangers name, and a NUL in it raises (fuzzed).
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            stack += [(child, depth + 1) for child in reversed(part.get_payload())]


def _look(part: Message, seen: _Seen) -> None:
    kind = part.get_content_type()
    if kind in CALENDAR_TYPES:
        _calendar(part, seen)
    elif kind in REPORT_PARTS:
        seen.report = seen.report or REPORT_PARTS[kind]
        seen.status_part = seen.status_part or (part if REPORT_PARTS[kind] == "bounce" else None)
    elif kind in RETURNED:
        seen.returned = seen.returned or _returned(part)
    elif kind == "text/plain" and not seen.plain:
        seen.plain = _text(part)[: 4 * MAX_TEXT]
    elif kind == "text/html" and not seen.html:
        seen.html = _text(part)[:65536]
    elif kind in _OPAQUE:
        seen.defects.append(_OPAQUE[kind])


def _calendar(part: Message, seen: _Seen) -> None:
    data = part.get_payload(decode=True) or b""
    given = parameters(part)
    if data not in seen.calendars:
        seen.calendars.append(data)
        found, defects = objects(data, _named(given, "charset"))
        seen.objects += found
        seen.defects += defects
    method = _named(given, "method").upper()
    if method:
        seen.mime_methods.add(method)


def _param(part: Message, name: str) -> str:
    return _named(parameters(part), name)


def _named(given: list[tuple], name: str) -> str:
    value = next((value for key, value in given if key.lower() == name), "")
    # RFC 2231 values come as (charset, language, text).
    return str(value[2] if isinstance(value, tuple) else value or "")[:60]


def _text(part: Message) -> str:
    data = (part.get_payload(decode=True) or b"")[: 4 * 65536]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return decode_as(data, _param(part, "charset") or "latin-1")


def _returned(part: Message) -> bytes:
    payload = part.get_payload() if part.is_multipart() else []
    if payload and isinstance(payload[0], Message):
        header = "".join(f"{name}: {value}\n" for name, value in payload[0].raw_items()).encode("utf-8", "replace")
        inner = [p.get_payload(decode=True) or b"" for p, d in _parts(payload[0]) if p.get_content_type() in CALENDAR_TYPES]
        return header[:65536] + b"\n" + b"\n".join(inner)[:262144]
    return (part.get_payload(decode=True) or b"")[:65536]


_SENT_BACK = ("request", "cancel", "publish", "add")


def _classified(fields: Fields, top: dict, seen: _Seen, found: list[ItipObject], raw: bytes) -> tuple[str, str, Bounce | None]:
    if seen.report:
        text = seen.plain or _stripped(seen.html)
        bounce = delivery_report(seen.status_part, seen.returned, text) if seen.report != "receipt" else None
        return seen.report, "", bounce
    if seen.calendars:
        kind, reason = _calendar_kind(seen, found)
        # Out of office with the invitation sent back: what is not a reply is no answer, and nothing that we were sent.
        if kind in _SENT_BACK and (top["auto_submitted"] == "auto-replied" or _AUTO_SUBJECT.match(top["subject"])):
            return "auto_reply", "", None
        if kind:
            return kind, reason, None
    bounce = text_bounce(fields, top["sender"], top["subject"], seen.plain or _stripped(seen.html), raw)
    if bounce:
        return "bounce", "", bounce
    return ("auto_reply" if _is_automatic(fields, top) else "human"), "", None


def _calendar_kind(seen: _Seen, found: list[ItipObject]) -> tuple[str, str]:
    methods = {one.method for one in found}
    known = [kind for kind in METHOD_KINDS if kind.upper() in methods]
    if known:
        return known[0], ""
    if not found:
        return "broken", "The calendar part of this message is empty or breaks off."
    if any("method_twice" in one.defects for one in found):
        return "broken", "The calendar part names two methods that contradict each other."
    if methods != {""}:
        return "broken", f"The method {max(methods)} is not one of calendar mail."
    # An .ics without METHOD is a file that somebody sends along, unless the mail says that it is an answer.
    return ("broken", "The calendar part says no METHOD.") if seen.mime_methods else ("", "")


def _mime_defects(seen: _Seen, found: list[ItipObject]) -> list[str]:
    methods = {one.method for one in found}
    defects = ["method_mismatch"] if found and seen.mime_methods and seen.mime_methods != methods else []
    return defects + (["calendar_without_method"] if methods == {""} else [])


def _is_automatic(fields: Fields, top: dict) -> bool:
    precedence = fields.text("precedence").lower()
    return (
        top["auto_submitted"] not in ("", "no")
        or top["null_sender"]
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or any(fields.all(name) for name in _AUTO_HEADERS)
        or bool(_AUTO_SUBJECT.match(top["subject"]))
    )


def _stripped(markup: str) -> str:
    for name in ("style", "script", "head"):
        # Only up to the last closing tag, so that a thousand open ones are not each searched to the end.
        end = markup.lower().rfind(f"</{name}>") + len(name) + 3
        if end >= len(name) + 3:
            markup = re.sub(rf"(?is)<{name}\b.*?</{name}>", " ", markup[:end]) + markup[end:]
    markup = re.sub(r"(?i)</?(?:br|p|div|tr|li|h[1-6]|blockquote|table|pre)\b[^<>]{0,2000}>", "\n", re.sub(r"\s+", " ", markup))
    words = html.unescape(re.sub(r"<[^<>]{0,2000}>", " ", markup))
    return "\n".join(line for one in words.splitlines() if (line := " ".join(one.split())))


def _date(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
