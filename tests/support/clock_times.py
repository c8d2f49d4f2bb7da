"""Times of day in words, and whether each says in which zone it is."""

from __future__ import annotations

import re

_TIME = r"(?<![\d:.])\d{1,2}:\d{2}(?:[ \u202f\u00a0]?[AP]M)?(?![\d:])"
_SPAN = re.compile(rf"{_TIME}(?:\s?–\s?[^()\n:]*{_TIME})?\s+\([^()\n]*(?:UTC|time|Zeit)[^()\n]*\)")
_LINK = re.compile(r"\b[a-z]+:/*[^\s>]*[^\s>\d:]\S*")


def without_zone(text: str) -> list[str]:
    """Lines in which a time is followed by no zone in parentheses; links aside."""
    return [line.strip() for line in text.splitlines() if re.search(_TIME, _SPAN.sub("", _LINK.sub("", line)))]


def spoken(text: str) -> int:
    """How many times, or spans of time, are followed by their zone."""
    return len(_SPAN.findall(text))
