"""Quoted-printable (RFC 2045 6.7) for text with slots in it."""

from __future__ import annotations

import re

_LONGEST = 72
_WORD = re.compile(r"[!-<>-~]+")
_TABLE = [bytes([b]) if (33 <= b <= 126 and b != 61) or b in b" \t" else b"=%02X" % b for b in range(256)]


def encode(text: str) -> bytes:
    """The text with CRLF line ends and soft breaks; no line starts with a dot or "From ", none ends in white space."""
    return b"\r\n".join(_line(one.encode()) for one in text.split("\n"))


def encode_value(text: str) -> bytes:
    """What fills a slot; quick for a word or an address on the web."""
    if _WORD.fullmatch(text):
        lines = [text[i : i + _LONGEST] for i in range(0, len(text), _LONGEST)]
        if not any(line[0] == "." for line in lines):
            return "=\r\n".join(lines).encode()
    return encode(text)


def encode_template(text: str, prefix: str) -> bytes:
    """The same for text whose slots are names between NULs: each stands between soft breaks, named `prefix.name`."""
    pieces = text.split("\x00")
    out = []
    for i, piece in enumerate(pieces):
        if i % 2:
            # A slot at the end of its line needs no soft break behind it.
            behind = b"" if pieces[i + 1].startswith("\n") else b"=\r\n"
            out.append(b"=\r\n\x00%s.%s\x00%s" % (prefix.encode(), piece.encode(), behind))
        else:
            out.append(encode(piece))
    return b"".join(out)


def _line(octets: bytes) -> bytes:
    lines, current = [], b""
    for i, octet in enumerate(octets):
        token = _TABLE[octet]
        if not current and (octet == 0x2E or octets[i : i + 5] == b"From "):
            token = b"=%02X" % octet
        if len(current) + len(token) > _LONGEST:
            lines.append(current)
            current = b""
            if octet == 0x2E or octets[i : i + 5] == b"From ":
                token = b"=%02X" % octet
        current += token
    if current[-1:] in (b" ", b"\t"):
        current = current[:-1] + b"=%02X" % current[-1]
    return b"=\r\n".join([*lines, current])
