"""A real message as if it answered one of our invitations: UID, addresses and From are put in, everything else stays octet by octet.

Transfer encoding, charset, folding, line ends, parts and the form of an address (`MAILTO:`, bare, in brackets) are the file's own.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

CALENDARS = (b"text/calendar", b"application/ics", b"text/x-vcalendar")
_BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_ADDRESS = re.compile(rb"[^\s:;,<>\"'()\\]+(?:@|%40)[^\s:;,<>\"'()\\]+")
_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True)
class Ours:
    """What is put in."""

    uid: str
    attendee: str
    organizer: str


def mail(raw: bytes, ours: Ours) -> bytes:
    """A whole mail; its own From where it has one, else none."""
    head, blank, body = _split(raw)
    return _sender(head, ours.attendee.encode()) + blank + _body(head, body, ours)


def calendar(data: bytes, ours: Ours) -> bytes:
    """A calendar object, in its own charset."""
    for bom, name in _BOMS.items():
        if data.startswith(bom):
            return bom + _edited(data[2:].decode(name).encode(), ours).decode().encode(name)
    # Octets, not characters: what we put in is ASCII, and the rest may be in any charset or in two.
    return _edited(data, ours)


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    found = _BLANK.search(raw)
    return (raw[: found.start()], found[0], raw[found.end() :]) if found else (raw, b"", b"")


def _field(head: bytes, name: bytes) -> re.Match[bytes] | None:
    return re.search(rb"(?im)^%s[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*" % name, head)


def _sender(head: bytes, address: bytes) -> bytes:
    field = _field(head, b"from")
    return head[: field.start()] + _ADDRESS.sub(address, field[0]) + head[field.end() :] if field else head


def _body(head: bytes, body: bytes, ours: Ours) -> bytes:
    kind = _field(head, b"content-type")
    value = kind[0].partition(b":")[2] if kind else b""
    boundary = re.search(rb'boundary[ \t]*=[ \t]*(?:"([^"]+)"|([^\s;"]+))', value, re.I)
    if boundary and value.strip().lower().startswith(b"multipart/"):
        return _parts(boundary[1] or boundary[2], body, ours)
    if value.strip().lower().startswith(CALENDARS):
        encoding = _field(head, b"content-transfer-encoding")
        return _encoded(encoding[0].partition(b":")[2].strip().lower() if encoding else b"", body, ours)
    return body


def _parts(boundary: bytes, body: bytes, ours: Ours) -> bytes:
    pieces = re.split(rb"(?m)(^--%s(?:--)?[ \t]*\r?$\n?)" % re.escape(boundary), body)
    for number in range(2, len(pieces), 2):
        if pieces[number - 1].rstrip().endswith(boundary):
            head, blank, inside = _split(pieces[number])
            pieces[number] = head + blank + _body(head, inside, ours)
    return b"".join(pieces)


def _encoded(encoding: bytes, body: bytes, ours: Ours) -> bytes:
    end = b"\r\n" if b"\r\n" in body else b"\n"
    if encoding == b"base64":
        width = len(body.split(end, 1)[0]) or 76
        text = base64.b64encode(calendar(base64.b64decode(body), ours))
        return end.join(text[at : at + width] for at in range(0, len(text), width)) + end
    if encoding == b"quoted-printable":
        as_text = b"=0D" not in body.upper()
        return binascii.b2a_qp(calendar(binascii.a2b_qp(body), ours), istext=as_text)
    return calendar(body, ours)


@dataclass
class _Line:
    """A logical line as it stood: its physical lines and how they ended."""

    pieces: list[bytes]
    end: bytes

    @property
    def text(self) -> bytes:
        return self.pieces[0] + b"".join(piece[1:] for piece in self.pieces[1:])

    def written(self, text: bytes) -> bytes:
        """The text folded as this line was folded, with its own blank or tab."""
        if len(self.pieces) == 1:
            return text + self.end
        width, blank = max(len(piece) for piece in self.pieces), self.pieces[1][:1]
        first, rest = text[:width], text[width:]
        return self.end.join([first, *(blank + rest[at : at + width - 1] for at in range(0, len(rest), width - 1))]) + self.end


def _lines(data: bytes) -> list[_Line]:
    lines: list[_Line] = []
    for whole in re.findall(rb"[^\r\n]*(?:\r\r\n|\r\n|\n|\r|\Z)", data):
        piece = whole.rstrip(b"\r\n")
        if lines and piece[:1] in (b" ", b"\t"):
            lines[-1].pieces.append(piece)
        elif whole:
            lines.append(_Line([piece], whole[len(piece) :]))
    return lines


def _edited(data: bytes, ours: Ours) -> bytes:
    lines, stack, chosen = _lines(data), [], _answering(data)
    out = []
    for number, line in enumerate(lines):
        name = re.match(rb"[A-Za-z-]+", line.text)
        upper = name[0].upper() if name else b""
        text = line.text
        if upper == b"BEGIN":
            stack.append(text.partition(b":")[2].strip().upper())
        elif upper == b"END" and stack:
            stack.pop()
        elif len(stack) == 2 and stack[1] != b"VTIMEZONE":
            if upper == b"UID":
                text = text[: text.index(b":") + 1] + ours.uid.encode() if b":" in text else text
            elif upper == b"ORGANIZER":
                text = _readdressed(text, ours.organizer)
            elif upper == b"ATTENDEE" and number in chosen:
                text = _readdressed(text, ours.attendee)
        out.append(line.written(text) if text != line.text else line.end.join(line.pieces) + line.end)
    return b"".join(out)


def _answering(data: bytes) -> set[int]:
    """In each component the one ATTENDEE that answers: the first that says more than NEEDS-ACTION, else the first."""
    chosen, group, stack = set(), [], []
    for number, line in enumerate(_lines(data)):
        text = line.text
        if re.match(rb"(?i)BEGIN:", text):
            stack.append(text)
        elif re.match(rb"(?i)END:", text) and stack:
            stack.pop()
            if len(stack) == 1 and group:
                said = [n for n, t in group if re.search(rb"(?i)PARTSTAT=(?!NEEDS-ACTION)", t)]
                chosen.add((said or [group[0][0]])[0])
                group = []
        elif len(stack) == 2 and re.match(rb"(?i)ATTENDEE[;:]", text):
            group.append((number, text))
    return chosen


def _readdressed(text: bytes, address: str) -> bytes:
    """The address in the value, and where a parameter repeats it (EMAIL=), changed; the form around it stays."""
    found = list(_ADDRESS.finditer(text))
    if not found:
        return text
    old = found[-1][0]
    new = address.encode().replace(b"@", b"%40") if b"%40" in old and b"@" not in old else address.encode()
    return re.sub(re.escape(old), new.replace(b"\\", rb"\\"), text, flags=re.I)
