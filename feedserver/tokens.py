"""Signed tokens: feed addresses, learners' pages, bounce addresses. All verification goes through here.

Every kind has its own purpose, which is the salt, so that one kind never passes for another. Keys are rows (`store.keys`) and
not SECRET_KEYS, so that links in people's calendars outlive any rotation of the operator's secrets (contract, Feeds).
itsdangerous text is malleable (other last characters and a trailing "=" verify too): `read` takes the one spelling that `sign` makes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from functools import lru_cache

from itsdangerous import BadSignature, Signer

FEED = "feed-v1"
AUDIENCE = "audience-v1"
LEARNER_PAGE = "my-v1"
ANSWER = "rsvp-v1"
ADDRESS = "address-v1"
APPROVAL = "approval-v1"
CONFIRM = "confirm-v1"
BOUNCE = "bounce-v1"
CHECK_IN = "check-in-v1"
CHECK_IN_MAIL = "check-in-mail-v1"
JOIN = "join-v1"
VERB = "verb-v1"
STOP = "stop-v1"
_LONGEST = 256


def new_id() -> str:
    """A public id of 96 random bits: 16 URL-safe characters that say nothing."""
    return base64.urlsafe_b64encode(secrets.token_bytes(12)).decode()


def new_secret(octets: int = 32) -> str:
    """A random secret as URL-safe text."""
    return secrets.token_urlsafe(octets)


def encoded(text: str) -> str:
    """Text as part of a payload: URL-safe, without a dot."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(text: str) -> str:
    """The inverse of `encoded`, of what a signature has vouched for."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def digest(token: str) -> str:
    """What is stored of a secret that is shown once (API tokens, sign-in links)."""
    return hashlib.sha256(token.encode()).hexdigest()


def _signer(purpose: str, key: str) -> Signer:
    return Signer(key, salt=purpose, sep=".", key_derivation="hmac", digest_method=hashlib.sha256)


def sign(purpose: str, payload: str, key: str) -> str:
    """`payload.signature`, URL-safe; 60 characters for a public id."""
    # What itsdangerous' Signer makes (a test holds them together), with the derived key kept: thousands of mails are filled a second.
    mac = hmac.digest(_derived(purpose, key), payload.encode(), "sha256")
    return f"{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@lru_cache(maxsize=64)
def _derived(purpose: str, key: str) -> bytes:
    return _signer(purpose, key).derive_key()


def join_path(enrolment_id: int, key: str) -> str:
    """Where one person joins a session, on a page of ours."""
    return f"/join/{sign(JOIN, str(enrolment_id), key)}"


def read(purpose: str, token: str, keys: Iterable[str]) -> str | None:
    """The payload of a token that one of `keys` signed for this purpose, else None. Constant in time for a wrong signature."""
    if not isinstance(token, str) or len(token) > _LONGEST or not token.isascii():
        return None
    for key in keys:
        signer = _signer(purpose, key)
        try:
            payload = signer.unsign(token)
        except BadSignature:
            continue
        if hmac.compare_digest(signer.sign(payload), token.encode()):
            return payload.decode()
    return None


def verb_code(payload: str, key: str) -> str:
    """What an answer by mail names its question with: `<payload>-<26 characters>`, lower case, short enough for a subject (128 bits of HMAC-SHA256).

    `payload` is a letter (what for) and one or two numbers, as `e12.0`.
    """
    mac = hmac.digest(_derived(VERB, key), payload.encode(), "sha256")[:16]
    return f"{payload}-{base64.b32encode(mac).decode().rstrip('=').lower()}"


def read_verb_code(code: str, keys: Iterable[str]) -> str | None:
    """The payload of such a code, in whatever case it comes back, else None."""
    code = code.lower()
    payload, _, _mac = code.rpartition("-")
    given = code.encode("utf-8", "replace")
    return payload if [key for key in keys if hmac.compare_digest(verb_code(payload, key).encode(), given)] else None


def bounce_token(delivery_id: int, key: str) -> str:
    """What a bounce address carries: `<id>-<26 characters>`, lower case, since relays fold local parts (128 bits of HMAC-SHA256)."""
    mac = hmac.digest(key.encode(), f"{BOUNCE}:{delivery_id}".encode(), "sha256")[:16]
    return f"{delivery_id}-{base64.b32encode(mac).decode().rstrip('=').lower()}"


def read_bounce_token(token: str, keys: Iterable[str] | Mapping[int, str]) -> int | None:
    """The delivery id of a bounce token, else None."""
    number, _, _mac = token.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    values = keys.values() if isinstance(keys, Mapping) else keys
    good = [k for k in values if hmac.compare_digest(bounce_token(int(number), k).encode(), token.lower().encode("utf-8", "replace"))]
    return int(number) if good else None
