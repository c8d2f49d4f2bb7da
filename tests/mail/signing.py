"""Mails signed as a domain signs them, and a DNS that holds the keys."""

from __future__ import annotations

import base64
import subprocess
from functools import cache
from pathlib import Path

import dkim

KEY = Path(__file__).with_name("signer.pem")
COVERED = ("From", "To", "Subject", "Date", "MIME-Version", "Content-Type")


@cache
def record() -> bytes:
    """The key record of our test key."""
    public = subprocess.run(["openssl", "rsa", "-in", KEY, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def signed(raw: bytes, domain: str, selector: str = "k1", *, covered: tuple[str, ...] = COVERED, **more) -> bytes:
    """The mail with a signature on top; `more` goes to the library (identity, length, canonicalize)."""
    more = {"canonicalize": (b"relaxed", b"relaxed"), **more}
    header = dkim.sign(raw, selector.encode(), domain.encode(), KEY.read_bytes(), include_headers=[n.encode() for n in covered], **more)
    return header + raw


class Dns:
    """Answers from what it is given, and counts: a TimeoutError is one, None is a name that is not there."""

    def __init__(self, **domains: bytes | type[Exception] | None) -> None:
        self.domains = {name.replace("_", "."): value for name, value in domains.items()}
        self.asked: list[str] = []

    def __call__(self, name: str, seconds: float) -> bytes | None:
        assert seconds > 0
        self.asked.append(name)
        found = self.domains.get(name.partition("._domainkey.")[2].rstrip("."))
        if isinstance(found, type):
            raise found
        return found
