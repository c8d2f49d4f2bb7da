"""Attendance of a whole session: many at once, and as CSV."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ...addresses import canonical
from ...services import attending
from ...services.finding import find
from ...services.work import Work
from ...store.sessions import LiveSession
from ...training.statuses import EnrolmentStatus
from .fields import Body, Email, Out, RowId
from .routing import Answer, Call, route

Mark = Literal["Attended", "Absent", "Go Show"]


class AttendanceItem(Body):
    """One person, by `learner_id` or by `email` (an alias counts), and whether they came."""

    learner_id: RowId | None = None
    email: Email | None = None
    status: Mark


class AttendanceMarks(Body):
    """People one by one, and with `all` everybody else who holds a seat and is not marked yet."""

    items: Annotated[list[AttendanceItem], Field(max_length=10_000)] = []
    all: Mark | None = None


class RefusedMark(Out):
    """Somebody who could not be marked, by the place in `items` (from 0), and why."""

    item: int
    who: str
    reason: str


class AttendanceOutcome(Out):
    """How many were marked, how many were so already, and who could not be."""

    marked: int
    unchanged: int
    refused: list[RefusedMark]


@route("POST", "/sessions/<id:session_id>/attendance", body=AttendanceMarks, answer=AttendanceOutcome, problems=(404, 409))
def mark_attendance(work: Work, call: Call) -> AttendanceOutcome:
    """Note who came, for many at once. Somebody who is not in the session can be a `Go Show`; what cannot be done is refused one by one."""
    given, session_id = call.body, call.path["session_id"]
    find(work, LiveSession, session_id)
    marks, places, refused = _marks(work, given.items)
    done = attending.record(work, session_id, marks, places)
    if given.all is not None:
        done.marked += attending.record_all(work, session_id, EnrolmentStatus(given.all)).marked
    refused += [RefusedMark(item=one.line, who=one.who, reason=one.reason) for one in done.refused]
    return AttendanceOutcome(marked=done.marked, unchanged=done.unchanged, refused=sorted(refused, key=lambda one: one.item))


@route("GET", "/sessions/<id:session_id>/attendance.csv", raw="text/csv", problems=(404,))
def get_attendance_csv(work: Work, call: Call) -> Answer:
    """Everybody in a session with answer and attendance, as CSV whose cells no spreadsheet takes for formulas."""
    session_id = call.path["session_id"]
    name = f'attachment; filename="attendance-{session_id}.csv"'
    return Answer(attending.sheet(work, session_id), headers={"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": name})


def _marks(work: Work, items: list[AttendanceItem]) -> tuple[dict[int, EnrolmentStatus], dict[int, int], list[RefusedMark]]:
    """(mark, place in the list) by learner, and whom nobody knows."""
    known = attending.learners_of(work, sorted({canonical(one.email) for one in items if one.email}))
    marks: dict[int, EnrolmentStatus] = {}
    places: dict[int, int] = {}
    refused: list[RefusedMark] = []

    def refuse(place: int, who: Any, reason: str) -> None:
        refused.append(RefusedMark(item=place, who=str(who or ""), reason=reason))

    for place, one in enumerate(items):
        if (one.learner_id is None) == (one.email is None):
            refuse(place, one.email, "needs either a learner_id or an email")
            continue
        learner_id = one.learner_id or known.get(canonical(one.email))
        if learner_id is None:
            refuse(place, one.email, "nobody here has this address")
        elif learner_id in marks:
            refuse(place, one.email or learner_id, f"is the same person as item {places[learner_id]}")
        else:
            marks[learner_id], places[learner_id] = EnrolmentStatus(one.status), place
    return marks, places, refused
