"""Content lines (RFC 5545 3.1) of foreign calendars: decoded, unfolded, taken apart in linear time, of any bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_PARAMS = 64
MAX_LINE = 64 * 1024
# Not texts, or texts that hide others: a reply in these is read as UTF-8 with the odd bytes replaced.
_REFUSED = frozenset({"utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}(?=[;:])")
_PARAM = re.compile(r';\s*([A-Za-z0-9_.-]{1,64})\s*(?:=((?:"[^"]*"|[^";:])*))?')
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_CARET = {"^n": "\n", "^N": "\n", "^'": '"', "^^": "^"}
_ESCAPE = {"n": "\n", "N": "\n"}


class Line(NamedTuple):
    """One property: name in upper case, parameters in order (names in upper case, quotes taken off), raw value."""

    name: str
    params: tuple[tuple[str, str], ...]
    value: str

    def all(self, name: str) -> tuple[str, ...]:
        """Every value given for a parameter."""
        return tuple(value for key, value in self.params if key == name)

    def get(self, name: str) -> str:
        """The first value of a parameter, else an empty text."""
        return next(iter(self.all(name)), "")


def decoded(data: bytes, charset: str | None) -> str:
    """The text of a calendar part, unfolded: byte order marks win, then UTF-8, then the charset named, then Latin-1."""
    text = _wide(data, (charset or "").lower())
    if text is not None:
        data, charset = text.encode("utf-8", "replace"), "utf-8"
    data = data.removeprefix(codecs.BOM_UTF8).replace(b"\0", b"")
    data = data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Before decoding: Outlook and others fold in the middle of a UTF-8 sequence.
    data = data.replace(b"\n ", b"").replace(b"\n\t", b"")
    return _narrow(data, charset)


def _wide(data: bytes, charset: str) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if charset.replace("_", "-") in ("utf-16", "utf-16le", "utf-16be", "utf16") and b"\0" in data[:64]:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    return None


def _narrow(data: bytes, charset: str | None) -> str:
    try:
        text = data.decode("utf-8")
        # The escapes of ISO-2022 are ASCII, so valid UTF-8 too.
        if "\x1b" not in text:
            return text
    except UnicodeDecodeError:
        text = ""
    return decode_as(data, charset) if charset else text or data.decode("latin-1")


def decode_as(data: bytes, charset: str) -> str:
    """Decode by a charset that a stranger names, with replacements; Latin-1 for an unknown one. Never raises."""
    try:
        info = codecs.lookup(charset[:40])
    except (LookupError, ValueError):
        # Such as "iso-4444-5": Latin-1 keeps the ASCII that matters.
        return data.decode("latin-1")
    refused = info.name.replace("-", "_") in _REFUSED or not info._is_text_encoding
    return data.decode("utf-8" if refused else info.name, "replace")


def scan(text: str, wanted: frozenset[str]) -> Iterator[Line | None]:
    """The lines whose name is wanted; None for a wanted one that cannot be read."""
    for raw in text.split("\n"):
        name = _NAME.match(raw)
        if name and (upper := name[0].upper()) in wanted:
            yield _parsed(upper, raw, name.end())


def _parsed(name: str, raw: str, at: int) -> Line | None:
    if len(raw) > MAX_LINE:
        return None
    params: list[tuple[str, str]] = []
    while raw[at : at + 1] == ";":
        param = _PARAM.match(raw, at)
        if not param or len(params) == MAX_PARAMS:
            return None
        params.append((param[1].upper(), _unquoted(param[2] or "")))
        at = param.end()
    return Line(name, tuple(params), raw[at + 1 :].strip()) if raw[at : at + 1] == ":" else None


def _unquoted(value: str) -> str:
    value = value.replace('"', "").strip()
    return re.sub(r"\^[nN'^]", lambda m: _CARET[m[0]], value) if "^" in value else value


def unescaped(value: str) -> str:
    """A TEXT value without its backslashes (RFC 5545 3.3.11)."""
    return re.sub(r"\\(.)", lambda m: _ESCAPE.get(m[1], m[1]), value, flags=re.S) if "\\" in value else value


def seen(text: str) -> str:
    """The text without controls, bidi overrides and other characters that are not seen; line ends and tabs stay."""
    return _UNSEEN.sub("", text)
