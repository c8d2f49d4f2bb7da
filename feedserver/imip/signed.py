"""DKIM signatures (RFC 6376) as a mail bears them: whose they are, and which cannot count whatever their key says.

Libraries accept more than may count here (each was measured): a signature with l= holds although a calendar part was appended, one that covers
From alone holds although Content-Type was changed. Nothing is asked of the DNS here; `speaks_for` needs no list of public suffixes either.
"""

from __future__ import annotations

import re

from ..addresses import canonical
from .fields import Fields
from .incoming import Signature

MOST = 5
MUST_COVER = ("From", "Date", "Content-Type")
_NEEDED = ("v", "a", "d", "s", "h", "b", "bh")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*\Z")
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)\Z", re.S)


def signatures_of(fields: Fields) -> tuple[Signature, ...]:
    """The topmost signatures of a mail, five at most; those that cannot count are `ignored`, with the reason. Never raises."""
    return tuple(_signature(value, fields) for value in fields.all("dkim-signature")[:MOST])


def tags_of(value: bytes) -> dict[str, str] | None:
    """The tags of a signature or of a key record (RFC 6376 3.2) without white space; None where it is no such list, or says one twice."""
    found: dict[str, str] = {}
    for piece in value.decode("latin-1").rstrip("; \t\r\n").split(";"):
        tag = _TAG.match(piece)
        if tag is None or tag[1] in found:
            return None
        found[tag[1]] = re.sub(r"\s+", "", tag[2])
    return found


def speaks_for(signature: Signature, address: str) -> bool:
    """Whether the signer answers for this sender: its domain is the sender's or lies above it, and i= names nobody else.

    Who holds a domain can sign for all that lies below it, so no list is needed to tell companies from suffixes; the other way round never counts.
    """
    local, _, domain = canonical(address).rpartition("@")
    who, _, signer = signature.identity.rpartition("@")
    below = domain == signer or ("." in signer and domain.endswith(f".{signer}"))
    return bool(domain) and below and who.casefold() in ("", local)


def _signature(value: bytes, fields: Fields) -> Signature:
    tags = tags_of(value) or {}
    domain, selector = tags.get("d", "").lower()[:253], tags.get("s", "").lower()[:253]
    identity = tags.get("i") or f"@{domain}"
    who, _, signer = identity.rpartition("@")
    found = Signature(domain, selector, f"{who}@{signer.lower()}"[:320])
    why = _against(tags, domain, selector, signer.lower(), fields)
    return Signature(found.domain, found.selector, found.identity, "ignored", why) if why else found


def _against(tags: dict[str, str], domain: str, selector: str, signer: str, fields: Fields) -> str:
    if any(not tags.get(name) for name in _NEEDED) or not (_NAME.match(domain) and _NAME.match(selector)):
        return "It is not complete, or not to be read."
    if tags["a"].lower() != "rsa-sha256":
        return f"It is made by {tags['a'][:20]}; only rsa-sha256 counts."
    if "l" in tags:
        return "It covers only the beginning of the mail (l=)."
    if signer != domain and not signer.endswith(f".{domain}"):
        return "It signs for a domain that is not its own (i=)."
    covered = tags["h"].lower().split(":")
    for name in MUST_COVER:
        if name.lower() not in covered:
            return f"It does not cover {name}."
        if len(fields.all(name.lower())) != 1:
            return f"The mail has not exactly one {name}."
    return ""
