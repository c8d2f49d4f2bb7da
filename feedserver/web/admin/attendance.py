"""Who was there: a radio per person, everybody at once, a list of addresses, somebody who walked in, and the code that people scan."""

from __future__ import annotations

from dataclasses import dataclass

import segno
from flask import Response, flash, g, make_response, redirect, request, url_for
from sqlalchemy import case, select

from ...errors import Invalid
from ...services import attendance_sheet, attending, checking_in, enrolling
from ...services.attending import Outcome, Planned
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course
from ...store.enrolments import Enrolment
from ...store.learners import Learner
from ...store.sessions import LiveSession
from ...training.attendance import CHECK_IN_AFTER, UNMARKED, proposed
from ...training.statuses import ATTENDANCE, EnrolmentStatus
from .. import pages, roles
from . import people
from .desk import act, admin, look, typed

S = EnrolmentStatus
_ON_A_PAGE = 100
_MARKS = {"": S.REGISTERED, **{mark.value: mark for mark in ATTENDANCE}}
_MOST_SHOWN = 200


@dataclass(frozen=True)
class Attendee:
    """One row of the page: `mark` is "" for somebody who is not marked yet, `proposal` what we saw."""

    enrolment: Enrolment
    learner: Learner
    mark: str
    proposal: str


@admin.get("/sessions/<id:session_id>/attendance")
def attendance(session_id: int) -> Response:
    """Everybody in the session, to be marked; a series leads to its dates."""
    if look(lambda work: find(work, LiveSession, session_id)).is_series:
        return redirect(url_for("admin.session", session_id=session_id, _anchor="dates"), 303)
    return pages.page("admin/attendance.html", **look(lambda work: _sheet(work, session_id)))


@admin.post("/sessions/<id:session_id>/attendance")
def mark_attendance(session_id: int) -> Response:
    """Save the radios, or mark all who are not marked yet, or take over what was seen."""
    verb = {"all": _all, "proposed": _proposed}.get(request.form.get("do", ""), _save)
    where = {"page": request.args["page"]} if request.args.get("page", "").isdecimal() else {}
    return act(lambda work: verb(work, session_id), "attendance", session_id=session_id, **where)


@admin.post("/sessions/<id:session_id>/attendance/walk-in")
def mark_walk_in(session_id: int) -> Response:
    """Somebody came who was not on the list."""

    everybody = g.who.role in roles.OVERSEERS

    def verb(work: Work) -> str:
        session = find(work, LiveSession, session_id)
        learner = people.the_one(work, typed("who", 250), among=None if everybody else people.around(session))
        found = select(Enrolment.id).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == learner.id)
        enrolment_id = work.db.scalar(found)
        if enrolment_id is None:
            enrolling.enrol(work, session_id, learner.id, S.GO_SHOW, over_capacity=True)
        else:
            enrolling.mark_attendance(work, enrolment_id, S.GO_SHOW)
        return f"{learner.name} is marked as {S.GO_SHOW}."

    return act(verb, "attendance", session_id=session_id)


@admin.post("/sessions/<id:session_id>/attendance/list")
def attendance_list(session_id: int) -> Response:
    """A list of addresses: what it would do is shown first, and recorded when somebody says so."""
    if "rows" in request.form:
        marks, lines = _planned(request.form["rows"])
        return act(lambda work: _told(attending.record(work, session_id, marks, lines)), "attendance", session_id=session_id)
    try:
        file = request.files.get("file")
        raw = file.read(attendance_sheet.LARGEST + 1) if file else b""
        raw = raw or request.form.get("pasted", "").encode("utf-8", "replace")
        sheet = attendance_sheet.read(raw)
    except Invalid as error:
        flash(error.detail, "refused")
        return redirect(url_for("admin.attendance", session_id=session_id), 303)
    return pages.page("admin/attendance_list.html", **look(lambda work: _preview(work, session_id, sheet)))


@admin.get("/sessions/<id:session_id>/attendance.csv")
def attendance_csv(session_id: int) -> Response:
    """Everybody with answer and attendance, for a spreadsheet."""
    return csv_file(look(lambda work: attending.sheet(work, session_id)), f"attendance-{session_id}.csv")


@admin.get("/sessions/<id:session_id>/check-in")
def check_in_code(session_id: int) -> Response:
    """The code on the wall: another one every minute, each good for three; of a series that of the date that is on, or is the next."""
    following = look(lambda work: _date_now(work, find(work, LiveSession, session_id)))
    if following != session_id:
        return redirect(url_for("admin.check_in_code", session_id=following), 303)

    def found(work: Work) -> dict:
        session = find(work, LiveSession, session_id)
        url = checking_in.code_url(work, session)
        counts = attending.counts(work, session_id)
        return {
            "session": session, "url": url, "qr": segno.make(url, error="m").svg_data_uri(scale=8, border=2, dark="#000", light="#fff"),
            "open": checking_in.is_open(work, session), "begins": session.starts_at - attending.CHECK_IN_BEFORE, "here": counts["checked in"],
            "expected": sum(counts.get(s, 0) for s in (*UNMARKED, *ATTENDANCE)),
        }  # fmt: skip

    response = pages.page("admin/check_in_code.html", **look(found))
    response.headers["Refresh"] = str(checking_in.ROTATES)
    return response


