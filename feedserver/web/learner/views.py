"""`/my/<token>`. The token names the page, not the person; a wrong one is like any address where there is nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlencode

import segno
from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import aliased

from ... import tokens
from ...errors import FeedserverError, NotFound
from ...imip.catalogues import Language
from ...services import joining, page_answers, series_answers, series_dates, subscribing, undoing
from ...services.series_dates import DateOfLearner
from ...services.work import Work
from ...store import keys
from ...store.courses import Course
from ...store.enrolments import Enrolment
from ...store.entries import CalendarEntry
from ...store.learners import Learner
from ...store.sessions import CHOSEN, LiveSession, Seats
from ...training.statuses import TABLE, EnrolmentStatus
from .. import pages
from ..catalogues import language
from ..house import house
from .certificates import certificates_of
from .due import days_of

learner = Blueprint("learner", __name__)
_OPEN_FOR = 24 * 3600
_MOST = 200
_NOTES = ("saved", "old", "refused", "channel", "asked", "address", "mails", "noted")


@dataclass(frozen=True)
class Line:
    """One coming session of the learner, or a series with its dates to come."""

    enrolment: Enrolment
    session: LiveSession
    course: Course
    reconfirm: bool
    answerable: bool
    position: int | None = None
    seat_free: bool = False
    undo: bool = False
    dates: tuple[DateOfLearner, ...] = ()

    @property
    def following(self) -> LiveSession:
        """The session, or the next date of the series that takes place."""
        return next((one.session for one in self.dates if one.session.status == "scheduled"), self.session)


@learner.after_request
def keep_apart(response: Response) -> Response:
    """Whoever has the address has the page: no search engine, no referrer, no cache."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@learner.get("/my/<token>")
def my_page(token: str) -> Response:
    """Everything about one learner that is the learner's business."""
    who = who_of(token)
    return my_page_of(token, who)


@learner.post("/my/<token>/answers/<id:enrolment_id>")
def answer(token: str, enrolment_id: int) -> Response:
    """Yes, Maybe or No to one session; undo; take a seat that stayed free."""
    who = who_of(token)
    pages.refuse_foreign()
    chosen = request.form.get("answer", "")
    back = {"token": token, "_anchor": f"session-{enrolment_id}"}
    # Only a page that was opened lately holds it, so nothing that merely repeats an address can answer.
    if chosen not in page_answers.PRESSES or not fresh(request.form.get("nonce", ""), who):
        return redirect(url_for("learner.my_page", **back, note="old"), 303)
    try:
        house().run(who.organisation_id, f"learner:{who.id}", lambda work: page_answers.press(work, who.id, enrolment_id, chosen))
    except NotFound:
        abort(404)
    except FeedserverError as error:
        return my_page_of(token, who, refused=error.detail, status=409)
    return redirect(url_for("learner.my_page", **back, note="saved", done=enrolment_id), 303)


def who_of(token: str) -> Learner:
    """Whose page this is; 404 for a token that is not ours."""
    with house().database.read() as db:
        page_id = tokens.read(tokens.LEARNER_PAGE, token, keys.usable(db).values())
        found = db.scalars(select(Learner).where(Learner.page_id == page_id)).first() if page_id else None
    if found is None:
        abort(404)
    return found


def my_page_of(token: str, who: Learner, refused: str = "", status: int = 200) -> Response:
    """The page; `refused` says why a button did nothing."""
    say = language(who.locale)
    note = request.args.get("note", "")
    values = house().read(who.organisation_id, f"learner:{who.id}", lambda work: _found(work, who, say))
    return pages.page(
        "learner/page.html", status, token=token, learner=who, say=say, note=note if note in _NOTES else "",
        refused=refused, nonce=_nonces().dumps(who.page_id), **values,
    )  # fmt: skip


def _found(work: Work, who: Learner, say: Language) -> dict:
    feeds = subscribing.feeds_of(work, who.id)
    urls = subscribing.urls(work, feeds)
    lines = _coming(work, who)
    return {
        "organisation": work.organisation,
        "lines": lines,
        "days": days_of(work, who, say),
        "certificates": certificates_of(work, who, say),
        "join_links": joining.links(work, (pair for line in lines for pair in _ways_in(line))),
        "feeds": [_ways(f.name, urls[f.id]) for f in feeds],
        "now": work.now,
    }


def _ways_in(line: Line) -> list[tuple[Enrolment, LiveSession]]:
    return [(line.enrolment, line.session), *((one.enrolment, one.session) for one in line.dates)]


