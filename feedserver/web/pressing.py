"""Buttons on pages that need no sign-in: only a page that was opened lately can press them, and a phone that pressed one is known again."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from .house import settings

_LONGEST = 400
_PHONE = "this-phone"
_PHONE_AGE = 180 * 24 * 3600


def nonce(purpose: str, value: Any) -> str:
    """What a form carries, so that nothing that merely repeats an address can press its button."""
    return _serializer(purpose).dumps(value)


def read_nonce(purpose: str, text: str, seconds: int) -> Any:
    """The value of a nonce of ours that is not older than so many seconds, else None."""
    if len(text) > _LONGEST:
        return None
    try:
        return _serializer(purpose).loads(text, max_age=seconds)
    except BadSignature:
        return None


def remember_phone(response: Response, page_id: str) -> None:
    """This browser has shown that it is this learner's: it may check in by one press from now on (and nothing else)."""
    secure = settings().base_url.startswith("https://")
    response.set_cookie(
        _cookie(), nonce(_PHONE, page_id), max_age=_PHONE_AGE, path="/check-in", secure=secure, httponly=True, samesite="Lax"
    )  # fmt: skip


def known_phone() -> str:
    """The page id of the learner whose phone this is, or ""."""
    found = read_nonce(_PHONE, request.cookies.get(_cookie(), ""), _PHONE_AGE)
    return found if isinstance(found, str) else ""


def _cookie() -> str:
    return "__Secure-feedserver_phone" if settings().base_url.startswith("https://") else "feedserver_phone"


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    older, first = current_app.config.get("SECRET_KEY_FALLBACKS") or [], current_app.config["SECRET_KEY"]
    return URLSafeTimedSerializer([*reversed(older), first], salt=f"press-{purpose}")
