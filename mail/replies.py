"""What an SMTP relay says back: bounded in bytes, lines and time, and made fit to show (RFC 5321 4.2, RFC 2034).

smtplib reads any number of lines, and its time limit starts anew with every byte: a relay that drips or babbles would
hold a worker for ever.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

LONGEST_LINE = 8192
MOST_LINES = 100
_SHOWN = 500
_CODE = re.compile(rb"[2-5][0-9][0-9](?=[ \-]|\Z)")
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_UNSHOWABLE = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


class BadReply(ConnectionError):
    """The relay said something that is no SMTP reply: nothing it says afterwards can be matched to a question."""


class Lost(ConnectionError):
    """The relay ended the connection."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; `raw` holds its lines without code, still as bytes."""

    code: int
    raw: tuple[bytes, ...]

    @property
    def text(self) -> str:
        """The words on one line, 500 characters at most, without control characters."""
        return shown(b" ".join(self.raw).decode("utf-8", "replace"))

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463) as `5.1.1`, if there is one."""
        found = _ENHANCED.match(self.raw[0].decode("ascii", "replace"))
        return found[1] if found else None


def shown(text: str) -> str:
    """Foreign text as a person may see it in a list: one line, capped, no control or direction characters."""
    return _UNSHOWABLE.sub(" ", text).strip()[:_SHOWN]


class ReplyReader:
    """Reads replies from a socket; bytes beyond one reply wait for the next."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def reply(self, within: float) -> Reply:
        """The next reply; raises `Lost`, `BadReply`, or `TimeoutError` when it is not whole after `within` seconds."""
        deadline = time.monotonic() + within
        lines: list[bytes] = []
        while True:
            line = self._line(deadline)
            if not _CODE.match(line):
                raise BadReply(f"not an SMTP reply: {shown(line[:80].decode('utf-8', 'replace'))}")
            lines.append(line[4:])
            if line[3:4] != b"-":
                return Reply(int(line[:3]), tuple(lines))
            if len(lines) >= MOST_LINES:
                raise BadReply(f"a reply of more than {MOST_LINES} lines")

    def unread(self) -> bool:
        """Whether the relay has said something that nobody asked for."""
        return bool(self._buffer)

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LONGEST_LINE:
                raise BadReply(f"a reply line of more than {LONGEST_LINE} octets")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the reply took too long")
            self.sock.settimeout(left)
            got = self.sock.recv(LONGEST_LINE)
            if not got:
                raise Lost("the relay ended the connection")
            self._buffer += got
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.rstrip(b"\r")
