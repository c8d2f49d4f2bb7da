"""Who sits at the desk: every administrators' page needs a sign-in, every form a role that may act and a token of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response, flash, g, redirect, request, url_for
from flask_wtf.csrf import CSRFError

from ...errors import FeedserverError, Forbidden
from ...ical.lines import clean_line
from ...services import access, entitlement
from ...services.finding import find
from ...services.work import Work
from ...store.certificates import Certificate
from ...store.enrolments import Enrolment
from ...store.inbox import InboundMessage
from ...store.learners import Learner
from ...store.outbox import Delivery
from ...store.sessions import LiveSession
from .. import pages, roles
from ..house import house, settings

T = TypeVar("T")
LARGEST_ID = 2**63 - 1
_OPEN = {"admin.sign_in_page", "admin.use_link", "admin.signed_out"}
_ROWS = {
    "session_id": LiveSession, "enrolment_id": Enrolment, "learner_id": Learner, "delivery_id": Delivery, "inbound_id": InboundMessage,
    "certificate_id": Certificate,
}  # fmt: skip
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
    g.may_act = g.who.role in roles.MANAGERS
    pages.guard_post()
    if not roles.may(g.who.role, request.endpoint or "", request.form.get("do")):
        raise Forbidden(
            f"This is not for you as {g.who.role.replace('_', ' ')}. Whoever owns the account says who may do what, under Settings."
        )
    _must_see(request.view_args or {})
    return None


def _must_see(ids: dict) -> None:
    """What is hidden from somebody does not exist for them, whatever the page would do with it."""
    if not sight().whole:
        for name in ids.keys() & _ROWS.keys():
            look(lambda work, name=name: find(work, _ROWS[name], ids[name]))


def sight() -> entitlement.Sight:
    """What the signed-in person may see."""
    return entitlement.Sight(g.who.role, g.who.email_key)


def may(endpoint: str, do: str | None = None) -> bool:
    """Whether the signed-in person may open an endpoint, or press one of its buttons: for links and buttons of templates."""
    who = g.get("who")
    return who is not None and roles.may(who.role, endpoint, do)


@admin.app_errorhandler(CSRFError)
def form_too_old(_error: CSRFError) -> Response:
    """A form without our token, or one that was open for too long."""
    words = "This form has been open for too long, or did not come from our page. Go back, reload the page and send it again."
    return pages.page("admin/error.html", 400, title="Please send that again", detail=words)


@admin.context_processor
def at_hand() -> dict:
    """What every administrators' page shows."""
    who = g.get("who")
    ours = look(lambda work: work.organisation) if who else None
    zone = (ours.name, ours.timezone, ours.mailbox_proved_at) if ours else ("", "UTC", None)
    return {
        "who": who,
        "may_act": g.get("may_act", False),
        "may": may,
        "organisation_name": zone[0],
        "zone": zone[1],
        "now": house().clock(),
        "captures": settings().captures,
        # Where mail is captured there is nothing to prove.
        "unproved": who is not None and zone[2] is None and not settings().captures,
    }


def look(view: Callable[[Work], T]) -> T:
    """`view(work)` in the signed-in person's organisation, of what they may see, without a write lock."""

    def narrowed(work: Work) -> T:
        entitlement.narrow(work.db, sight())
        return view(work)

    return house().read(g.who.organisation_id, f"admin:{g.who.email}", narrowed)


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
