"""Bad inputs by category (B1 to B15): tables of name, content, and the one disposition that each must end in.

`test_mail.py` judges what comes as mail, `test_smtp.py` speaks SMTP, `test_web.py` asks the web part, `test_outgoing.py` reads what we send;
`test_count.py` holds that there are at least 600.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.court import UID

CALENDAR = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Some Program//EN
METHOD:REPLY
BEGIN:VEVENT
UID:{UID}
DTSTAMP:20261120T100000Z
DTSTART:20261201T090000Z
DTEND:20261201T100000Z
SEQUENCE:0
ORGANIZER;CN=Training:mailto:training@localhost
ATTENDEE;CN=Lea;PARTSTAT=ACCEPTED:mailto:lea@corp.example
END:VEVENT
END:VCALENDAR
"""
HEAD = """From: Lea <lea@corp.example>
To: Training <training@localhost>
Subject: Accepted: Fire safety
Message-ID: <1@corp.example>
MIME-Version: 1.0
"""
TYPE = "Content-Type: text/calendar; charset=utf-8; method=REPLY\n"
APPLIED = "applied status_changed"


@dataclass(frozen=True)
class Bad:
    """One message and what it ends in: outcome and reason code, and, where that differs, what we held before."""

    name: str
    content: bytes
    ends: str
    given: Callable[..., None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """The text with each first part replaced by the second; a part that is not there is a mistake of the table."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def octets(text: str) -> bytes:
    """As it goes over the wire: CRLF, and surrogates stand for octets that are no UTF-8."""
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def answer(*pairs: tuple[str, str], head: str = HEAD + TYPE) -> bytes:
    """Lea's Yes with some of its calendar changed."""
    return octets(head + "\n" + changed(CALENDAR, *pairs))


def mail(*pairs: tuple[str, str]) -> bytes:
    """Lea's Yes with some of its header changed."""
    return octets(changed(HEAD + TYPE, *pairs) + "\n" + CALENDAR)


def wrapped(kind: str, body: str | bytes, head: str = HEAD) -> bytes:
    """A mail of Lea's with this Content-Type and body."""
    return octets(f"{head}Content-Type: {kind}\n\n") + (octets(body) if isinstance(body, str) else body)
