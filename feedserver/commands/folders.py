"""Messages in folders of strangers: mails, calendar files, mbox files and Maildir folders, told by what is in them."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..imip.limits import MAX_MESSAGE

NO_MESSAGE = "no_message"
# One octet too many is enough to be told that a message is too large.
_MOST = MAX_MESSAGE + 1
_CALENDARS = {".ics", ".ifb", ".vcs"}
_CALENDAR = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*BEGIN:VCALENDAR", re.I)
_TNEF = b"\x78\x9f\x3e\x22"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:|[ \t]")
_OF_MAIL = {b"from", b"received", b"return-path", b"message-id", b"subject", b"mime-version", b"delivered-to"}
_SEPARATOR = re.compile(rb"From \S+.*\d{2}:\d{2}")


def files(folder: Path) -> list[Path]:
    """Every ordinary file below a folder, sorted; hidden ones and links to folders are left out."""
    found = []
    for parent, inside, names in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        found += [path for name in names if not name.startswith(".") and (path := Path(parent, name)).is_file()]
    return sorted(found)


def messages(path: Path, name: str) -> Iterator[tuple[str, bytes | None]]:
    """Each message of a file with a name for it; None for its bytes where the file holds none. Raises `OSError`."""
    with path.open("rb") as file:
        start = file.read(_MOST)
    if _SEPARATOR.match(start) and re.search(rb"\n\r?\nFrom \S+.*\d{2}:\d{2}", start):
        yield from ((f"{name}#{number}", data) for number, data in enumerate(_mbox(path), 1))
    else:
        yield name, message_of(start, path.suffix.lower())


def message_of(data: bytes, suffix: str = "") -> bytes | None:
    """A message from the bytes of a file; calendars and winmail.dat alone become a mail with that one part.

    None for a file that does not look like a message, unless its suffix (`.eml`, `.ics`) says that it is one.
    """
    if suffix in _CALENDARS or _CALENDAR.match(data) or (data.startswith(_UTF16) and b"V\0C\0A\0L\0" in data[:200]):
        charset = b"utf-16" if data.startswith(_UTF16) else b"utf-8"
        return b"MIME-Version: 1.0\r\nContent-Type: text/calendar; charset=%s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" % charset + data
    if data.startswith(_TNEF):
        head = b"MIME-Version: 1.0\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        return head + base64.encodebytes(data)
    return data if suffix == ".eml" or _is_mail(data) else None


def printable(name: str) -> str:
    """A file's name on one line, whatever octets it has."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "?", name.encode("utf-8", "backslashreplace").decode("utf-8"))


def _is_mail(data: bytes) -> bool:
    lines = data[:65536].removeprefix(b"From ").splitlines()[:60]
    found = set()
    for line in lines[1:] if data.startswith(b"From ") else lines:
        if not line:
            break
        field = _FIELD.match(line)
        if not field:
            return False
        found.add((field[1] or b"").lower())
    return bool(found & _OF_MAIL)


def _mbox(path: Path) -> Iterator[bytes]:
    """The messages of an mbox file (RFC 4155), with at most `_MOST` octets of each in memory."""
    message, size, blank = [], 0, True
    with path.open("rb") as file:
        while line := file.readline(65536):
            if blank and _SEPARATOR.match(line):
                if message:
                    yield b"".join(message)
                message, size = [], 0
            elif size <= _MOST:
                message.append(line[1:] if re.match(rb">+From ", line) else line)
                size += len(line)
            blank = not line.strip()
    if message:
        yield b"".join(message)
