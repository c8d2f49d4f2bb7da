"""Content lines (RFC 5545 3.1).

Cleaning, escaping, quoting, folding. Nothing reaches a calendar object past these functions.
"""

from __future__ import annotations

import re
import unicodedata

CRLF = b"\r\n"
LIMIT = 75
_ZWJ = "\u200d"
# C0 but TAB and LF, DEL, C1 (with U+0085), zero-width space and BOM, line and paragraph separators, bidi embeddings
# and isolates, lone surrogates.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without what calendars and mail programs read differently or not at all; every line end becomes LF."""
    if text.isascii() and text.isprintable():
        return text
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clean_line(text: str) -> str:
    """`clean` for what is one line to people (titles, places, names): every run of white space becomes one blank."""
    return " ".join(clean(text).split())


def escape(text: str) -> str:
    """A TEXT value (RFC 5545 3.3.11), cleaned."""
    return clean(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def param(value: str) -> str:
    """A parameter value, always quoted (Zimbra misreads a bare non-ASCII CN), with the escapes of RFC 6868."""
    return '"' + clean(value).replace("^", "^^").replace("\n", "^n").replace('"', "^'") + '"'


def fold(line: str, room: int = LIMIT) -> bytes:
    """The line in UTF-8, folded to 75 octets and ended by CRLF; `room` is what is left for the first piece.

    A fold stands between characters as people see them: some programs show a split emoji or accent as two.
    """
    octets = line.encode()
    if len(octets) <= room:
        return octets + CRLF
    if len(octets) == len(line):
        pieces = [octets[:room], *(octets[i : i + LIMIT - 1] for i in range(room, len(octets), LIMIT - 1))]
    else:
        pieces = _pieces(line, room)
    return b"\r\n ".join(pieces) + CRLF


def _pieces(line: str, room: int) -> list[bytes]:
    pieces, start = [], 0
    while start < len(line):
        end = _end(line, start, room)
        pieces.append(line[start:end].encode())
        start, room = end, LIMIT - 1
    return pieces


def _end(line: str, start: int, room: int) -> int:
    """Where the piece of at most `room` octets that begins at `start` ends."""
    most = start + len(line[start : start + room].encode()[:room].decode(errors="ignore"))
    end = most
    while start < end < len(line) and _joined(line, end):
        end -= 1
    # A "character" longer than a line (ten thousand accents on one letter) is cut between code points.
    return end if end > start else most


def _joined(text: str, at: int) -> bool:
    """Whether the characters around this place are seen as one: nearly Unicode's grapheme clusters."""
    char = text[at]
    if char < "\u0300":
        return False
    if _ZWJ in (char, text[at - 1]) or _is_tone_or_tag(char):
        return True
    if _is_flag_letter(char):
        # Flags are pairs: count the letters before this one.
        begin = at
        while begin and _is_flag_letter(text[begin - 1]):
            begin -= 1
        return (at - begin) % 2 == 1
    return unicodedata.category(char) in ("Mn", "Me", "Mc")


def _is_tone_or_tag(char: str) -> bool:
    return "\U0001f3fb" <= char <= "\U0001f3ff" or "\U000e0020" <= char <= "\U000e007f"


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
