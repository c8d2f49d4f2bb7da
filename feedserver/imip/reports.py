"""Delivery reports (RFC 3464), complaints (RFC 5965) and receipts (RFC 8098), and the bounces that are plain text."""

from __future__ import annotations

import re
from email.message import Message

from ..itip.attendees import address_of
from .bounce_texts import says_delayed, says_undelivered
from .fields import Fields, fields_of, part_fields
from .incoming import Bounce

# Which part makes the mail what it is; the MIME type is enough, since many reports are not multipart/report.
REPORT_PARTS = {
    "message/delivery-status": "bounce",
    "message/global-delivery-status": "bounce",
    "message/feedback-report": "complaint",
    "message/disposition-notification": "receipt",
    "message/global-disposition-notification": "receipt",
}
RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_FAILED = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
_ACTION = re.compile(r"^action:[ \t]*(failed|delayed|delivered|relayed|expanded)\b", re.I | re.M)
_CODE = re.compile(r"(?:^|[\s:>])([45]\d\d)[ -][^\n]*", re.M)
_ADDRESS = re.compile(r"<?([\w.+=/-]{1,64}@[\w.-]{1,190}\w)>?")
_DAEMON = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|mdaemon|mailsystem|mail\.?delivery)", re.I)
_FAILURE = re.compile(
    r"undeliver|delivery (?:status|failure|failed|notification|report|problem)|returned mail|failure notice|"
    r"mail failure|mail delivery|non remis|unzustellbar|delivery error|could not be delivered|nondeliverable|rejected|"
    r"user unknown",
    re.I,
)
_UNHEARD = re.compile(rf"{_FAILURE.pattern}|delivery|returned|mail error|non-?deliver|warning|auto(?:matic)?", re.I)
_PASSED_ON = re.compile(r"\s*(?:fwd?|wg|tr|i|rv|doorst)\s*:", re.I)
_UNDELIVERED = re.compile(
    r"(?:could not|cannot|can't|couldn't|was not|wasn't) be (?:delivered|sent)|(?:was not|wasn't) delivered|undeliverable|"
    r"n'a (?:pas )?pu (?:pas )?[eê]tre d[eé]livr|nicht zugestellt|konnte nicht .{0,40}zugestellt",
    re.I,
)
_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:\s*(<[^<>\s]{1,500}>)", re.I | re.M)
_UID = re.compile(rb"^UID[^:\n]{0,200}:([^\r\n]{1,512}(?:\r?\n[ \t][^\r\n]{1,512}){0,8})", re.M)


def delivery_report(status_part: Message | None, returned: bytes, text: str = "") -> Bounce:
    """Read a delivery status and what came back with it; of several recipients the first that failed.

    `text` is what the report says to people: Google names the reason there alone.
    """
    blocks = _blocks(status_part)
    per_recipient = [b for b in blocks if "final-recipient" in b] or [b for b in blocks if "action" in b]
    # Boxbe writes Action into the block of the message.
    shared = {k: v for b in blocks if "final-recipient" not in b for k, v in b.items() if k in ("action", "status")}
    per_recipient = [shared | b for b in per_recipient]
    failed = [b for b in per_recipient if b.get("action", "").lower().startswith("failed")]
    block = (failed or per_recipient or [{}])[0]
    diagnostic = block.get("diagnostic-code", "").partition(";")[2] or block.get("diagnostic-code", "") or text[:1000]
    diagnostic = " ".join(diagnostic.split())
    return Bounce(
        recipient=_recipient(block.get("original-recipient", "")) or _recipient(block.get("final-recipient", "")),
        action=(block.get("action", "").split() or [""])[0].lower()[:20],
        status=_found(_STATUS, block.get("status", "")) or _found(_STATUS, diagnostic),
        diagnostic=diagnostic[:1000],
        message_id=original_message_id(returned),
        uid=original_uid(returned),
    )


def text_bounce(fields: Fields, sender: str, subject: str, text: str, raw: bytes) -> Bounce | None:
    """The bounce in a mail without a delivery status (qmail, old Exchange, many more), or None for another mail."""
    failed = fields.text("x-failed-recipients")
    daemon = _DAEMON.search(sender) or _DAEMON.search(fields.text("from"))
    # Gateways of large firms report under names of their own, with neither empty sender nor code (Société Générale).
    told = _FAILURE.search(subject) and not _PASSED_ON.match(subject) and _UNDELIVERED.search(text[:1000])
    begins = says_undelivered(text) and not _PASSED_ON.match(subject)
    if not (
        failed
        or daemon
        or told
        or (begins and _UNHEARD.search(subject))
        or (is_null_sender(fields) and (begins or _FAILURE.search(subject)))
    ):
        return None
    # A 2.x.y among words is the number of a version.
    said = _FAILED.search(text)
    code = _CODE.search(text)
    recipient = address_of(failed.split(",")[0]) if failed else _found(_ADDRESS, text)
    at = said.start() if said else code.start() if code else 0
    return Bounce(
        recipient=recipient,
        action=_found(_ACTION, text).lower()
        or ("delayed" if says_delayed(text) else "")
        or ("failed" if failed or said or code or _FAILURE.search(subject + text[:500]) else ""),
        status=said[1] if said else f"{code[1][0]}.0.0" if code else "",
        diagnostic=" ".join(text[max(0, at - 100) : at + 500].split()),
        message_id=original_message_id(raw.partition(b"\n\n")[2] or raw.partition(b"\r\n\r\n")[2]),
        uid=original_uid(raw),
    )


def is_null_sender(fields: Fields) -> bool:
    """Whether the envelope sender that the last server noted was empty, as that of every bounce."""
    return fields.text("return-path").replace(" ", "") == "<>"


def original_message_id(data: bytes) -> str:
    """The Message-ID in the mail that came back."""
    found = _MESSAGE_ID.search(data)
    return found[1].decode("ascii", "replace") if found else ""


def original_uid(data: bytes) -> str:
    """The UID in the calendar object that came back."""
    found = _UID.search(data)
    return re.sub(rb"\r?\n[ \t]", b"", found[1]).decode("utf-8", "replace").strip() if found else ""


def _blocks(part: Message | None) -> list[dict[str, str]]:
    if part is None:
        return []
    if part.is_multipart():
        inner = [b for b in part.get_payload()[:100] if isinstance(b, Message)]
        blocks = [dict(reversed(list(part_fields(b)))) for b in inner]
        if len(inner) == 1 and not inner[0].is_multipart():
            # message/global-delivery-status is to the parser a mail, with the second block for a body (RFC 6533).
            blocks += _chunks(inner[0].get_payload(decode=True) or b"")
        if any(blocks):
            return blocks
    return _chunks(b"" if part.is_multipart() else part.get_payload(decode=True) or b"")


def _chunks(data: bytes) -> list[dict[str, str]]:
    chunks = re.split(rb"\r?\n\r?\n", data[:65536])
    return [{n: v.decode("utf-8", "replace").strip() for n, v in fields_of(c).pairs} for c in chunks[:100]]


def _recipient(value: str) -> str:
    return address_of(value.rpartition(";")[2]) or _found(_ADDRESS, value)


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
