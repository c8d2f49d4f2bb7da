"""Sessions as another system lists them: made, changed and cancelled by the same verbs as by hand, so that people are told as they are then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select

from ..errors import Conflict, Invalid
from ..store.courses import Course
from ..store.sessions import LiveSession
from . import planning, scheduling
from .session_fields import EDITABLE
from .sync_courses import unnamed
from .sync_rows import CREATED, UNCHANGED, UPDATED, Outcome, Row, attempt, done
from .work import Work

_NEEDED = ("course_external_id", "title", "start", "end")


def take(work: Work, rows: Sequence[Row]) -> dict[int, Outcome]:
    """Outcomes by place. A session is known by `external_id`, or by the `id` of one that no system has named; only what differs is written."""
    outcomes: dict[int, Outcome] = {}
    courses = _courses(work, rows)
    known = _sessions(work, rows)
    for row in rows:
        with attempt(work, row, outcomes):
            outcomes[row.place] = _one(work, row, known.get(row.external_id) or unnamed(known, row), courses)
    return outcomes


def _one(work: Work, row: Row, session: LiveSession | None, courses: dict[str, int]) -> Outcome:
    if session is None:
        return _create(work, row, courses)
    changes: list[str] = []
    if session.external_id is None:
        session.external_id = row.external_id
        changes.append("external_id")
        work.record("named by another system", live_session_id=session.id)
        work.db.flush()
    if row.values.get("status") == "cancelled":
        # What a cancelled session says besides is not looked at: it stays as it was.
        if session.status != "cancelled":
            scheduling.cancel_session(work, session.id, row.values.get("cancel_reason") or "")
            changes.append("status")
        return done(row, UPDATED if changes else UNCHANGED, session.id, changes)
    if session.status == "cancelled":
        raise Conflict("The session is cancelled and stays so; send a new one under another external_id.", field="status")
    if courses.get(row.values.get("course_external_id"), session.course_id) != session.course_id:
        raise Conflict("A session stays with its course; cancel it and send a new one.", field="course_external_id")
    _known_course(row, courses)
    edits = {name: value for name, value in row.values.items() if name in EDITABLE and _stands(session, name) != value}
    if edits:
        scheduling.edit_session(work, session.id, edits)
    changes += edits
    return done(row, UPDATED if changes else UNCHANGED, session.id, changes)


def _stands(session: LiveSession, name: str) -> Any:
    """The field as it is, or as it is planned to be: what collects in a plan is not said twice."""
    return planning.as_planned(session, name) if session.planning else getattr(session, name)


def _create(work: Work, row: Row, courses: dict[str, int]) -> Outcome:
    if row.values.get("status") == "cancelled":
        return done(row, UNCHANGED, None)
    for name in _NEEDED:
        if name not in row.values:
            raise Invalid("No session is known by this external_id; a new one needs it.", field=name)
    _known_course(row, courses)
    values = {name: value for name, value in row.values.items() if name in EDITABLE}
    values.setdefault("timezone", work.organisation.timezone)
    session = scheduling.create_session(work, courses[row.values["course_external_id"]], values)
    session.external_id = row.external_id
    work.db.flush()
    return done(row, CREATED, session.id, values)


def _known_course(row: Row, courses: dict[str, int]) -> None:
    name = row.values.get("course_external_id")
    if name is not None and name not in courses:
        raise Invalid(f"There is no course {name[:60]!r}; send the courses first.", field="course_external_id")


def _courses(work: Work, rows: Sequence[Row]) -> dict[str, int]:
    names = {row.values["course_external_id"] for row in rows if "course_external_id" in row.values}
    mine = select(Course.external_id, Course.id).where(Course.organisation_id == work.organisation_id, Course.external_id.in_(names))
    return dict(work.db.execute(mine).all()) if names else {}


def _sessions(work: Work, rows: Sequence[Row]) -> dict:
    """By external_id; those that no system has named by id."""
    ids = [row.values["id"] for row in rows if "id" in row.values]
    which = or_(LiveSession.external_id.in_([row.external_id for row in rows]), LiveSession.external_id.is_(None) & LiveSession.id.in_(ids))
    query = select(LiveSession).where(LiveSession.organisation_id == work.organisation_id, which)
    return {one.external_id or one.id: one for one in work.db.scalars(query)}
