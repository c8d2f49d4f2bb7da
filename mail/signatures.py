"""Own verification of DKIM signatures (RFC 6376), where our mail server says nothing and a signature could change the verdict.

Keys are looked up here, outside any transaction and with one deadline for all; whether a signature holds is found out by a child that can be killed
(the canonical form of a body of blanks takes a library minutes). A fault of the DNS is told apart from a bad signature: it counts against nobody.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol

import dkim
import dns.exception
import dns.resolver

from feedserver.imip.fields import fields_of, split
from feedserver.imip.incoming import Incoming, Signature
from feedserver.imip.signed import MUST_COVER, signatures_of, tags_of

Lookup = Callable[[str, float], bytes | None]
"""The TXT record of a name within so many seconds: None where there is none; raises TimeoutError where the DNS did not say."""

DEADLINE = 5.0
MOST_CHECKED = 2
_LONGEST_RECORD, _LONGEST_KEY = 2048, 740  # 4,096 bits of RSA in base64: larger keys cost seconds


class Checker(Protocol):
    """Who finds out whether a signature holds: the pool of children."""

    def holds(self, raw: bytes, which: int, key: bytes) -> bool | None:
        """As `ParserPool.holds`."""


class SignaturesWanted(Exception):
    """The verdict hangs on signatures that nobody has checked; nothing was written. `which` are their numbers, from the top."""

    def __init__(self, which: Collection[int]) -> None:
        super().__init__(f"signatures {sorted(which)} are to be checked")
        self.which = frozenset(which)


def look_up(name: str, seconds: float) -> bytes | None:
    """As the system's resolvers say."""
    try:
        found = dns.resolver.resolve(name, "TXT", lifetime=max(seconds, 0.1), search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    except (dns.exception.DNSException, OSError) as error:
        raise TimeoutError(type(error).__name__) from error
    return b"".join(found[0].strings)


def checked(raw: bytes, incoming: Incoming, which: Collection[int], pool: Checker, lookup: Lookup = look_up) -> Incoming:
    """The mail with these signatures checked, two at most; never raises for what a mail or the DNS holds."""
    until = time.monotonic() + DEADLINE
    found = list(incoming.signatures)
    for place, number in enumerate(sorted(which)):
        result, why = ("ignored", "Other signatures were checked first.") if place >= MOST_CHECKED else ("", "")
        if not result:
            result, why = _checked(raw, number, found[number], pool, lookup, until - time.monotonic())
        found[number] = replace(found[number], result=result, why=why)
    return replace(incoming, signatures=tuple(found))


def holds(raw: bytes, which: int, key: bytes) -> bool:
    """Whether this signature of a mail holds by this key record. Runs in a child: it may take for ever, and raises nothing."""
    try:
        ours = signatures_of(fields_of(split(raw)[0]))[which]
        found = dkim.DKIM(raw, minkey=1024)
        good = found.verify(which, dnsfunc=lambda _name, timeout=0: key)
        # The library reads headers in its own way: it must have judged the very signature that we mean.
        same = (found.domain.lower(), found.selector.lower()) == (ours.domain.encode(), ours.selector.encode())
        covers = {name.lower().encode() for name in MUST_COVER} <= set(found.include_headers)
        return bool(good) and same and covers and b"l" not in found.signature_fields
    except (dkim.DKIMException, ValueError, KeyError, IndexError, TypeError, RecursionError):
        return False


def _checked(raw: bytes, number: int, signature: Signature, pool: Checker, lookup: Lookup, seconds: float) -> tuple[str, str]:
    try:
        record = lookup(f"{signature.selector}._domainkey.{signature.domain}.", seconds)
    except TimeoutError:
        return "temperror", "The DNS did not say which key it is made with."
    against = _against(record, signature)
    if against:
        return against
    answer = pool.holds(raw, number, record)
    if answer is None:
        return "ignored", "Checking it took too long."
    return ("pass", "") if answer else ("broken", "It does not fit the mail: something was changed after signing, or it is forged.")


def _against(record: bytes | None, signature: Signature) -> tuple[str, str] | None:
    """What a key record says against a signature before any arithmetic (RFC 6376 3.6.1)."""
    if record is None:
        return "broken", "The DNS holds no such key."
    tags = (tags_of(record) if len(record) <= _LONGEST_RECORD else None) or {}
    flags = tags.get("t", "").split(":")
    if "p" not in tags or tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa") != "rsa":
        return "broken", "Its key cannot be read."
    if not tags["p"]:
        return "broken", "Its key was withdrawn."
    if len(tags["p"]) > _LONGEST_KEY or not re.fullmatch(r"[A-Za-z0-9+/]+=*", tags["p"]):
        return "ignored", "Its key is larger than 4,096 bits, or no key."
    if "y" in flags:
        return "ignored", "Its domain only tries signatures out (t=y)."
    if "s" in flags and signature.identity.rpartition("@")[2] != signature.domain:
        return "ignored", "Its key signs for its own domain alone (t=s)."
    return None