def _date_now(work: Work, session: LiveSession) -> int:
    if not session.is_series:
        return session.id
    dates = select(LiveSession.id).where(LiveSession.series_id == session.id, LiveSession.status == "scheduled")
    following = dates.where(LiveSession.ends_at > work.now - CHECK_IN_AFTER).order_by(LiveSession.starts_at)
    last = dates.order_by(LiveSession.starts_at.desc())
    return work.db.scalar(following.limit(1)) or work.db.scalar(last.limit(1)) or session.id


def csv_file(raw: bytes, name: str) -> Response:
    """A table as a file for saving."""
    response = make_response(raw)
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _sheet(work: Work, session_id: int) -> dict:
    session = find(work, LiveSession, session_id)
    order = (case((Enrolment.status.in_([*UNMARKED, *ATTENDANCE]), 0), else_=1), Learner.name, Enrolment.id)
    query = (
        select(Enrolment, Learner)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Enrolment.live_session_id == session.id, Enrolment.status != S.CANCELLED)
        .order_by(*order)
    )
    rows = pages.paged(lambda limit, offset: work.db.execute(query.limit(limit).offset(offset)).all(), _ON_A_PAGE)
    counts = attending.counts(work, session_id)
    return {
        "session": session, "course": work.db.get_one(Course, session.course_id), "counts": counts, "marks": ATTENDANCE,
        "rows": pages.Paged([_attendee(*row) for row in rows.items], rows.number, rows.more),
        "unmarked": sum(counts.get(s, 0) for s in UNMARKED), "begun": attending.has_begun(work, session),
        "over": session.ends_at <= work.now, "seen": counts["checked in"] + counts["joined"],
    }  # fmt: skip


def _attendee(enrolment: Enrolment, learner: Learner) -> Attendee:
    status = S(enrolment.status)
    return Attendee(
        enrolment, learner, status if status in ATTENDANCE else "", proposed(status, enrolment.joined_at, enrolment.checked_in_at) or ""
    )


def _save(work: Work, session_id: int) -> str:
    """Only what this person changed: somebody else may have marked others meanwhile."""
    marks = {}
    for name, value in request.form.items():
        key = name.removeprefix("m-")
        changed = name.startswith("m-") and key.isdecimal() and len(key) < 19 and value in _MARKS
        if changed and request.form.get(f"was-{key}", "") != value:
            marks[int(key)] = _MARKS[value]
    return _told(attending.record(work, session_id, marks))


def _all(work: Work, session_id: int) -> str:
    return _told(attending.record_all(work, session_id))


def _proposed(work: Work, session_id: int) -> str:
    return _told(attending.record_proposed(work, session_id))


def _told(outcome: Outcome) -> str:
    words = f"{outcome.marked} marked." if outcome.marked else "Nobody was marked: nothing was changed."
    if outcome.unchanged:
        words += f" {outcome.unchanged} {'was' if outcome.unchanged == 1 else 'were'} so already."
    return " ".join([words, *(f"{one.who} {one.reason}." for one in outcome.refused[:10])])


def _preview(work: Work, session_id: int, sheet: attendance_sheet.Sheet) -> dict:
    session = find(work, LiveSession, session_id)
    planned, refused = attending.plan(work, session_id, sheet)
    changes = [one for one in planned if one.before != one.mark]
    return {
        "session": session, "changes": changes[:_MOST_SHOWN], "number": len(changes), "same": len(planned) - len(changes),
        "refused": refused[:_MOST_SHOWN], "refusals": len(refused), "rows": "\n".join(map(_row, changes)),
    }  # fmt: skip


def _row(one: Planned) -> str:
    return f"{one.learner_id} {ATTENDANCE.index(one.mark)} {one.line}"


def _planned(text: str) -> tuple[dict[int, EnrolmentStatus], dict[int, int]]:
    """What our own preview wrote; whatever else is sent counts for nothing."""
    marks, lines = {}, {}
    for row in text.splitlines()[: attendance_sheet.MOST_LINES]:
        parts = row.split()
        if len(parts) == 3 and all(part.isdecimal() and len(part) < 19 for part in parts) and int(parts[1]) < len(ATTENDANCE):
            marks[int(parts[0])], lines[int(parts[0])] = ATTENDANCE[int(parts[1])], int(parts[2])
    return marks, lines
