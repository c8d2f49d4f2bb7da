"""Who sits at the desk: every administrators' page needs a sign-in, every form a role that may act and a token of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response, flash, g, redirect, request, url_for
from flask_wtf.csrf import CSRFError

from ...errors import FeedserverError, Forbidden
from ...ical.lines import clean_line
from ...services import access
from ...services.work import Work
from .. import pages
from ..house import house, settings

T = TypeVar("T")
MAY_ACT = ("owner", "training_manager")
LARGEST_ID = 2**63 - 1
_OPEN = {"admin.sign_in_page", "admin.use_link", "admin.signed_out"}
admin = Blueprint("admin", __name__)


def cookie_name() -> str:
    """The cookie of a signed-in browser; with the __Host- prefix no other host or path can set it."""
    return "__Host-feedserver" if settings().base_url.startswith("https://") else "feedserver"


@admin.before_request
def guard() -> Response | None:
    """Sign-in, then the form token, then the role; what is not allowed ends here."""
    secret = request.cookies.get(cookie_name(), "")
    g.who = access.visit(house().database, secret, house().clock()) if secret else None
    if request.endpoint in _OPEN:
        pages.guard_post()
        return None
    if g.who is None:
        return pages.page("admin/signed_out.html", 401)
    g.may_act = g.who.role in MAY_ACT
    pages.guard_post()
    if request.method not in ("GET", "HEAD", "OPTIONS") and not g.may_act and request.endpoint != "admin.sign_out":
        raise Forbidden(f"As {g.who.role.replace('_', ' ')} you may look, but not change anything here.")
    return None


@admin.app_errorhandler(CSRFError)
def form_too_old(_error: CSRFError) -> Response:
    """A form without our token, or one that was open for too long."""
    words = "This form has been open for too long, or did not come from our page. Go back, reload the page and send it again."
    return pages.page("admin/error.html", 400, title="Please send that again", detail=words)


@admin.context_processor
def at_hand() -> dict:
    """What every administrators' page shows."""
    who = g.get("who")
    zone = look(lambda work: (work.organisation.name, work.organisation.timezone)) if who else ("", "UTC")
    return {
        "who": who,
        "may_act": g.get("may_act", False),
        "organisation_name": zone[0],
        "zone": zone[1],
        "now": house().clock(),
        "captures": settings().captures,
    }


def look(view: Callable[[Work], T]) -> T:
    """`view(work)` in the signed-in person's organisation, without a write lock."""
    return house().read(g.who.organisation_id, f"admin:{g.who.email}", view)


def run(verb: Callable[[Work], T]) -> T:
    """`verb(work)` in one transaction, in the signed-in person's name."""
    return house().run(g.who.organisation_id, f"admin:{g.who.email}", verb)


def act(verb: Callable[[Work], str | None], endpoint: str, **where: object) -> Response:
    """Do what a button says, tell in words what came of it, and go back to a page."""
    try:
        words = run(verb)
        if words:
            flash(words, "done")
    except FeedserverError as error:
        if error.status in (403, 404):
            raise
        flash(error.detail, "refused")
    return redirect(url_for(f"admin.{endpoint}", **where), 303)


def search_text() -> str:
    """What was typed into the search field, at most 200 characters."""
    return clean_line(request.args.get("q", ""))[:200]


def typed(name: str, longest: int = 1000) -> str:
    """A line that was typed beside a button."""
    return clean_line(request.form.get(name, ""))[:longest]
