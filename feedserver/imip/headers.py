"""Mail headers (RFC 5322, 2047): made by hand from cleaned text, so that nobody's name can add a header.

Python's own folding spoils long non-ASCII headers (3.11), and is slow; the rules for what we send are few.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from datetime import datetime

from feedserver.addresses import Mailbox
from feedserver.ical.lines import clean_line

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ADDRESS = re.compile('[^\x00-\x20\x7f-\x9f<>()\\[\\],;:\\\\"@]+@[^\x00-\x20\x7f-\x9f<>()\\[\\],;:\\\\"@]+')
_MESSAGE_ID = re.compile(r"[!-;=?-~]{3,250}")
_SHORT = 60
_LONGEST_SUBJECT, _LONGEST_NAME = 240, 200
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def subject(text: str) -> bytes:
    """The Subject line, cut at 240 characters."""
    text = _cut(clean_line(text), _LONGEST_SUBJECT)
    return b"Subject: " + (text if _is_plain(text) else encoded_words(text)).encode() + b"\r\n"


def mailbox(name: str, address: str) -> str:
    """`Name <address>` as a header value, folded where it is long.

    Raises ValueError for an address that could hold a header.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError("An address with white space, control characters or brackets cannot stand in a header.")
    name = _cut(clean_line(name), _LONGEST_NAME)
    if not name:
        return address
    if not _is_plain(name):
        phrase = encoded_words(name)
    elif _ATOMS.fullmatch(name):
        phrase = name
    else:
        phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{phrase}{' ' if len(phrase) + len(address) < _SHORT else chr(13) + chr(10) + ' '}<{address}>"


def to(name: str, address: str) -> bytes:
    """The To line."""
    return f"To: {mailbox(name, address)}\r\n".encode()


def sender(box: Mailbox) -> bytes:
    """From and Reply-To, one and the same mailbox (design decision 5)."""
    value = mailbox(box.name, box.address)
    return f"From: {value}\r\nReply-To: {value}\r\n".encode()


def date(when: datetime) -> bytes:
    """The Date line of an aware UTC time."""
    day, month = _DAYS[when.weekday()], _MONTHS[when.month - 1]
    clock = f"{when.hour:02d}:{when.minute:02d}:{when.second:02d}"
    return f"Date: {day}, {when.day:02d} {month} {when.year} {clock} +0000\r\n".encode()


def message_id(value: str) -> bytes:
    """The Message-ID line; takes the id with or without its angle brackets, raises ValueError for what is none."""
    value = value.removeprefix("<").removesuffix(">")
    if not _MESSAGE_ID.fullmatch(value):
        raise ValueError("That is not a Message-ID.")
    return f"Message-ID: <{value}>\r\n".encode()


def references(uid: str) -> bytes:
    """A References line that is the same for all messages about one entry, so that programs show them as one thread.

    A digest: the UID is evidence (design decision 1), and headers get quoted and logged. Empty without a UID.
    """
    if not uid:
        return b""
    return f"References: <{hashlib.sha256(uid.encode()).hexdigest()[:32]}@entry.invalid>\r\n".encode()


def unsubscribe(url: str, mailto: str) -> bytes:
    """List-Unsubscribe by one click and by mail (RFC 2369 3.2, RFC 8058 3.1); nothing without an address of the page."""
    if not url:
        return b""
    return f"List-Unsubscribe: <{url}>,\r\n <{mailto}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()


def encoded_words(text: str) -> str:
    """RFC 2047 words of at most 75 characters, each of whole characters, on lines of their own."""
    chunks, current = [], b""
    for char in text:
        octets = char.encode()
        # 45 octets give a word of 72; the first one shares its line with the header's name.
        if len(current) + len(octets) > (45 if chunks else 33):
            chunks.append(current)
            current = b""
        current += octets
    return "\r\n ".join(f"=?utf-8?b?{b2a_base64(c, newline=False).decode()}?=" for c in [*chunks, current])


def _is_plain(text: str) -> bool:
    return len(text) <= _SHORT and text.isascii() and text.isprintable() and "=?" not in text


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
