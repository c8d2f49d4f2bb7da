"""`/rsvp/<token>` and `/approvals/<token>`: what our mails lead to. GET shows, a button POSTs; scanners that press links change nothing (S14 to S18)."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, redirect, request, url_for
from sqlalchemy import func, select

from .. import tokens
from ..errors import Conflict, FeedserverError
from ..ical.lines import clean_line
from ..services import enrolling, page_answers, series_dates
from ..services.work import Work
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.outbox import Delivery, MailSkeleton
from ..store.sessions import LiveSession, Seats
from ..training.statuses import EnrolmentStatus
from . import pages, pressing
from .catalogues import language
from .house import house

answers = Blueprint("answers", __name__)
_OPEN_FOR = 24 * 3600
_RSVP, _APPROVAL = "rsvp", "approval"
_NOTES = ("saved", "old")


def register(app: Flask) -> None:
    """Put the pages into the application."""
    pages.ready(app)
    app.register_blueprint(answers)


@answers.after_request
def keep_apart(response: Response) -> Response:
    """No search engine keeps what only one person has the address of."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@answers.get("/rsvp/<token>")
def rsvp(token: str) -> Response:
    """Where the learner stands, and what each button will do."""
    return _rsvp(token, _enrolment(token))


@answers.post("/rsvp/<token>")
def press(token: str) -> Response:
    """One of the buttons."""
    enrolment = _enrolment(token)
    pages.refuse_foreign()
    pressed = request.form.get("answer", "")
    if pressed not in page_answers.PRESSES or pressing.read_nonce(_RSVP, request.form.get("nonce", ""), _OPEN_FOR) != enrolment.id:
        return redirect(url_for("answers.rsvp", token=token, note="old"), 303)
    actor = f"learner:{enrolment.learner_id}"
    try:
        house().run(enrolment.organisation_id, actor, lambda work: page_answers.press(work, enrolment.learner_id, enrolment.id, pressed))
    except FeedserverError as error:
        return _rsvp(token, enrolment, error.detail, 409)
    return redirect(url_for("answers.rsvp", token=token, note="saved"), 303)


@answers.get("/approvals/<token>")
def approval(token: str) -> Response:
    """Who asks for what, and whether it has been decided."""
    return _approval(token, *_asked(token))


@answers.post("/approvals/<token>")
def decide(token: str) -> Response:
    """Approve, or refuse with a word of reason."""
    asked, enrolment = _asked(token)
    pages.refuse_foreign()
    verb = {"approve": _approve, "refuse": _refuse}.get(request.form.get("decision", ""))
    if verb is None or pressing.read_nonce(_APPROVAL, request.form.get("nonce", ""), _OPEN_FOR) != asked.id:
        return redirect(url_for("answers.approval", token=token, note="old"), 303)
    try:
        house().run(asked.organisation_id, f"admin:{asked.recipient}", lambda work: verb(work, asked))
    except FeedserverError as error:
        return _approval(token, asked, enrolment, error.detail, 409)
    return redirect(url_for("answers.approval", token=token, note="saved"), 303)


def _approve(work: Work, asked: Delivery) -> None:
    _must_be_asked(work, asked)
    enrolling.approve(work, asked.enrolment_id)


def _refuse(work: Work, asked: Delivery) -> None:
    _must_be_asked(work, asked)
    enrolling.reject(work, asked.enrolment_id, clean_line(request.form.get("reason", ""))[:1000])


def _must_be_asked(work: Work, asked: Delivery) -> None:
    enrolling.locked_session(work, asked.live_session_id)
    enrolment = work.db.get_one(Enrolment, asked.enrolment_id, populate_existing=True)
    if not page_answers.still_asked(asked, enrolment):
        raise Conflict("This has been decided already.")


def _enrolment(token: str) -> Enrolment:
    with house().database.read() as db:
        found = page_answers.enrolment_of(db, token)
    if found is None:
        abort(404)
    return found


def _asked(token: str) -> tuple[Delivery, Enrolment]:
    with house().database.read() as db:
        found = page_answers.approval_of(db, token)
    if found is None:
        abort(404)
    return found


def _note() -> str:
    note = request.args.get("note", "")
    return note if note in _NOTES else ""


def _rsvp(token: str, enrolment: Enrolment, refused: str = "", status: int = 200) -> Response:
    def found(work: Work) -> dict:
        standing = page_answers.standing(work, enrolment.id)
        page_url = f"{work.base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, standing.learner.page_id, work.key_secret)}"
        dates = series_dates.of_learner(work, standing.learner.id, [standing.session.id] if standing.session.is_series else [])
        return {
            "dates": dates.get(standing.session.id, []),
            "standing": standing,
            "organisation": work.organisation,
            "page_url": page_url,
            "now": work.now,
        }

    values = house().read(enrolment.organisation_id, f"learner:{enrolment.learner_id}", found)
    return pages.page(
        "learner/rsvp.html", status, say=language(values["standing"].learner.locale), token=token, note=_note(), refused=refused,
        nonce=pressing.nonce(_RSVP, enrolment.id), **values,
    )  # fmt: skip


def _approval(token: str, asked: Delivery, enrolment: Enrolment, refused: str = "", status: int = 200) -> Response:
    def found(work: Work) -> dict:
        session, present = work.db.get_one(LiveSession, enrolment.live_session_id), work.db.get_one(Enrolment, enrolment.id)
        line = select(func.count()).where(Enrolment.live_session_id == session.id, Enrolment.status == EnrolmentStatus.WAITING_LIST)
        open_ = session.status == "scheduled" and session.ends_at > work.now
        return {
            "session": session, "enrolment": present, "learner": work.db.get_one(Learner, enrolment.learner_id), "organisation": work.organisation,
            # As the mail was written that led here.
            "read": work.db.get(MailSkeleton, asked.skeleton_id) or work.organisation, "seats": work.db.get_one(Seats, session.id),
            "waiting": work.db.scalar(line), "open": open_ and page_answers.still_asked(asked, present),
        }  # fmt: skip

    values = house().read(asked.organisation_id, f"admin:{asked.recipient}", found)
    return pages.page(
        "learner/approval.html", status, say=language(values["read"].locale), zone=values["read"].timezone, token=token, note=_note(), refused=refused,
        nonce=pressing.nonce(_APPROVAL, asked.id), **values,
    )  # fmt: skip
