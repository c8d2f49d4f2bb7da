"""What all pages share: the house they act in, forms that only our own pages can send, times in words, lists in pages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from flask import Blueprint, Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFProtect
from markupsafe import Markup

from ..errors import Forbidden
from ..ical import plaintext
from ..imip.catalogues import language
from ..imip.dates import when, zone_name
from ..tokens import new_secret
from . import problems
from .forms import ZONES
from .house import settings

R = TypeVar("R")
STATIC = Path(__file__).parent / "static"
PAGE_SIZE = 50
LAST_PAGE = 100_000
csrf = CSRFProtect()
# What the desk leads to: words, endpoint, and the section by which its pages say where one is. Who may not open one does not see it.
NAV = (
    ("Today", "admin.start", "start"),
    ("Calendar", "admin.calendar", "calendar"),
    ("Sessions", "admin.sessions", "sessions"),
    ("Courses", "admin.courses", "courses"),
    ("Learners", "admin.learners", "learners"),
    ("Certificates", "admin.compliance_report", "certificates"),
    ("Rooms", "admin.rooms", "rooms"),
    ("Reports", "admin.reports", "reports"),
    ("Mail out", "admin.mail_out", "out"),
    ("Mail in", "admin.mail_in", "in"),
    ("Connections", "admin.connections", "connections"),
    ("Settings", "admin.organisation", "settings"),
)


class _Assets(Blueprint):
    def get_send_file_max_age(self, _filename: str | None) -> int:
        """A year: every content has its own address."""
        return 31_536_000


assets = _Assets("assets", __name__, static_folder=str(STATIC), static_url_path="/assets")


def ready(app: Flask) -> None:
    """Make `app` ready for pages, once: form secrets, cookies, static files, what templates can say, errors as pages."""
    if "feedserver.pages" in app.extensions:
        return
    app.extensions["feedserver.pages"] = True
    secure = app.extensions["feedserver.settings"].base_url.startswith("https://")
    app.config.update(
        # Without keys (tests) forms hold for as long as this process lives.
        SECRET_KEY=app.config.get("SECRET_KEY") or new_secret(),
        SESSION_COOKIE_NAME="__Host-feedserver_form" if secure else "feedserver_form",
        SESSION_COOKIE_SECURE=secure,
        WTF_CSRF_CHECK_DEFAULT=False,
        # Our pages say Referrer-Policy: no-referrer, since their paths are secrets; so there is none to compare.
        WTF_CSRF_SSL_STRICT=False,
        WTF_CSRF_TIME_LIMIT=12 * 3600,
    )
    csrf.init_app(app)
    app.register_blueprint(assets)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=asset, zone_names=ZONES, navigation=NAV)
    app.jinja_env.filters.update(
        moment=moment, day=_day, with_zone=with_zone, when=_when, day_of=_day_of, hours_of=_hours_of, zone_of=_zone_of
    )
    app.jinja_env.filters.update(in_zone=_in_zone, day_part=_day_part, markdown=_markdown, clock_time=_clock_time)
    problems.register_page(app, error_page)


def error_page(status: int, title: str, detail: str) -> Response:
    """What went wrong, for somebody who looks at pages."""
    return page("admin/error.html", status, title=title, detail=detail)


def guard_post() -> None:
    """Refuse what a foreign page sends in somebody's name: token and Origin. Raises `Forbidden` or Flask-WTF's CSRFError."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    refuse_foreign()
    csrf.protect()


def refuse_foreign() -> None:
    """Raises `Forbidden` for a request that a browser says comes from another site."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    ours = {_origin(settings().base_url), _origin(request.url_root)}
    # "null" is what a browser sends from a page with Referrer-Policy: no-referrer; then the token decides.
    foreign = origin not in (None, "null") and _origin(origin) not in ours
    if (site and site not in ("same-origin", "none")) or (not site and foreign):
        raise Forbidden("This came from another site. Open the page itself and press the button there.")


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page of ours; the headers of its class are set by `create_app`."""
    return make_response(render_template(template, **values), status)


def download(raw: bytes, name: str) -> Response:
    """Octets of strangers as a file that no browser opens as a page."""
    response = make_response(raw)
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@dataclass(frozen=True)
class Paged:
    """One page of a list; `number` counts from 1."""

    items: Sequence[Any]
    number: int
    more: bool


def paged(fetch: Callable[[int, int], Sequence[R]], size: int = PAGE_SIZE) -> Paged:
    """The page that `?page=` asks for; `fetch(limit, offset)` gives the rows."""
    text = request.args.get("page", "1")
    number = min(int(text), LAST_PAGE) if text.isdecimal() and len(text) < 7 and int(text) else 1
    rows = list(fetch(size + 1, (number - 1) * size))
    return Paged(rows[:size], number, len(rows) > size)


def asset(name: str) -> str:
    """The address of a static file, another one for every content, so that it may be kept for long."""
    return f"/assets/{name}?v={_digest(name)}"


@lru_cache(maxsize=16)
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def moment(value: datetime | None, timezone: str, tag: str = "en") -> str:
    """An instant in a zone: "10 Mar 2027, 14:00"; "" for none."""
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(timezone))
    return format_datetime(local, "d MMM y, HH:mm", tzinfo=local.tzinfo, locale=language(tag).locale)


def _day(value: date) -> str:
    """A day without an hour: "10 Mar 2027"."""
    return format_date(value, "d MMM y", locale="en")


def with_zone(value: datetime | None, timezone: str, tag: str = "en") -> str:
    """An instant in a zone, with the zone's name: "10 Mar 2027, 14:00 (Berlin time, CET)"; "" for none."""
    return f"{moment(value, timezone, tag)} ({zone_name(value, timezone, language(tag))})" if value is not None else ""


def _when(session: Any, timezone: str | None = None, tag: str = "en") -> tuple[str, ...]:
    return when(session, timezone or session.timezone, language(tag))


def _day_of(session: Any, timezone: str | None = None) -> str:
    start = _in_zone(session.starts_at, timezone or session.timezone)
    return f"{start:%a} {start.day} {start:%b %Y}"


def _hours_of(session: Any, timezone: str | None = None) -> str:
    zone = timezone or session.timezone
    start, end = _in_zone(session.starts_at, zone), _in_zone(session.ends_at, zone)
    last = f"{end:%H:%M}" if end.date() == start.date() else f" {end:%a} {end.day} {end:%b}, {end:%H:%M}"
    return f"{start:%H:%M}–{last}"


def _zone_of(session: Any, timezone: str | None = None) -> str:
    return zone_name(session.starts_at, timezone or session.timezone, language("en"))


def _markdown(text: str) -> Markup:
    return Markup(plaintext.html(text))  # noqa: S704 - no tag in it is the author's


def _in_zone(instant: datetime, timezone: str) -> datetime:
    return instant.astimezone(ZoneInfo(timezone))


def _clock_time(local: datetime) -> str:
    return f"{local:%H:%M}"


def _day_part(local: datetime, pattern: str, tag: str) -> str:
    return format_date(local, pattern, locale=language(tag).locale)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", None, None)
    return (parts.scheme, parts.hostname, port)
