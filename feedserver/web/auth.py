"""Bearer tokens: whose program calls. Only wrong tokens are counted, so that guessing is slow and nobody else is."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Request, current_app

from ..errors import FeedserverError
from ..services import access
from .house import house

_WINDOW = timedelta(minutes=1)
_WRONG_A_MINUTE = 300
_MOST_ADDRESSES = 10_000
_GUESSES = "feedserver.guesses"


class Unauthorized(FeedserverError):
    """No token, or one that does not hold."""

    status = 401
    title = "A token is needed"
    headers = {"WWW-Authenticate": 'Bearer realm="feedserver"'}


class WrongToken(Unauthorized):
    """A token that is unknown, revoked or expired (RFC 6750 3.1)."""

    title = "This token does not hold"
    headers = {"WWW-Authenticate": 'Bearer realm="feedserver", error="invalid_token"'}


class TooManyWrongTokens(FeedserverError):
    """Somebody is guessing."""

    status = 429
    title = "Too many wrong tokens"
    headers = {"Retry-After": "60"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is."""

    organisation_id: int
    actor: str


def caller(request: Request) -> Caller:
    """Who calls the API; raises `Unauthorized`, or `TooManyWrongTokens` after 300 wrong ones in a minute from one address."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Unauthorized("Send the header `Authorization: Bearer TOKEN`; make a token with `python -m feedserver token create NAME`.")
    database, now = house().database, house().clock()
    with database.read() as db:
        token = access.token_of(db, text)
    if token is None:
        _count_wrong(request.remote_addr or "", now)
        raise WrongToken("This token is unknown or was revoked; make a new one with `python -m feedserver token create NAME`.")
    if token.expires_at is not None and token.expires_at <= now:
        _count_wrong(request.remote_addr or "", now)
        raise WrongToken(
            f"This token expired on {token.expires_at:%Y-%m-%d}; make a new one with `python -m feedserver token create NAME`."
        )
    access.note_token_use(database, token, now)
    return Caller(token.organisation_id, f"api:{token.name}")


@dataclass(slots=True)
class _Guesses:
    """Wrong tokens by address since the beginning of its minute; in memory, of this process alone."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def add(self, address: str, now: datetime) -> int:
        with self.lock:
            since, count = self.counts.get(address, (now, 0))
            if now - since > _WINDOW:
                since, count = now, 0
            if len(self.counts) > _MOST_ADDRESSES:
                self.counts.clear()
            self.counts[address] = (since, count + 1)
            return count + 1


def _count_wrong(address: str, now: datetime) -> None:
    guesses = current_app.extensions.setdefault(_GUESSES, _Guesses())
    if guesses.add(address, now) > _WRONG_A_MINUTE:
        raise TooManyWrongTokens("Too many wrong tokens came from this address; wait a minute.")
