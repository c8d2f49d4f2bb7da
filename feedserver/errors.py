"""The error tree: every error has words for the person (`detail`) and says whether trying again helps.

The web turns them into RFC 9457 problems by `status`, mail into SMTP codes by `temporary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FeedserverError(Exception):
    """Base of all errors that people may read."""

    status = 500
    title = "Something went wrong on our side"
    temporary = False

    def __init__(self, detail: str, *, field: str | None = None, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.extra = dict(extra or {})


class Invalid(FeedserverError):
    """A value that cannot be taken; `field` names it and `detail` says what can."""

    status = 422
    title = "That value cannot be taken"


class NotFound(FeedserverError):
    """No such thing in this organisation."""

    status = 404
    title = "Not found"


class Forbidden(FeedserverError):
    """Known, but not allowed to do this."""

    status = 403
    title = "Not allowed"


class Conflict(FeedserverError):
    """Cannot be done as things stand; `extra` carries what stands in the way."""

    status = 409
    title = "That cannot be done as things stand"


class Changed(FeedserverError):
    """Somebody else changed it meanwhile; `extra["changes"]` says what."""

    status = 412
    title = "Somebody else has changed this meanwhile"


class Unavailable(FeedserverError):
    """A passing fault of ours: try again."""

    status = 503
    title = "Not possible just now"
    temporary = True


class ConfigurationError(FeedserverError):
    """A setting that is wrong; fails at start with its name."""

    title = "A setting is wrong"
