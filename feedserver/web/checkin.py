"""`/check-in/<token>`: what a phone sees that has scanned the code on the wall. GET shows, a button POSTs.

The code says which session; who it is comes from the phone (one that has pressed a button of that learner's before) or from
a link that goes to the address in the session. A typed name is never enough.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, request

from ..errors import FeedserverError
from ..services import attending, checking_in
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.organisations import Organisation
from ..store.sessions import LiveSession
from . import pages, pressing
from .catalogues import language
from .house import house

check_in = Blueprint("check_in", __name__)
_OPEN_FOR = 15 * 60
_PURPOSE = "check-in"


def register(app: Flask) -> None:
    """Put the pages into the application."""
    pages.ready(app)
    app.register_blueprint(check_in)
    app.after_request(_remember)


@check_in.after_request
def keep_apart(response: Response) -> Response:
    """No search engine, no referrer, no cache."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@check_in.get("/check-in/<token>")
def scanned(token: str) -> Response:
    """The code was scanned: one button where the phone is known, else the address."""
    with house().database.read() as db:
        session = checking_in.session_of(db, token, house().clock())
        if session is None:
            return _page("old", status=404)
        return _door(db, session)


@check_in.post("/check-in/<token>")
def pressed(token: str) -> Response:
    """`here` checks in whom the phone belongs to; `mail` sends a link to an address of the session."""
    pages.refuse_foreign()
    number = pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR)
    with house().database.read() as db:
        session = db.get(LiveSession, number) if isinstance(number, int) else None
        if session is None:
            return _page("old", status=409)
        if request.form.get("do") == "here":
            known = checking_in.enrolment_in(db, session, pressing.known_phone())
            return _here(*known, session) if known else _door(db, session)
        address = request.form.get("address", "")[:254]
        found = checking_in.by_address(db, session, address)
    if found is not None:
        house().run(session.organisation_id, f"learner:{found.learner_id}", lambda work: checking_in.mail_link(work, found.id))
    # The same words for everybody: the page must not tell who is in the session.
    return _page("mailed", session=session, organisation=_organisation(session), address=address)


@check_in.get("/check-in/me/<token>")
def from_mail(token: str) -> Response:
    """The mailed link was opened: one button."""
    with house().database.read() as db:
        enrolment = checking_in.enrolment_of(db, token)
        if enrolment is None:
            return _page("old", status=404)
        session = db.get_one(LiveSession, enrolment.live_session_id)
        return _door(db, session, (enrolment, db.get_one(Learner, enrolment.learner_id)))


@check_in.post("/check-in/me/<token>")
def pressed_from_mail(token: str) -> Response:
    """Checked in; this phone is known from now on."""
    pages.refuse_foreign()
    with house().database.read() as db:
        enrolment = checking_in.enrolment_of(db, token)
        fresh = pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR)
        if enrolment is None or fresh != enrolment.live_session_id:
            return _page("old", status=409)
        session, learner = db.get_one(LiveSession, enrolment.live_session_id), db.get_one(Learner, enrolment.learner_id)
    response = _here(enrolment, learner, session)
    pressing.remember_phone(response, learner.page_id)
    return response


def _door(db, session: LiveSession, known: tuple[Enrolment, Learner] | None = None) -> Response:
    """What can be pressed: one button for somebody known, the address for anybody else."""
    work = house().work(db, session.organisation_id, "visitor")
    known = known or checking_in.enrolment_in(db, session, pressing.known_phone())
    enrolment, learner = known or (None, None)
    if not checking_in.is_open(work, session):
        state = "closed"
    elif enrolment is None:
        state = "who"
    else:
        state = "done" if enrolment.checked_in_at is not None else "known"
    return _page(
        state, session=session, organisation=work.organisation, learner=learner, enrolment=enrolment,
        nonce=pressing.nonce(_PURPOSE, session.id),
    )  # fmt: skip


def _here(enrolment: Enrolment, learner: Learner, session: LiveSession) -> Response:
    try:
        status = house().run(session.organisation_id, f"learner:{learner.id}", lambda work: attending.check_in(work, enrolment.id))
    except FeedserverError as error:
        return _page("refused", status=409, session=session, organisation=_organisation(session), learner=learner, refused=error.detail)
    return _page("done", session=session, organisation=_organisation(session), learner=learner, seated=status == "Attended")


def _organisation(session: LiveSession) -> Organisation:
    with house().database.read() as db:
        return db.get_one(Organisation, session.organisation_id)


def _page(state: str, status: int = 200, learner: Learner | None = None, **shown) -> Response:
    say = language(learner.locale if learner else request.accept_languages.best)
    values = {"session": None, "organisation": None, "enrolment": None, "nonce": "", "seated": True, "refused": "", "address": ""} | shown
    zone = learner.timezone if learner else None
    return pages.page("learner/check_in.html", status, state=state, say=say, learner=learner, zone=zone, **values)


def _remember(response: Response) -> Response:
    """Whoever presses a button on their own page has that page on this phone."""
    token = (request.view_args or {}).get("token", "")
    if request.method == "POST" and request.blueprint == "learner" and token and response.status_code == 303:
        with house().database.read() as db:
            page_id = checking_in.page_of(db, token)
        if page_id:
            pressing.remember_phone(response, page_id)
    return response
