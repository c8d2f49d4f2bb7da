"""Header fields of inbound mail (RFC 5322 2.2), from the raw bytes: no header object exists to be copied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

from ..itip.lines import decode_as

MAX_FIELD = 8 * 1024
_END = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.M)
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")

_PLAIN_PARAM = re.compile(r';\s*([A-Za-z-]{1,40})=("[\w ./-]{0,80}"|[\w./-]{1,80})', re.A)
_PLAIN_PARAMS = re.compile(rf"[\w./+-]{{1,80}}(?:{_PLAIN_PARAM.pattern}\s*){{0,9}};?", re.A)


class Fields:
    """The fields of one header block, top first; names in lower case, values raw but for folds that end in LF alone."""

    def __init__(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        self.pairs = list(pairs)
        self._by_name: dict[str, list[bytes]] = {}
        for name, value in self.pairs:
            self._by_name.setdefault(name, []).append(value)

    def all(self, name: str) -> list[bytes]:
        """Every raw value of a field."""
        return self._by_name.get(name, [])

    def text(self, name: str) -> str:
        """The first value of a field as it stands, unfolded, without characters that are not seen; "" where missing."""
        return next((plain(value) for value in self.all(name)), "")


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Header block and body; a message without an empty line is all header."""
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    end = _END.search(raw)
    return (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")


def fields_of(block: bytes) -> Fields:
    """Take a header block apart; lines that are no field are passed over."""
    return Fields((found[1].decode("ascii").lower(), found[2]) for found in _FIELD.finditer(block.replace(b"\r\n", b"\n")))


def part_fields(part: Message) -> Iterator[tuple[str, str]]:
    """The fields of a MIME part as plain texts, through compat32's raw store."""
    for name, value in part.raw_items():
        yield name.lower(), plain(str(value).encode("utf-8", "surrogateescape"))


def parameters(part: Message) -> list[tuple]:
    """The parameters of a part's Content-Type, as `get_params` gives them; those that are plainly written at a tenth of what it costs."""
    value = str(part.get("content-type", ""))
    if not _PLAIN_PARAMS.fullmatch(value):
        return part.get_params([])
    return [(name, text.strip('"')) for name, text in _PLAIN_PARAM.findall(value)]


def plain(value: bytes) -> str:
    """A raw value as one line of text: UTF-8 where it is, else Latin-1."""
    value = value[:MAX_FIELD]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return _UNSEEN.sub(" ", re.sub(r"\n[ \t]+", " ", text)).strip()


def readable(text: str, longest: int) -> str:
    """A field for people to read: encoded words decoded (RFC 2047), cleaned again, capped."""
    if "=?" in text:
        try:
            pieces = decode_header(text[:MAX_FIELD])
            text = "".join(p if isinstance(p, str) else _word(p, charset) for p, charset in pieces)
        except (MessageError, ValueError):
            pass  # broken encoded words are shown as they stand
    return " ".join(_UNSEEN.sub(" ", text).split())[:longest]


def _word(piece: bytes, charset: str | None) -> str:
    if charset:
        return decode_as(piece, charset)
    return plain(piece.replace(b"\n", b" ")) if len(piece) < 2 else piece.decode("utf-8", "replace")
