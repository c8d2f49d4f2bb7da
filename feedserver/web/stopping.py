"""`/stop/<token>`: no more reminders, or weekly mails. GET shows, a button POSTs; a mail program POSTs `List-Unsubscribe=One-Click` by itself (RFC 8058)."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, redirect, request, url_for

from ..services import stopping
from ..services.stopping import Mailing
from ..services.work import Work
from ..store.learners import Learner
from . import pages, pressing
from .catalogues import language
from .house import house

stopping_pages = Blueprint("stopping", __name__)
_OPEN_FOR = 24 * 3600
_PURPOSE = "stop"


def register(app: Flask) -> None:
    """Put the page into the application."""
    pages.ready(app)
    app.register_blueprint(stopping_pages)


@stopping_pages.after_request
def keep_apart(response: Response) -> Response:
    """No search engine keeps what only one person has the address of."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@stopping_pages.get("/stop/<token>")
def show(token: str) -> Response:
    """Which mails these are, and whether they come."""
    return _page(token, _mailing(token))


@stopping_pages.post("/stop/<token>")
def press(token: str) -> Response:
    """Stop them, or let them come again."""
    mailing = _mailing(token)
    # RFC 8058 3.2: no cookies, no other proof than the address, and no redirect. It can do nothing but stop.
    if request.form.get("List-Unsubscribe") == "One-Click":
        _do(mailing, True)
        return Response("Done.\n", mimetype="text/plain")
    pages.refuse_foreign()
    wanted = request.form.get("mails", "")
    if wanted not in ("stop", "again") or pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR) != token:
        return redirect(url_for("stopping.show", token=token, note="old"), 303)
    _do(mailing, wanted == "stop")
    return redirect(url_for("stopping.show", token=token), 303)


def _do(mailing: Mailing, off: bool) -> None:
    actor = f"learner:{mailing.learner_id}" if mailing.learner_id else "manager"
    house().run(mailing.organisation_id, actor, lambda work: stopping.stop(work, mailing, off))


def _mailing(token: str) -> Mailing:
    with house().database.read() as db:
        found = stopping.mailing_of(db, token)
    if found is None:
        abort(404)
    return found


def _page(token: str, mailing: Mailing) -> Response:
    def found(work: Work) -> dict:
        learner = work.db.get_one(Learner, mailing.learner_id) if mailing.learner_id else None
        locale = learner.locale if learner else work.organisation.locale
        return {
            "organisation": work.organisation, "say": language(locale), "stopped": stopping.stopped(work, mailing),
            "address": learner.address if learner else mailing.address,
        }  # fmt: skip

    values = house().read(mailing.organisation_id, "visitor", found)
    note = "old" if request.args.get("note") == "old" else ""
    return pages.page("learner/stop.html", token=token, kind=mailing.kind.value, note=note, nonce=pressing.nonce(_PURPOSE, token), **values)
