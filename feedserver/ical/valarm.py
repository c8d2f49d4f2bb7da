"""VALARM (RFC 5545 3.6.6): one reminder on the screen."""

from __future__ import annotations

from .lines import clean_line, escape, fold


def valarm(minutes: int, text: str) -> bytes:
    """A DISPLAY alarm so many minutes before the start.

    It stands last in its VEVENT: Outlook stumbles over one in the middle.
    """
    description = fold("DESCRIPTION:" + escape(clean_line(text) or "Training"))
    return b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT%dM\r\n%bEND:VALARM\r\n" % (minutes, description)
