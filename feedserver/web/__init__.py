"""HTTP: feeds, the learner's page, the API, administrators' pages, health. Everything else happens in `services`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from flask import Flask, Response, g, request

from ..services.connecting import CalendarServers
from ..services.house import House, utc_now
from ..settings import Settings
from ..store.database import Database
from ..vault import Vault
from . import house as parts
from . import problems
from .converters import IdConverter

LARGEST_BODY = 11 * 1024 * 1024
# A module with `register(app)` each.
MODULES = ("health", "api", "feeds", "files", "learner", "admin", "dev", "checkin", "join", "answers", "confirming", "stopping")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
_PAGE = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# Pages that bring themselves up to date (`g.scripted`) run our own script file, and nothing that stands in the page.
_SCRIPTED = f"{_PAGE}; script-src 'self'; connect-src 'self'"
_NOT_A_PAGE = "default-src 'none'; frame-ancestors 'none'; sandbox"


def create_app(
    settings: Settings, database: Database, clock: Callable[[], datetime] = utc_now, calendars: CalendarServers | None = None
) -> Flask:
    """The WSGI application over one database. Links are made from `settings.base_url`, never from the Host header (S20).

    `calendars` speaks with CalDAV servers where somebody connects one.
    """
    app = Flask(__name__, template_folder=str(Path(__file__).resolve().parents[2] / "templates"))
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SECRET_KEY=settings.secret_keys[0] if settings.secret_keys else None,
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https:"),
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
    )
    app.json.sort_keys = False
    app.json.ensure_ascii = False
    app.url_map.converters["id"] = IdConverter
    settle = timedelta(seconds=settings.settle_seconds)
    parts.install(app, House(database, settings.base_url, settle, clock, Vault(settings.secret_keys)), settings, calendars)
    problems.register(app)
    for name in MODULES:
        spec = find_spec(f"{__name__}.{name}")
        if spec is not None and spec.origin is not None:
            import_module(spec.name).register(app)
    app.after_request(_secure)
    return app


def _secure(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    page = response.mimetype == "text/html"
    policy = (_SCRIPTED if g.get("scripted") else _PAGE) if page else _NOT_A_PAGE
    response.headers.setdefault("Content-Security-Policy", policy)
    if page:
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    return response
