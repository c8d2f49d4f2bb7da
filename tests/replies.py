"""Mails as real programs write them, filled in: `reply("google", uid=…, attendee=…)` gives the bytes that arrive.

The files under fixtures/ are written after messages those programs really sent. `{name}` is filled in; a line whose
value is None is left out; `{{calendar ENCODING}}` … `{{end}}` is folded and encoded, `{{twin ENCODING}}` says it again.
"""

from __future__ import annotations

import base64
import quopri
import re
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

FIXTURES = Path(__file__).parent / "fixtures"
CLIENTS = tuple(sorted(p.stem for p in (FIXTURES / "replies").glob("*.eml") if p.stem != "spark_no_attendee"))
VERBS = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Tentatively Accepted"}
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2027, 3, 10, 13, tzinfo=UTC)
ANSWERED = datetime(2026, 11, 20, 20, 34, 9, tzinfo=UTC)
_PLACE = re.compile(r"(?<!\{)\{(\w+)\}")
_BLOCK = re.compile(r"\{\{(calendar|base64)(?: ([\w-]+))?\}\}\n(.*?)\n\{\{end\}\}\n|\{\{(twin) ([\w-]+)\}\}\n", re.S)


def reply(client: str, **values) -> bytes:
    """The REPLY of a client of `CLIENTS` to one invitation; the values are those of `message`."""
    return message(client, folder="replies", **values)


def message(
    name: str,
    *,
    uid: str,
    attendee: str,
    partstat: str = "ACCEPTED",
    sequence: int | str | None = 0,
    dtstamp: datetime | str | None = ANSWERED,
    organizer: str = "training@localhost",
    sender: str | None = None,
    cn: str = "Lea Learner",
    dtstart: datetime = START,
    recurrence_id: str | None = None,
    comment: str | None = None,
    headers: str = "",
    folder: str = "inbound",
    **more: str,
) -> bytes:
    """A message of `fixtures/<folder>/<name>.eml`; `sender` is the From (else the attendee), `headers` lines on top.

    Times are aware datetimes; `recurrence_id` is text as it stands after the colon. A bounce also takes `action`,
    `status`, `diagnostic` and `original_message_id`.
    """
    values = {
        "uid": uid, "attendee": attendee, "partstat": partstat, "sequence": sequence, "dtstamp": _utc(dtstamp),
        "organizer": organizer, "sender": sender or attendee, "name": cn,
        "recurrence_id": recurrence_id, "comment": comment,
        "dtstart": _utc(dtstart), "dtend": _utc(dtstart + timedelta(minutes=90)),
        "dtstart_berlin": _local(dtstart), "dtend_berlin": _local(dtstart + timedelta(minutes=90)),
        "attendee_percent": attendee.replace("@", "%40"), "verb": VERBS.get(partstat, partstat),
        "date": format_datetime(dtstamp if isinstance(dtstamp, datetime) else ANSWERED),
        "message_id": f"{zlib.crc32(repr((name, uid, attendee, partstat, dtstamp)).encode()):08x}",
        "action": "failed", "status": "5.1.1", "diagnostic": "550 5.1.1 User unknown",
        "original_message_id": "invite-1@training.example", **more,
    }  # fmt: skip
    text = _filled((FIXTURES / folder / f"{name}.eml").read_text("utf-8"), values)
    body = _encoded(text)
    return headers.replace("\r\n", "\n").replace("\n", "\r\n").encode() + body


def _utc(moment: datetime | str | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") if isinstance(moment, datetime) else moment


def _local(moment: datetime) -> str:
    return moment.astimezone(BERLIN).strftime("%Y%m%dT%H%M%S")


def _filled(template: str, values: dict) -> str:
    if values["comment"] is None:
        template = re.sub(r';X-RESPONSE-COMMENT="?\{comment\}"?', "", template)
        template = template.replace("{comment}\\n", "\\n")  # Exchange always writes a COMMENT, if only a line end
    kept = [line for line in template.split("\n") if all(values[n] is not None for n in _PLACE.findall(line))]
    return _PLACE.sub(lambda place: str(values[place[1]]), "\n".join(kept))


def _encoded(text: str) -> bytes:
    calendar, out, last = "", b"", 0
    for block in _BLOCK.finditer(text):
        out += _crlf(text[last : block.start()])
        last = block.end()
        kind = block[1] or block[4]
        if kind == "calendar":
            calendar = "\n".join(_fold(line) for line in block[3].split("\n")) + "\n"
        content = calendar if kind in ("calendar", "twin") else block[3]
        out += _transfer(content, block[2] or block[5] or "base64")
    return out + _crlf(text[last:])


def _transfer(content: str, encoding: str) -> bytes:
    data = _crlf(content)
    if encoding in ("base64", "utf-16"):
        data = content.replace("\n", "\r\n").encode("utf-16") if encoding == "utf-16" else data
        return base64.encodebytes(data).replace(b"\n", b"\r\n")
    return quopri.encodestring(content.encode()).replace(b"\n", b"\r\n") if encoding == "quoted-printable" else data


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _fold(line: str) -> str:
    pieces, current = [], ""
    for char in line:
        if len((current + char).encode()) > 74:
            pieces.append(current)
            current = ""
        current += char
    return "\n ".join([*pieces, current])
