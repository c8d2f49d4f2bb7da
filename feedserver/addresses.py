"""E-mail addresses: checked once at the border, compared in one way.

The grammar is narrower than RFC 5321 on purpose: what parsers read differently is refused (CVE-2023-27043 and its kin).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parseaddr
from functools import lru_cache

from .errors import Invalid

_ATOM = r"[A-Za-z0-9!#$&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_FORBIDDEN = re.compile('[\x00-\x20\x7f-\x9f,;<>()\\[\\]"\\\\%\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]')
_LONGEST = 254


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name and an address: `Training <training@example.net>`."""

    name: str
    address: str

    @property
    def local(self) -> str:
        """The part before the @."""
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """The part after the @, in lower case."""
        return self.address.rpartition("@")[2].lower()

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


def check(address: str, field: str = "email") -> str:
    """Return the address, domain in lower-case A-labels; raise `Invalid` that names `field` for what no mail system reads alike."""
    return _checked(address.strip() if isinstance(address, str) else "", field)


# A mail names the same address in three places, and all of them the same mailbox.
@lru_cache(1024)
def _checked(address: str, field: str) -> str:
    local, at, domain = address.rpartition("@")
    domain = _ascii_domain(domain)
    wrong = (
        not at
        or "@" in local
        or _FORBIDDEN.search(address)
        or address.startswith("-")
        or len(local.encode()) > 64
        or len(domain) > 253
        or len(address.encode()) > _LONGEST
        or not _LOCAL.match(local)
        or not _DOMAIN.match(domain)
        or re.fullmatch(r"[0-9.]+", domain)
    )
    if wrong:
        raise Invalid(f"{address[:80]!r} is not an e-mail address that mail reaches; write it as name@example.org.", field=field)
    return f"{local}@{domain}"


def canonical(address: str) -> str:
    """The form in which addresses are compared: everything in lower case, domain in A-labels. Never raises."""
    # What is no address may be of any length, and is not kept.
    return _compared(address) if len(address) <= _LONGEST else _compared.__wrapped__(address)


@lru_cache(1024)
def _compared(address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    return f"{local.casefold()}{at}{_ascii_domain(domain)}" if at else address.strip().casefold()


def parse_mailbox(text: str, field: str = "mailbox") -> Mailbox:
    """Read `Name <address>` or a bare address, as the setting ORGANIZER has it; raises `Invalid`."""
    name, address = parseaddr(text)
    if not address or (address not in text):
        raise Invalid(f"{text[:80]!r} is not a mailbox; write it as Training <training@example.org>.", field=field)
    if re.search("[\x00-\x1f\x7f]", name):
        raise Invalid("The name of a mailbox cannot hold control characters.", field=field)
    return Mailbox(name.strip(), check(address, field))


def _ascii_domain(domain: str) -> str:
    try:
        return domain.lower() if domain.isascii() else domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain.lower()
