"""`/my/<token>/courses`: what a learner can register for. GET shows, a button POSTs."""

from __future__ import annotations

from flask import Response, abort, redirect, request, url_for

from ...errors import FeedserverError, NotFound
from ...services import catalogue
from ...store.learners import Learner
from .. import pages, pressing
from ..catalogues import language
from ..house import house
from .views import learner, who_of

_OPEN_FOR = 24 * 3600
_PURPOSE = "register"
_NOTES = ("done", "old")
_PAGE = 50


@learner.get("/my/<token>/courses")
def courses(token: str) -> Response:
    """Courses with their open dates."""
    return _page(token, who_of(token))


@learner.post("/my/<token>/courses/<id:session_id>")
def register(token: str, session_id: int) -> Response:
    """Register for a session, or join its list."""
    who = who_of(token)
    pages.refuse_foreign()
    back = {"token": token, "_anchor": f"session-{session_id}"}
    if pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR) != who.id:
        return redirect(url_for("learner.courses", **back, note="old"), 303)
    try:
        house().run(who.organisation_id, f"learner:{who.id}", lambda work: catalogue.register(work, who.id, session_id))
    except NotFound:
        abort(404)
    except FeedserverError as error:
        return _page(token, who, error.detail, 409)
    return redirect(url_for("learner.courses", **back, note="done"), 303)


def _page(token: str, who: Learner, refused: str = "", status: int = 200) -> Response:
    actor, note = f"learner:{who.id}", request.args.get("note", "")
    found = house().read(
        who.organisation_id, actor, lambda work: (work.organisation, pages.paged(lambda n, o: _dates(work, who, n, o), _PAGE))
    )
    organisation, dates = found
    by_course: dict[int, list] = {}
    for one in dates.items:
        by_course.setdefault(one.course.id, []).append(one)
    return pages.page(
        "learner/catalogue.html", status, token=token, learner=who, say=language(who.locale), organisation=organisation, paged=dates,
        courses=list(by_course.values()), refused=refused, note=note if note in _NOTES else "", nonce=pressing.nonce(_PURPOSE, who.id),
    )  # fmt: skip


def _dates(work, who: Learner, limit: int, offset: int) -> list:
    return [one for _course, dates in catalogue.open_sessions(work, who, limit, offset) for one in dates]
