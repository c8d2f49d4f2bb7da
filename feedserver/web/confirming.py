"""`/confirm/<token>`: was that you? Our mail asks the enrolled person about a reply that came from elsewhere. GET shows, a button POSTs."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, redirect, request, url_for

from ..errors import FeedserverError
from ..services import asking
from ..services.work import Work
from ..store.enrolments import Enrolment
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.sessions import LiveSession
from ..store.verdicts import SenderQuestion
from . import pages, pressing
from .catalogues import language
from .house import house

confirming = Blueprint("confirming", __name__)
_OPEN_FOR = 24 * 3600
_PURPOSE = "confirm"
_SAID = {asking.YES: True, asking.NO: False}


def register(app: Flask) -> None:
    """Put the page into the application."""
    pages.ready(app)
    app.register_blueprint(confirming)


@confirming.after_request
def keep_apart(response: Response) -> Response:
    """No search engine keeps what only one person has the address of."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@confirming.get("/confirm/<token>")
def confirm(token: str) -> Response:
    """What was answered, from where, for which session; and what was said about it, once it was."""
    return _page(token, _question(token))


@confirming.post("/confirm/<token>")
def say(token: str) -> Response:
    """It was them, or it was not."""
    question = _question(token)
    pages.refuse_foreign()
    mine = _SAID.get(request.form.get("said", ""))
    if mine is None or pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR) != question.id:
        return redirect(url_for("confirming.confirm", token=token, note="old"), 303)
    try:
        house().run(
            question.organisation_id, f"learner:{question.learner_id}", lambda work: asking.answer(work, question.id, mine) and None
        )
    except FeedserverError as error:
        return _page(token, question, error.detail, 409)
    return redirect(url_for("confirming.confirm", token=token), 303)


def _question(token: str) -> SenderQuestion:
    with house().database.read() as db:
        found = asking.question_of(db, token)
    if found is None:
        abort(404)
    return found


def _page(token: str, question: SenderQuestion, refused: str = "", status: int = 200) -> Response:
    def found(work: Work) -> dict:
        present, message = work.db.get_one(SenderQuestion, question.id), work.db.get_one(InboundMessage, question.inbound_id)
        enrolment = work.db.get(Enrolment, present.enrolment_id or 0)
        return {
            "question": present, "open": asking.is_open(present, message), "counted": message.outcome == "applied", "received": message.received_at,
            "enrolment": enrolment, "session": work.db.get(LiveSession, enrolment.live_session_id) if enrolment else None,
            "learner": work.db.get_one(Learner, present.learner_id), "organisation": work.organisation,
        }  # fmt: skip

    values = house().read(question.organisation_id, f"learner:{question.learner_id}", found)
    note = "old" if request.args.get("note") == "old" else ""
    return pages.page(
        "learner/confirm.html", status, say=language(values["learner"].locale), token=token, note=note, refused=refused,
        nonce=pressing.nonce(_PURPOSE, question.id), **values,
    )  # fmt: skip
