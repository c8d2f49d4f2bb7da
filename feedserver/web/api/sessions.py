"""Live sessions."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select, tuple_

from ...errors import Changed, Invalid
from ...services import conflicts, reissuing, scheduling, series
from ...services.finding import find, locked_session
from ...services.work import Work
from ...store.base import microseconds
from ...store.enrolments import Enrolment
from ...store.sessions import LiveSession, Seats
from . import paging
from .fields import QueryId, QueryInstant
from .paging import Page
from .routing import Answer, Call, at, route
from .session_shapes import ConflictOut, NewSession, OccurrenceOut, OneSessionOut, Reason, SeatsOut, SessionChange, SessionOut


class SessionQuery(paging.Query):
    """Which sessions: those that end after `from` and start before `to`."""

    from_: Annotated[QueryInstant | None, Field(alias="from")] = None
    to: QueryInstant | None = None
    course_id: QueryId | None = None
    series_id: QueryId | None = Field(None, description="The dates of one series.")
    cursor: paging.cursor_of(2) = None


def show(work: Work, sessions: Sequence[LiveSession]) -> list[SessionOut]:
    """Rows as they are answered, in four statements whatever their number."""
    ids = [session.id for session in sessions]
    sequences = scheduling.sequences(work, list(sessions))
    seats = {row.live_session_id: row for row in work.db.execute(select(Seats.__table__).where(Seats.live_session_id.in_(ids)))}
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    grouped = select(Enrolment.live_session_id, Enrolment.status, func.count()).where(Enrolment.live_session_id.in_(ids))
    for session_id, status, count in work.db.execute(grouped.group_by(Enrolment.live_session_id, Enrolment.status)):
        counts[session_id][status] = count
    return [_show(s, sequences[s.id], seats[s.id], counts[s.id]) for s in sessions]


def show_one(work: Work, session: LiveSession) -> OneSessionOut:
    """One session as it is answered, with its warnings."""
    warnings = [ConflictOut(**dataclasses.asdict(one)) for one in conflicts.of_session(work, session)]
    dates = [_occurrence(one) for one in series.dates_of(work, session)] if session.is_series else []
    return OneSessionOut(**dict(show(work, [session])[0]), warnings=warnings, occurrences=dates, recurrence_words=series.words_of(session))


def _occurrence(date: LiveSession) -> OccurrenceOut:
    plain = {name: getattr(date, name) for name in ("id", "start", "end", "timezone", "status")}
    return OccurrenceOut(
        **plain,
        recurrence_id=series.key_of(date.recurrence_id),
        moved=date.entry_mode == series.MOVED,
        extra=date.entry_mode == series.EXTRA,
    )


def _show(session: LiveSession, sequence: int, seats, counts: dict[str, int]) -> SessionOut:
    plain = {
        n: getattr(session, n) for n in SessionOut.model_fields if n not in ("sequence", "seats", "enrolments", "planned", "recurrence_id")
    }
    free = None if seats.capacity is None else max(0, seats.capacity + seats.over_capacity - seats.taken)
    held = SeatsOut(capacity=seats.capacity, taken=seats.taken, free=free)
    return SessionOut(**plain, sequence=sequence, seats=held, enrolments=counts, planned=session.plan or {}, recurrence_id=_key(session))


def _key(session: LiveSession) -> str | None:
    return series.key_of(session.recurrence_id) if session.recurrence_id is not None else None


@route("POST", "/sessions", body=NewSession, answer=OneSessionOut, status=201, problems=(404,), tagged=True)
def create_session(work: Work, call: Call) -> Answer:
    """Add a session. With `group_id` the members of that training group are Invited and mailed, with `planning` once it is published."""
    values = call.body.model_dump(exclude={"course_id", "group_id", "planning", "extra_dates"})
    given = call.body
    values["extra_dates"] = [(one.start, one.end) for one in given.extra_dates]
    for name in ("left_out", "extra_dates"):
        if values[name] and not given.recurrence:
            raise Invalid("This belongs to a series; give its rule as `recurrence`.", field=name)
    if given.recurrence and given.planning:
        raise Invalid("A series cannot be a draft; its changes go out after the settle time.", field="planning")
    if given.recurrence:
        session = series.create(work, given.course_id, values, given.group_id)
    else:
        session = scheduling.create_session(work, given.course_id, values, given.group_id, draft=given.planning)
    return Answer(show_one(work, session), headers=at("sessions", session.id))


@route("GET", "/sessions", query=SessionQuery, answer=Page[SessionOut])
def list_sessions(work: Work, call: Call) -> Page[SessionOut]:
    """List sessions by their start; `from` and `to` take those that touch the time between, `course_id` those of one course."""
    given = call.query
    # A series stands here once; its dates are asked for by its id.
    mine = LiveSession.series_id == given.series_id if given.series_id is not None else LiveSession.series_id.is_(None)
    query = select(LiveSession).where(LiveSession.organisation_id == work.organisation_id, mine)
    if given.from_ is not None:
        query = query.where(LiveSession.ends_at > given.from_)
    if given.to is not None:
        query = query.where(LiveSession.starts_at < given.to)
    if given.course_id is not None:
        query = query.where(LiveSession.course_id == given.course_id)
    if (place := paging.read_cursor(given.cursor, 2)) is not None:
        query = query.where(tuple_(LiveSession.starts_at, LiveSession.id) > place)
    query = query.order_by(LiveSession.starts_at, LiveSession.id).limit(given.limit + 1)
    rows, following = paging.page_of(work.db.scalars(query).all(), given.limit, lambda row: (microseconds(row.starts_at), row.id))
    return Page[SessionOut](items=show(work, rows), next=following)


@route("GET", "/sessions/<id:session_id>", answer=OneSessionOut, problems=(404,), tagged=True)
def get_session(work: Work, call: Call) -> OneSessionOut:
    """One session. Its ETag names the version that If-Match takes; counts of people change without it."""
    return show_one(work, find(work, LiveSession, call.path["session_id"]))


@route("PATCH", "/sessions/<id:session_id>", body=SessionChange, answer=OneSessionOut, problems=(404, 409, 412), tagged=True)
def edit_session(work: Work, call: Call) -> OneSessionOut:
    """Change a session. An If-Match that no longer holds answers 412 with what changed meanwhile, and changes nothing."""
    session = scheduling.edit_session(work, call.path["session_id"], call.body.given(), seen_version(work, call))
    return show_one(work, session)


@route(
    "POST", "/sessions/<id:session_id>/cancel", body=Reason, body_required=False, answer=OneSessionOut, problems=(404, 412), tagged=True
)  # fmt: skip
def cancel_session(work: Work, call: Call) -> OneSessionOut:
    """Cancel for everybody; it stays cancelled. A second time changes nothing."""
    session_id, version = call.path["session_id"], seen_version(work, call)
    session = locked_session(work, session_id)
    if version is not None and version != session.version:
        raise Changed(
            "Somebody else has changed this session since you opened it. Look at the changes and cancel again.",
            extra={"changes": scheduling.changes_since(work, session, version), "version": session.version},
        )
    return show_one(work, scheduling.cancel_session(work, session_id, call.body.reason or ""))


@route("POST", "/sessions/<id:session_id>/reissue", answer=OneSessionOut, problems=(404, 409))
def reissue_session(work: Work, call: Call) -> OneSessionOut:
    """Send it once more after a change of zone data that moved its instants; local time, answers and seats stay. Where nothing moved nothing is sent."""
    session_id = call.path["session_id"]
    reissuing.reissue(work, session_id)
    return show_one(work, locked_session(work, session_id))


def seen_version(work: Work, call: Call) -> int | None:
    """The version that the caller saw (If-Match); None where any will do or the present one is among those named."""
    if call.versions is None:
        return None
    present = locked_session(work, call.path["session_id"]).version
    return None if present in call.versions else max(call.versions)
