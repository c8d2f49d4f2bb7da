"""What strangers send us in an SMTP conversation, read within limits: paths, parameters, the bytes after DATA (RFC 5321 4.1)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_PATH = re.compile(r"(?:FROM|TO):[ \t]*(?:<([^<>]*)>|([^<>\s]+))(.*)\Z", re.IGNORECASE | re.DOTALL)
_ROUTE = re.compile(r"@[^:]*:")  # RFC 5321 appendix C: accepted, ignored
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sender, and all together, may take. Octets and seconds."""

    message: int = 2 * 1024 * 1024
    memory: int = 64 * 1024 * 1024
    command: int = 2048
    recipients: int = 100
    connections: int = 200
    per_peer: int = 20
    loopback: int = 200
    idle: float = 60
    data: float = 300
    errors: int = 20
    commands: int = 1000
    finish: float = 10


class Held(Protocol):
    """Who counts the octets that all connections hold together."""

    held: int


def read_path(argument: str, keyword: str) -> tuple[str | None, str]:
    """Address and parameters of MAIL (`FROM:`) or RCPT (`TO:`); None for an address that cannot be one."""
    found = _PATH.match(argument)
    if not found or not argument.upper().startswith(keyword):
        return None, ""
    address = found[1] if found[1] is not None else found[2]
    address = _ROUTE.sub("", address, count=1) if address.startswith("@") else address
    if _UNUSABLE.search(address) or len(address) > 512:
        return None, ""
    return address.strip(), found[3]


def refused_parameter(words: Iterable[str], limits: Limits) -> str | None:
    """The refusal for the first parameter of MAIL that cannot be met: a message too large, or something unknown."""
    for one in words:
        name, _, value = one.partition("=")
        if name == "SIZE" and value.isascii() and value.isdecimal() and len(value) <= 20:
            if int(value) > limits.message:
                return too_large(limits)
        elif one not in ("BODY=7BIT", "BODY=8BITMIME", "SMTPUTF8"):
            return "555 5.5.4 Parameter not known"
    return None


def too_large(limits: Limits) -> str:
    """The refusal of a message that is too large."""
    return f"552 5.3.4 More than {limits.message} octets"


async def read_data(reader: asyncio.StreamReader, data: bytearray, limits: Limits, shared: Held) -> str | None:
    """Fill `data` up to and with the final dot, which is CRLF.CRLF and nothing else; the refusal if it was too much.

    Of a message that is too much the rest is read too, as the sender listens only after its final dot, but not kept.
    """
    refusal, dropped = None, 0
    while True:
        try:
            piece, dotted = await reader.readuntil(b".\r\n"), True
        except asyncio.LimitOverrunError as error:
            piece, dotted = await reader.readexactly(error.consumed), False
        data += piece
        shared.held += len(piece)
        if len(data) + dropped - 3 > limits.message:
            refusal = too_large(limits)
        elif shared.held > limits.memory:
            refusal = refusal or "452 4.3.1 Too much at once, please try again later"
        if dotted and (data.endswith(b"\r\n.\r\n") or data == b".\r\n"):
            return refusal
        if refusal:
            cut = len(data) - 5
            del data[:cut]
            shared.held -= cut
            dropped += cut
