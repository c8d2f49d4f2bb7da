"""From, strictly: the one address that all mail programs read alike, or the reason why there is none.

Parsers disagree on `ann@victim <b@evil>` and its kin (CVE-2023-27043); whoever signs as evil must not speak as ann.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..addresses import canonical, check
from ..errors import Invalid
from .fields import MAX_FIELD, plain, readable

_STRAY = frozenset(',;:"<>()')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|\([^()\\]*\)|[^\s"<>(),;:]+|[,;:"<>()]')


@dataclass(frozen=True, slots=True)
class Sender:
    """`address` is "" where `problem` says why: from_missing, from_ambiguous or from_unreadable."""

    address: str = ""
    name: str = ""
    problem: str = ""


def sender_of(values: list[bytes]) -> Sender:
    """The sender that the From fields of a message name (RFC 5322 3.6.2, narrowed). Never raises."""
    if not values or (len(values) == 1 and not plain(values[0])):
        return Sender(problem="from_missing")
    raw = re.sub(rb"\n[ \t]+", b" ", values[0]).strip()
    if len(values) > 1 or len(raw) > MAX_FIELD // 4 or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", raw):
        return Sender(problem="from_ambiguous")
    tokens = _TOKEN.findall(plain(raw))
    comments = [t for t in tokens if t.startswith("(")]
    tokens = [t for t in tokens if not t.startswith("(")]
    angles = [t for t in tokens if t.startswith("<")]
    if any(t in _STRAY for t in [*tokens, *comments]) or any("@" in c for c in comments) or len(angles) > 1:
        return Sender(problem="from_ambiguous")
    return _with_angle(tokens) if angles else _bare(tokens, comments)


def _with_angle(tokens: list[str]) -> Sender:
    address = _checked(tokens[-1][1:-1])
    phrase = tokens[:-1]
    # Outlook writes 'lea@corp.example' <lea@corp.example>: harmless while both say the same.
    others = [t.strip("'") for t in phrase if "@" in t and not t.startswith('"')]
    if not tokens[-1].startswith("<") or any(canonical(o) != canonical(address) for o in others):
        return Sender(problem="from_ambiguous")
    name = readable(" ".join(re.sub(r"\\(.)", r"\1", t[1:-1]) if t[0] == '"' else t for t in phrase), 200)
    return Sender(address, name) if address else Sender(name=name, problem="from_unreadable")


def _bare(tokens: list[str], comments: list[str]) -> Sender:
    if len(tokens) != 1:
        return Sender(problem="from_ambiguous")
    address = _checked(tokens[0])
    return Sender(address, readable(" ".join(c[1:-1] for c in comments), 200), "" if address else "from_unreadable")


def _checked(text: str) -> str:
    try:
        return check(text)
    except Invalid:
        return ""
