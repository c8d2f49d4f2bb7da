"""Calendars for others than learners: made for one subscriber each, changed, given a new address, taken back."""

from __future__ import annotations

from flask import Response, g, request
from sqlalchemy import select

from ...services import audiences, subscribing
from ...services.audiences import Own
from ...services.work import Work
from ...store.audiences import DETAILS, AudienceFeed
from ...store.courses import Course
from ...store.learners import Learner
from ...store.rooms import Room
from .. import pages, roles
from ..forms import Field, Form
from .desk import act, admin, look, run, typed

_AUDIENCE_OF = {"approver": "team", "instructor": "instructor"}
_NAMED_BY_ADDRESS = (("team", "A team, by its manager's address"), ("instructor", "An instructor's sessions, by their address"))
_DETAIL_WORDS = {
    "full": "Everything that its readers may see",
    "title": "Titles alone",
    "busy": "Busy times alone",
}
WHAT = Field("what", "What it shows", "choice", required=True)
ADDRESS = Field("subject", "Address of the manager or instructor", longest=250, hint="For a calendar that is named by an address alone.")
SUBSCRIBER = Field(
    "subscriber",
    "For whom",
    required=True,
    longest=200,
    hint="A name or an address. When the person with that address leaves or may no longer sign in, it ends.",
)
DETAIL = Field("detail", "How much of it", "choice", required=True, choices=[(one, _DETAIL_WORDS[one]) for one in DETAILS])
_MOST = 300


@admin.get("/calendars")
def audience_feeds() -> Response:
    """All of them, or one's own; a link from a course or room brings its choice along."""
    return _page()


@admin.post("/calendars")
def new_audience_feed() -> Response:
    """A new one; its address is shown this once."""
    form = Form.sent(_fields(), request.form)
    made = form.attempt(lambda: run(lambda work: _shown(work, audiences.create_feed(work, _values(form.values), own()))))
    return _page(form, made)


@admin.post("/calendars/<id:audience_feed_id>")
def edit_audience_feed(audience_feed_id: int) -> Response:
    """Another detail; the address stays."""

    def verb(work: Work) -> str:
        feed = audiences.edit_feed(work, audience_feed_id, {"detail": typed("detail", 20)}, own())
        return f"The calendar of {feed.subscriber} shows from now on: {_DETAIL_WORDS[feed.detail].lower()}."

    return act(verb, "audience_feeds")


@admin.post("/calendars/<id:audience_feed_id>/rotate")
def rotate_audience_feed(audience_feed_id: int) -> Response:
    """A new address, shown this once; the old one tells calendars that it has ended."""
    return _page(made=run(lambda work: _shown(work, audiences.rotate_feed(work, audience_feed_id, own()))))


@admin.post("/calendars/<id:audience_feed_id>/revoke")
def revoke_audience_feed(audience_feed_id: int) -> Response:
    """End it."""

    def verb(work: Work) -> str:
        audiences.revoke_feed(work, audience_feed_id, own())
        return "The calendar is revoked. Programs that still fetch it show for 30 days that it has ended."

    return act(verb, "audience_feeds")


def own() -> Own | None:
    """What the signed-in person may have calendars of; None: of everything."""
    return None if g.who.role in roles.MANAGERS else Own(_AUDIENCE_OF[g.who.role], g.who.email_key)


def _fields() -> list[Field]:
    mine = own()
    if mine is not None:
        return [SUBSCRIBER, DETAIL]
    return Form([WHAT, ADDRESS, SUBSCRIBER, DETAIL]).with_choices(what=look(_choices)).fields


def _choices(work: Work) -> list[tuple[str, str]]:
    return [("organisation:", "All sessions"), ("open_seats:", "Open seats"), *subjects(work)]


def subjects(work: Work) -> list[tuple[str, str]]:
    """Teams, instructors, courses and rooms to choose among: ("course:7", words); with nothing behind the colon an address is to be named besides."""
    here = work.organisation_id
    found = [(f"{one}:", words) for one, words in _NAMED_BY_ADDRESS]
    teams = select(Learner.team).where(Learner.organisation_id == here, Learner.team.is_not(None)).distinct().order_by(Learner.team)
    found += [(f"team:{name}", f"Team {name}") for name in work.db.scalars(teams.limit(_MOST)) if name]
    for word, row in (("Course", Course), ("Room", Room)):
        named = select(row.id, row.name).where(row.organisation_id == here).order_by(row.name, row.id).limit(_MOST)
        found += [(f"{word.lower()}:{row_id}", f"{word} {name}") for row_id, name in work.db.execute(named)]
    return found


def _values(typed_in: dict) -> dict:
    mine = own()
    if mine is not None:
        return {**typed_in, "audience": mine.audience, "subject": mine.subject}
    audience, _, subject = typed_in["what"].partition(":")
    return {**typed_in, "audience": audience, "subject": subject or typed_in["subject"]}


def _shown(work: Work, feed: AudienceFeed) -> dict:
    url = audiences.urls(work, [feed])[feed.id]
    return {"feed": feed, "url": url, "webcal": subscribing.webcal(url)}


def _page(form: Form | None = None, made: dict | None = None) -> Response:
    if form is None or made:
        preset = {"what": request.args.get("what", "organisation:"), "detail": "full", "subscriber": g.who.email if own() else ""}
        form = Form.shown(_fields(), preset)
    found = look(lambda work: _found(work, own()))
    return pages.page(
        "admin/audiences.html", 200 if form.ok else 422, form=form, made=made, feeds=found, details=_DETAIL_WORDS, section="calendar"
    )


def _found(work: Work, mine: Own | None) -> list[tuple[AudienceFeed, str]]:
    feeds = audiences.list_feeds(work, mine)
    labels = audiences.labels(work, feeds)
    return [(feed, _of_what(feed.audience, labels[feed.id])) for feed in feeds]


def _of_what(audience: str, label: str) -> str:
    words = {
        "team": f"Team of {label}" if "@" in label else f"Team {label}",
        "instructor": f"Sessions of {label}",
        "organisation": "All sessions",
        "open_seats": "Open seats",
    }
    return words.get(audience, f"{audience.capitalize()} {label}")
