"""One session with its people: status, answer, delivery; what can be done for each; what happened so far."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, g, redirect, request, url_for
from sqlalchemy import func, select

from ...services import enrolling, offering, proposing, reissuing, resending, scheduling, series, series_dates, versions
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course, TrainingGroup
from ...store.enrolments import Enrolment
from ...store.history import HistoryEntry
from ...store.learners import Learner
from ...store.outbox import MAIL, Delivery
from ...store.proposals import Proposal
from ...store.sessions import LiveSession, Seats
from ...training.recurrence import crosses_clock_change
from ...training.statuses import ATTENDANCE, BY_HAND, EnrolmentStatus
from .. import pages
from ..forms import Field, Form
from . import people, people_list
from .desk import act, admin, look, may, run, search_text, typed
from .overview import counts_of, seats_of

S = EnrolmentStatus
ADD_FIELDS = (
    Field("who", "Name or address", required=True),
    Field("status", "Status", "choice", choices=[(s.value, s.value) for s in (S.INVITED, *(b for b in BY_HAND if b != S.INVITED))]),
    Field("over_capacity", "Even if it is full", "check"),
)  # fmt: skip
_HISTORY, _SENT = 40, 200


@admin.get("/sessions/<id:session_id>")
def session(session_id: int) -> Response:
    """One session."""
    return _page(session_id, Form.shown(ADD_FIELDS, {"status": S.INVITED}))


@admin.post("/sessions/<id:session_id>/people")
def add_person(session_id: int) -> Response:
    """An administrator adds somebody by hand; the invitation goes out."""
    form = Form.sent(ADD_FIELDS, request.form)
    added = form.attempt(lambda: run(lambda work: _add(work, session_id, form.values)))
    if added is None:
        return _page(session_id, form)
    flash(f"{added} is on the list.", "done")
    return redirect(url_for("admin.session", session_id=session_id), 303)


@admin.post("/enrolments/<id:enrolment_id>")
def change_enrolment(enrolment_id: int) -> Response:
    """What one of the buttons beside a person says."""
    verb = _VERBS.get(request.form.get("do", ""), _nothing)
    session_id = look(lambda work: find(work, Enrolment, enrolment_id).live_session_id)
    return act(lambda work: verb(work, enrolment_id), "session", session_id=session_id)


def _add(work: Work, session_id: int, values: dict) -> str:
    find(work, LiveSession, session_id)
    learner = people.the_one(work, values["who"])
    status = values["status"] or S.INVITED
    enrolling.enrol(work, session_id, learner.id, status, over_capacity=values["over_capacity"])
    return learner.name


def _set_status(work: Work, enrolment_id: int) -> str:
    status, over = request.form.get("status", ""), bool(request.form.get("over_capacity"))
    return f"The status is now {enrolling.set_status(work, enrolment_id, status, over_capacity=over).status}."


def _approve(work: Work, enrolment_id: int) -> str:
    return f"Approved: {enrolling.approve(work, enrolment_id).status}."


def _refuse(work: Work, enrolment_id: int) -> str:
    enrolling.reject(work, enrolment_id, typed("reason"))
    return "Refused."


def _remove(work: Work, enrolment_id: int) -> str:
    enrolling.remove(work, enrolment_id)
    return "Taken off: that person alone is sent a cancellation."


def _again(work: Work, enrolment_id: int) -> str:
    resending.send_again(work, enrolment_id)
    return "The invitation is sent again: the same entry, as it stands now."


def _offer(work: Work, enrolment_id: int) -> str:
    offering.offer(work, enrolment_id, over_capacity=bool(request.form.get("over_capacity")))
    return "A seat is offered: the invitation says until when it is held."


def _attendance(status: str) -> Callable[[Work, int], str]:
    return lambda work, enrolment_id: f"Marked as {enrolling.mark_attendance(work, enrolment_id, status).status}."


def _nothing(_work: Work, _enrolment_id: int) -> str:
    return ""


_VERBS: dict[str, Callable[[Work, int], str]] = {
    "status": _set_status, "approve": _approve, "refuse": _refuse, "remove": _remove, "again": _again, "offer": _offer,
    **{status.value: _attendance(status) for status in ATTENDANCE},
}  # fmt: skip


def _page(session_id: int, form: Form) -> Response:
    status = 200 if form.ok else 422
    wanted = request.args.get("status", "") or request.args.get("of", "")
    shown = people_list.Shown(wanted if wanted in set(S) else "", bool(request.args.get("behind")), search_text())
    g.scripted = True
    return pages.page(
        "admin/session.html", status, form=form, shown=shown, by_hand=(*BY_HAND, S.WAITING_LIST), attendance=ATTENDANCE,
        **look(lambda work: _one(work, session_id, shown)),
    )  # fmt: skip


def _one(work: Work, session_id: int, shown: people_list.Shown) -> dict:
    session = find(work, LiveSession, session_id)
    moved = versions.moved_at(work, session)
    return {
        "session": session,
        "crosses": crosses_clock_change((session.start, session.end), session.timezone),
        "shifted": reissuing.shifted(work.db, work.now, session_id=session.id),
        "course": work.db.get_one(Course, session.course_id),
        "group": work.db.get(TrainingGroup, session.group_id) if session.group_id else None,
        "seats": seats_of(work, [session], {session.id: work.db.get_one(Seats, session.id)})[session.id],
        "series": series_dates.of_series(work, session) if session.is_series else [],
        "words": series.words_of(session),
        "whole": _whole(work, session),
        "takes_people": session.series_id is None or session.seats_per_date,
        "counts": counts_of(work, [session.id]).get(session.id, {}),
        "moved": moved,
        "behind": versions.number_behind(work, session) if moved else None,
        "people": pages.paged(lambda n, o: people_list.people(work, session, shown, moved, n, o)),
        "history": _history(work, session, _HISTORY, 0),
        "proposals": proposing.waiting(work, Proposal.live_session_id == session.id)[1] if may("inbound") else [],
        "over": session.ends_at <= work.now,
        "kept": scheduling.took_place(work, session),
        "begun": session.starts_at <= work.now,
    }


def _whole(work: Work, date: LiveSession) -> LiveSession | None:
    """The series of a date, for those who may see it."""
    series_id = date.series_id
    return work.db.scalars(select(LiveSession).where(LiveSession.id == series_id)).first() if series_id is not None else None


@admin.get("/sessions/<id:session_id>/history")
def session_history(session_id: int) -> Response:
    """Everything that happened to a session, and what was sent for it."""

    def view(work: Work) -> dict:
        session = find(work, LiveSession, session_id)
        return {
            "session": session,
            "history": pages.paged(lambda n, o: _history(work, session, n, o)),
            "sent": _sent(work, session),
        }

    return pages.page("admin/history.html", **look(view))


def _history(work: Work, session: LiveSession, limit: int, offset: int) -> list:
    query = (
        select(HistoryEntry, Learner.name)
        .outerjoin(Learner, Learner.id == HistoryEntry.learner_id)
        .where(HistoryEntry.live_session_id == session.id)
        .order_by(HistoryEntry.id.desc())
    )
    return list(work.db.execute(query.limit(limit).offset(offset)))


def _sent(work: Work, session: LiveSession) -> list[dict]:
    """What was written at one moment, of one kind, with how many of it are in which state; the newest first."""
    moments = (
        select(Delivery.created_at, Delivery.kind, Delivery.state, func.count())
        .where(Delivery.live_session_id == session.id, Delivery.channel == MAIL)
        .group_by(Delivery.created_at, Delivery.kind, Delivery.state)
        .order_by(Delivery.created_at.desc(), Delivery.kind, Delivery.state)
        .limit(_SENT)
    )
    found: dict[tuple, dict[str, int]] = {}
    for at, kind, state, number in work.db.execute(moments):
        found.setdefault((at, kind), {})[state] = number
    return [{"at": at, "kind": kind, "states": states, "number": sum(states.values())} for (at, kind), states in found.items()]
