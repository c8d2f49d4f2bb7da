"""What is done to several people of a session at once; who cannot have it done is named with the reason, the others are not held up."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import select

from ...errors import FeedserverError
from ...services import enrolling, resending
from ...services.finding import find
from ...services.work import Work
from ...store.enrolments import Enrolment
from ...store.learners import Learner
from ...store.sessions import LiveSession
from .desk import LARGEST_ID, act, admin, run

_MOST = 500
_NAMED = 10


@admin.post("/sessions/<id:session_id>/people/change")
def change_people(session_id: int) -> Response:
    """Set a status, take off, or send again, for those who are ticked."""
    ids = [int(text) for text in request.form.getlist("person")[:_MOST] if text.isdecimal() and len(text) < 19]
    back = redirect(url_for("admin.session", session_id=session_id, **_kept()), 303)
    if not ids:
        flash("Tick the people first.", "refused")
        return back
    try:
        done, refused = run(lambda work: _DO.get(request.form.get("do", ""), _status)(work, session_id, ids))
    except FeedserverError as error:
        if error.status in (403, 404):
            raise
        flash(error.detail, "refused")
        return back
    flash(done, "done")
    for words in refused[:_NAMED]:
        flash(words, "refused")
    if len(refused) > _NAMED:
        flash(f"and {len(refused) - _NAMED} more.", "refused")
    return back


@admin.post("/sessions/<id:session_id>/chase")
def chase(session_id: int) -> Response:
    """Send the invitation again to those alone who may still have the old time."""

    def verb(work: Work) -> str:
        sent = resending.chase(work, session_id)
        return (
            f"Sent again to {sent} {'person' if sent == 1 else 'people'}: the same entry, with the new time."
            if sent
            else "Nobody is left to chase."
        )

    return act(verb, "session", session_id=session_id)


def _status(work: Work, session_id: int, ids: list[int]) -> tuple[str, list[str]]:
    status = request.form.get("status", "")
    changed, refused = _each(work, session_id, ids, lambda i: enrolling.set_status(work, i, status))
    return f"{changed} {'is' if changed == 1 else 'are'} now {status}.", refused


def _remove(work: Work, session_id: int, ids: list[int]) -> tuple[str, list[str]]:
    changed, refused = _each(work, session_id, ids, lambda i: enrolling.remove(work, i))
    return f"{changed} taken off: they alone are sent a cancellation.", refused


def _again(work: Work, session_id: int, ids: list[int]) -> tuple[str, list[str]]:
    find(work, LiveSession, session_id)
    sent = resending.send_again_to(work, session_id, ids)
    left = len(ids) - sent
    refused = [f"{left} {'has' if left == 1 else 'have'} no invitation that could be sent again."] if left else []
    return f"Sent again to {sent}: the same entry, as it stands now.", refused


_DO: dict[str, Callable[[Work, int, list[int]], tuple[str, list[str]]]] = {"status": _status, "remove": _remove, "again": _again}


def _each(work: Work, session_id: int, ids: list[int], verb: Callable[[int], object]) -> tuple[int, list[str]]:
    """Each in a savepoint of its own, so that what is refused leaves nothing behind and the others stay done."""
    find(work, LiveSession, session_id)
    query = (
        select(Enrolment.id, Learner.name)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Enrolment.organisation_id == work.organisation_id, Enrolment.live_session_id == session_id)
        .where(Enrolment.id.in_([i for i in ids if i <= LARGEST_ID]))
        .order_by(Enrolment.id)
    )
    done, refused = 0, []
    for enrolment_id, name in work.db.execute(query).all():
        try:
            with work.db.begin_nested():
                verb(enrolment_id)
            done += 1
        except FeedserverError as error:
            refused.append(f"{name}: {error.detail}")
    return done, refused


def _kept() -> dict[str, str]:
    """The list as it was looked at."""
    return {name: request.form[name] for name in ("of", "behind", "q", "page") if request.form.get(name, "")[:200]}
