"""One outgoing message, its SMTP commands (RFC 5321 4.1.1, 1870, 3461, 6152, 6531), what became of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

State = Literal["sent", "temporary", "permanent", "ambiguous", "unsent"]
_PATH = re.compile("[^\x00-\x20<>\x7f]*\\Z")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message to one recipient; `data` has CRLF line ends and ends in one. An empty `sender` is the null path."""

    key: int
    sender: str
    recipient: str
    data: bytes

    @property
    def international(self) -> bool:
        """Whether an address goes beyond ASCII."""
        return not (self.recipient.isascii() and self.sender.isascii())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the message `key`; code and enhanced code are the relay's (0 and None where it gave none).

    `phase` is where it was decided: local, rset, mail, rcpt, data, body (on its way), dot (the final one).
    """

    key: int
    state: State
    code: int
    enhanced: str | None
    text: str
    phase: str


def unfit(envelope: Envelope, offers: Set[str]) -> Outcome | None:
    """Why no relay with these extensions (lower case) can be given the message, else None.

    Bare line ends are refused here too: relays read them differently, which is how a second message is smuggled in.
    """
    data = envelope.data
    if not (_PATH.match(envelope.sender) and _PATH.match(envelope.recipient) and envelope.recipient):
        why = 553, "5.1.3", "The address cannot be written in an SMTP envelope."
    elif envelope.international and "smtputf8" not in offers:
        why = 553, "5.6.7", "The relay does not carry addresses beyond ASCII (it offers no SMTPUTF8)."
    elif not data.endswith(b"\r\n") or not (data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")):
        why = 554, "5.6.0", "The message has bare line ends and was not sent."
    else:
        return None
    return Outcome(envelope.key, "permanent", *why, "local")


def commands(envelope: Envelope, offers: Set[str]) -> list[bytes]:
    """MAIL, RCPT and DATA with the parameters that the relay understands."""
    mail, rcpt = f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>"
    if "size" in offers:
        mail += f" SIZE={len(envelope.data)}"
    if "8bitmime" in offers and not envelope.data.isascii():
        mail += " BODY=8BITMIME"
    if envelope.international:
        mail += " SMTPUTF8"
    if "dsn" in offers and envelope.sender:  # the headers are enough to find the message by
        mail += f" RET=HDRS ENVID={envelope.key}"
        rcpt += " NOTIFY=FAILURE,DELAY"
    return [f"{mail}\r\n".encode(), f"{rcpt}\r\n".encode(), b"DATA\r\n"]


def stuffed(data: bytes) -> bytes:
    """The message with its leading dots doubled (RFC 5321 4.5.2)."""
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data
