"""The mail that carries a REPLY (RFC 6047), in the shape of Thunderbird's: an alternative of words and calendar."""

from __future__ import annotations

from binascii import b2a_base64
from datetime import datetime

from ..addresses import Mailbox
from . import headers

WORDS = {"ACCEPTED": "Accepted", "TENTATIVE": "Tentative", "DECLINED": "Declined"}
_BOUNDARY = b"=_feedserver_answer"


def reply_mail(
    calendar: bytes, *, partstat: str, attendee: Mailbox, organizer: Mailbox, title: str, message_id: str, now: datetime
) -> bytes:
    """The whole message, CRLF throughout, From the attendee To the organizer; `calendar` is what `itip.answer.reply` gave."""
    who = attendee.name or attendee.address
    words = f"{who} <{attendee.address}> has answered your invitation: {WORDS[partstat]}.\r\n"
    head = (
        f"From: {headers.mailbox(attendee.name, attendee.address)}\r\n".encode(),
        headers.to(organizer.name, organizer.address),
        headers.subject(f"{WORDS[partstat]}: {title}"),
        headers.date(now),
        headers.message_id(message_id),
        b"MIME-Version: 1.0\r\n",
        b'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n' % _BOUNDARY,
    )
    parts = (
        _part(b"text/plain; charset=UTF-8", words.encode()),
        _part(b"text/calendar; method=REPLY; charset=UTF-8", calendar),
    )
    return b"".join(head) + b"".join(parts) + b"--%s--\r\n" % _BOUNDARY


def _part(kind: bytes, body: bytes) -> bytes:
    lines = [b2a_base64(body[i : i + 57], newline=False) for i in range(0, len(body), 57)]
    return b"--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n" % (
        _BOUNDARY,
        kind,
        b"\r\n".join(lines) + b"\r\n",
    )
