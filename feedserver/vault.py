"""Secrets of other servers at rest: app passwords, webhook secrets, chat addresses, sealed by AES-256-GCM under SECRET_KEYS (S52).

What is sealed is bound to a place (organisation, channel, origin): moved into another row, or with the row's origin changed, it does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import FeedserverError

_VERSION = b"\x01"
_NAME, _NONCE = 4, 12


class CannotOpen(FeedserverError):
    """A sealed secret that none of the keys opens, or that belongs to another place: it has to be entered again."""

    title = "A stored password cannot be read any more"


class Vault:
    """`keys` as in SECRET_KEYS: the first seals, all open."""

    def __init__(self, keys: Sequence[str]) -> None:
        derived = [hmac.digest(key.encode(), b"feedserver vault v1", "sha256") for key in keys]
        self._named = [(hashlib.sha256(key).digest()[:_NAME], AESGCM(key)) for key in derived]

    def seal(self, secret: str, organisation_id: int, channel: str, origin: str) -> bytes:
        """The secret, sealed for that place alone. Raises `CannotOpen` where there is no key."""
        if not self._named:
            raise CannotOpen("There are no SECRET_KEYS, so nothing can be kept sealed.")
        name, key = self._named[0]
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + name + nonce + key.encrypt(nonce, secret.encode(), _place(organisation_id, channel, origin))

    def unseal(self, sealed: bytes, organisation_id: int, channel: str, origin: str) -> str:
        """The secret; raises `CannotOpen` where it was sealed for another place or under a key that is gone."""
        name, rest = sealed[1 : 1 + _NAME], sealed[1 + _NAME :]
        place = _place(organisation_id, channel, origin)
        for named, key in self._named:
            if sealed[:1] == _VERSION and named == name:
                try:
                    return key.decrypt(rest[:_NONCE], rest[_NONCE:], place).decode()
                except (InvalidTag, ValueError):
                    break
        raise CannotOpen("The stored password cannot be read any more (other SECRET_KEYS, or another address): enter it again.")

    def is_stale(self, sealed: bytes) -> bool:
        """Whether an older key sealed it: it is to be sealed again before that key is dropped."""
        return not self._named or sealed[1 : 1 + _NAME] != self._named[0][0]


def _place(organisation_id: int, channel: str, origin: str) -> bytes:
    return json.dumps([organisation_id, channel, origin]).encode()