def _coming(work: Work, who: Learner) -> list[Line]:
    # A series once; a date by itself for who is in that alone.
    whole = aliased(Enrolment)
    in_series = exists().where(whole.live_session_id == LiveSession.series_id, whole.learner_id == who.id)
    query = (
        select(Enrolment, LiveSession, Course, CalendarEntry)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .join(Course, Course.id == LiveSession.course_id)
        .outerjoin(CalendarEntry, CalendarEntry.id == Enrolment.entry_id)
        .where(
            Enrolment.learner_id == who.id, Enrolment.status != EnrolmentStatus.CANCELLED, LiveSession.ends_at > work.now,
            LiveSession.draft.is_(False), or_(CHOSEN, ~in_series.correlate(LiveSession)),
        )
        .order_by(LiveSession.starts_at, LiveSession.id)
        .limit(_MOST)
    )  # fmt: skip
    rows = work.db.execute(query).all()
    waiting = [e for e, _s, _c, _entry in rows if e.status == EnrolmentStatus.WAITING_LIST]
    places, free = _places(work, waiting), _with_a_free_seat(work, waiting)
    done = request.args.get("done", "")
    dates = series_dates.of_learner(work, who.id, [s.id for _e, s, _c, _entry in rows if s.is_series])
    lines = [
        Line(
            e, s, c, bool(entry and entry.reconfirm), _answerable(e, s, entry), places.get(e.id), s.id in free,
            undo=str(e.id) == done and _undoable(work, e, s),
            dates=tuple(replace(one, undo=str(one.enrolment.id) == done and _undoable(work, one.enrolment, one.session)) for one in dates.get(s.id, ())),
        )
        for e, s, c, entry in rows
    ]  # fmt: skip
    return sorted(lines, key=_starts)


def _starts(line: Line) -> datetime:
    return line.following.starts_at


def _undoable(work: Work, enrolment: Enrolment, session: LiveSession) -> bool:
    if session.entry_mode == "dates" and series_answers.last_moment(work, session, enrolment.learner_id) is not None:
        return True
    return undoing.last_answer(work, enrolment) is not None


def _with_a_free_seat(work: Work, waiting: list[Enrolment]) -> set[int]:
    """Sessions where a seat stayed free although people wait: all of them have let an offer lapse."""
    if not waiting:
        return set()
    free = (Seats.capacity.is_(None)) | (Seats.taken < Seats.capacity + Seats.over_capacity)
    return set(work.db.scalars(select(Seats.live_session_id).where(Seats.live_session_id.in_([e.live_session_id for e in waiting]), free)))


def _places(work: Work, waiting: list[Enrolment]) -> dict[int, int]:
    """The place of each in its line, in one query."""
    if not waiting:
        return {}
    place = func.row_number().over(partition_by=Enrolment.live_session_id, order_by=(Enrolment.queued_at, Enrolment.id))
    line = select(Enrolment.id, place.label("place")).where(
        Enrolment.live_session_id.in_([e.live_session_id for e in waiting]),
        Enrolment.status == EnrolmentStatus.WAITING_LIST,
    )
    inner = line.subquery()
    mine = select(inner.c.id, inner.c.place).where(inner.c.id.in_([e.id for e in waiting]))
    return dict(work.db.execute(mine).all())


def _answerable(enrolment: Enrolment, session: LiveSession, entry: CalendarEntry | None) -> bool:
    rule = TABLE[EnrolmentStatus(enrolment.status)]
    # A series whose dates are entries has none of its own.
    alive = session.entry_mode == "dates" or (entry is not None and entry.ended_at is None)
    return session.status == "scheduled" and alive and any((rule.yes, rule.no, rule.maybe))


def _ways(name: str, url: str) -> dict[str, str]:
    """The ways into a calendar: one address, as each program wants it."""
    webcal = subscribing.webcal(url)
    outlook = urlencode({"url": url, "name": name})
    return {
        "name": name,
        "url": url,
        "webcal": webcal,
        "google": f"https://calendar.google.com/calendar/r?cid={quote(webcal, safe='')}",
        "outlook": f"https://outlook.office.com/calendar/0/addfromweb?{outlook}",
        "qr": segno.make(webcal, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff"),
    }


def _nonces() -> URLSafeTimedSerializer:
    older, first = current_app.config.get("SECRET_KEY_FALLBACKS") or [], current_app.config["SECRET_KEY"]
    return URLSafeTimedSerializer([*reversed(older), first], salt="learner-page-form")


def fresh(nonce: str, who: Learner) -> bool:
    """Whether a form comes from a page of this learner that was opened lately."""
    try:
        return len(nonce) < 300 and _nonces().loads(nonce, max_age=_OPEN_FOR) == who.page_id
    except BadSignature:
        return False
