"""`/join/<token>`: what a calendar entry leads to where the organisation notes who joins. GET shows, the button notes and leads on."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, request

from .. import tokens
from ..errors import FeedserverError
from ..services import joining
from ..services.work import Work
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.sessions import LiveSession
from . import pages, pressing
from .catalogues import language
from .house import house

joins = Blueprint("join", __name__)
_OPEN_FOR = 24 * 3600
_PURPOSE = "join"


def register(app: Flask) -> None:
    """Put the page into the application."""
    pages.ready(app)
    app.register_blueprint(joins)


@joins.after_request
def keep_apart(response: Response) -> Response:
    """No search engine, no cache; the address is a secret, so no referrer (that is for all pages)."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@joins.get("/join/<token>")
def join_page(token: str) -> Response:
    """Title, time, and a button."""
    return _page(_who(token))


@joins.post("/join/<token>")
def go(token: str) -> Response:
    """Notes that the person joins, and leads on to the session's own link and nowhere else."""
    pages.refuse_foreign()
    enrolment = _who(token)
    if pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR) != enrolment.id:
        return _page(enrolment, status=409, again=True)
    try:
        url = house().run(enrolment.organisation_id, f"learner:{enrolment.learner_id}", lambda work: joining.join(work, enrolment.id))
    except FeedserverError:
        return _page(enrolment, status=409)
    # Led on by the page and not by a redirect: form-action 'self' holds for where a form's redirect leads, too.
    response = _page(enrolment, url=url)
    response.headers["Refresh"] = f"0;url={url}"
    return response


def _who(token: str) -> Enrolment:
    with house().database.read() as db:
        found = joining.enrolment_of(db, token)
    if found is None:
        abort(404)
    return found


def _page(enrolment: Enrolment, status: int = 200, *, url: str = "", again: bool = False) -> Response:
    def found(work: Work) -> dict:
        mine, session = work.db.get_one(Enrolment, enrolment.id), work.db.get_one(LiveSession, enrolment.live_session_id)
        learner = work.db.get_one(Learner, enrolment.learner_id)
        page_url = f"{work.base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, learner.page_id, work.key_secret)}"
        return {
            "session": session, "learner": learner, "organisation": work.organisation, "page_url": page_url,
            "state": "going" if url else joining.state_of(work, mine, session), "early": session.starts_at > work.now,
        }  # fmt: skip

    values = house().read(enrolment.organisation_id, f"learner:{enrolment.learner_id}", found)
    say = language(values["learner"].locale)
    return pages.page("learner/join.html", status, say=say, url=url, again=again, nonce=pressing.nonce(_PURPOSE, enrolment.id), **values)
