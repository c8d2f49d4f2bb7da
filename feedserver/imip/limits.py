"""What is refused before any parser sees it: forms that cost seconds or gigabytes (each was measured)."""

from __future__ import annotations

import re

MAX_MESSAGE = 2 * 1024 * 1024
MAX_BLOCK = 256 * 1024
MAX_FIELDS = 1000
MAX_PARTS = 100
MAX_DEPTH = 20
MAX_RECEIVED = 50
_CONTENT = re.compile(rb"^content-[a-z-]{1,40}[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.M | re.I)
_NESTING = (b"boundary", b"message/rfc822", b"message/global")
_LONGEST_CONTENT_FIELD = 8 * 1024

REASONS = {
    "message_too_large": "The message is larger than 2 MiB.",
    "header_too_large": "The header of the message is larger than any mail program writes.",
    "field_too_large": "A header field is longer than 8 KiB.",
    "too_many_parts": "The message has more than 100 parts.",
    "too_deep": "The message is nested more than 20 levels deep.",
    "parser_failed": "The message is built so that it cannot be read.",
    "parse_limit": "Reading the message took too long or too much memory; it was stopped.",
    "loop": "The message has passed through more than 50 servers: it is going in circles.",
}


def exceeded(raw: bytes, block: bytes, body: bytes) -> str:
    """The key of `REASONS` of the first limit that is broken, else "". Linear in the input."""
    if len(raw) > MAX_MESSAGE:
        return "message_too_large"
    if len(block) > MAX_BLOCK or block.count(b"\n") > MAX_FIELDS * 10:
        return "header_too_large"
    if any(len(found[0]) > _LONGEST_CONTENT_FIELD for found in _CONTENT.finditer(raw)):
        return "field_too_large"
    # Each level of nesting needs one of these; Python's parser ends in RecursionError at about 800 (clients.md 11).
    lowered = raw.lower()
    if sum(lowered.count(word) for word in _NESTING) > 3 * MAX_PARTS:
        return "too_deep"
    return "too_many_parts" if body.count(b"\n--") > 20 * MAX_PARTS else ""
