"""Errors as RFC 9457 problems, with words that a person can act on; where a person looks at pages, as a page.

`register_page` lets the pages show errors their own way; programs (`/api/`, and whoever does not ask for HTML) get
`application/problem+json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from ..errors import FeedserverError, Unavailable

MEDIA_TYPE = "application/problem+json"
ErrorPage = Callable[[int, str, str], Any]
_PAGE = "feedserver.error_page"
_log = structlog.get_logger()
_WORDS = {
    400: "The request could not be read. Check its syntax and send it again.",
    404: "There is nothing at this address. /api/v1/docs lists the calls of the API.",
    405: "This address does not take that method; the Allow header lists those it takes.",
    413: "The body is too large. The API takes 1 MiB in one call.",
    415: "Send the body as application/json in UTF-8, not compressed.",
}


def register(app: Flask) -> None:
    """Answer every error of the application here."""
    app.register_error_handler(FeedserverError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def register_page(app: Flask, page: ErrorPage) -> None:
    """`page(status, title, detail)` shows errors to people who look at pages."""
    app.extensions[_PAGE] = page


def problem(status: int, title: str, detail: str, *, code: str, extra: dict[str, Any] | None = None) -> Response:
    """An RFC 9457 answer. `code` is its machine name and the fragment of `type` in the documentation."""
    members = {**(extra or {}), "type": f"/api/v1/docs#{code}", "title": title, "status": status, "detail": detail}
    order = ("type", "title", "status", "detail")
    body = {k: members[k] for k in order} | {"code": code} | {k: v for k, v in members.items() if k not in order}
    # ASCII, since what was refused may hold lone surrogates.
    return Response(json.dumps(body, default=str) + "\n", status=status, content_type=MEDIA_TYPE)


def code_of(error: type[FeedserverError]) -> str:
    """`NotFound` -> `not-found`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", error.__name__).lower()


def _ours(error: FeedserverError):
    if error.status >= 500 and not error.temporary:
        return _unexpected(error)
    extra = dict(error.extra)
    if error.field:
        extra = {"field": error.field, **extra}
    headers = {"Retry-After": "1"} if isinstance(error, Unavailable) else getattr(error, "headers", {})
    return _answer(error.status, error.title, error.detail, code_of(type(error)), extra, headers)


def _http(error: HTTPException):
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    name = HTTPStatus(error.code).phrase if error.code in HTTPStatus._value2member_map_ else "Error"
    headers = {k: v for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")}
    words = _WORDS.get(error.code) or error.description or name
    return _answer(error.code, name, words, name.lower().replace(" ", "-"), {}, headers)


def _unexpected(error: Exception):
    _log.error("unexpected error", method=request.method, endpoint=request.endpoint, exc_info=error)
    words = "Something went wrong on our side. It is noted in the log of the server; nothing was changed."
    return _answer(500, "Something went wrong on our side", words, "internal", {}, {})


def _answer(status: int, title: str, detail: str, code: str, extra: dict, headers: dict):
    page = current_app.extensions.get(_PAGE)
    if page is not None and _looks_at_pages():
        response = current_app.make_response(page(status, title, detail))
        response.status_code = status
    else:
        response = problem(status, title, detail, code=code, extra=extra)
    response.headers.update(headers)
    return response


def _looks_at_pages() -> bool:
    if request.path.startswith("/api/"):
        return False
    wanted = request.accept_mimetypes
    return wanted["text/html"] > max(wanted["application/json"], wanted["application/problem+json"]) or (
        "text/html" in wanted and wanted["text/html"] >= wanted["application/json"]
    )
