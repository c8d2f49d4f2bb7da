"""Live sessions."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import func, select, tuple_

from ...errors import Changed, Invalid
from ...services import conflicts, reissuing, scheduling, series
from ...services.finding import find, locked_session
from ...services.work import Work
from ...store.base import microseconds
from ...store.enrolments import Enrolment
from ...store.sessions import LiveSession, Seats
from ...training.offers import LONGEST
from . import paging
from .fields import (
    WHOLE,
    Body,
    Email,
    LocalTime,
    Out,
    QueryId,
    QueryInstant,
    RowId,
    Timezone,
    Url,
    line,
    lines,
    optional,
)
from .paging import Page
from .routing import Answer, Call, at, route

Visibility = Literal["public", "private", "busy"]
Title = line(250, empty=False)
Instructors = Annotated[list[Email], Field(max_length=50)]
Fold = Annotated[int, Field(ge=0, le=1, description="Which of two, where the clock goes back and a local time exists twice."), WHOLE]
OfferMinutes = Annotated[
    int, Field(ge=1, le=LONGEST, description="How long a seat from the waiting list is held for somebody; never past the start."), WHOLE
]
KeptMinutes = Annotated[
    int,
    Field(
        ge=0,
        le=LONGEST,
        description="`hold_minutes`: how long a declined seat is kept; `lock_minutes`: how long before the start nothing is.",
    ),
    WHOLE,
]
Guests = Annotated[
    Literal["hold", "refuse"],
    Field(description="Who was not invited and answers, or is to come instead: held for a decision, or refused at once."),
]
Capacity = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]
Recurrence = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description="An RFC 5545 RRULE value: DAILY, WEEKLY or MONTHLY, ended by COUNT or UNTIL, at most 366 dates.",
        examples=["FREQ=WEEKLY;BYDAY=TU;COUNT=6"],
    ),
]
Reminders = Annotated[
    list[Literal["168h", "72h", "48h", "24h", "morning", "4h", "1h"]],
    Field(
        max_length=7,
        description="When people are reminded by mail: hours before the start, or at 8:00 on the day. Null: as the course, else the organisation says.",
    ),
]
StartLocal = Annotated[LocalTime, Field(examples=["2027-03-08T09:00"])]
_ONE_DATE = "This belongs to the whole series; change it there."
_FIXED = "This cannot be changed in a session; make a new session instead."


class NewDate(Body):
    """A further date of a series, in local times of its zone; without `end` it is as long as the others."""

    start: StartLocal
    end: LocalTime | None = None


class NewSession(Body):
    """A session; `description` is Markdown. With `group_id` its members are Invited and mailed at once."""

    course_id: RowId
    group_id: RowId | None = None
    title: Title
    description: lines(20_000) = ""
    location: line(500) = Field("", description="Empty: the room's name and location, if there is a room.")
    room_id: RowId | None = None
    join_url: Url = ""
    access_code: line(100) = ""
    instructors: Instructors = []
    start: LocalTime = Field(examples=["2027-03-01T09:00"])
    end: LocalTime = Field(examples=["2027-03-01T10:30"])
    timezone: Timezone
    fold: Fold = 0
    recurrence: Recurrence | None = None
    entry_mode: Literal["dates", "rule"] | None = Field(
        None, description="Of a series: an entry for each date, or one RRULE entry; null lets their number decide (up to six: dates)."
    )
    seats_per_date: bool = Field(False, description="Of a series: capacity and waiting list are those of each date.")
    left_out: Annotated[list[StartLocal], Field(max_length=366)] = Field(
        [], description="Of a series: starts (local times) of dates that the rule gives and that do not take place."
    )
    extra_dates: Annotated[list[NewDate], Field(max_length=366)] = Field(
        [], description="Of a series: further dates, which the rule does not give."
    )
    capacity: Capacity | None = None
    approval_required: bool = False
    waiting_list: bool = False
    offer_minutes: OfferMinutes = 1440
    hold_minutes: KeptMinutes = 0
    lock_minutes: KeptMinutes = 0
    guests: Guests = "hold"
    reminders: Reminders | None = None
    counts: bool | None = Field(None, description="Whether attending it completes the course; null: as the course says.")
    calendar_enabled: bool = True
    visibility: Visibility = "public"
    planning: bool = Field(False, description="true: it is a draft. Nobody is told and no calendar shows it until it is published.")


class SessionChange(Body):
    """What is to change; edits within the settle time go out as one update."""

    hints = {
        "entry_mode": _FIXED,
        "seats_per_date": _FIXED,
        "left_out": "Use POST /sessions/{session_id}/occurrences/{recurrence_id}/cancel.",
        "extra_dates": "Use POST /sessions/{session_id}/occurrences.",
        "course_id": _FIXED,
        "group_id": _FIXED,
        "status": "Use POST /sessions/{session_id}/cancel.",
    }

    title: Title = optional()
    description: lines(20_000) = optional()
    location: line(500) = optional()
    room_id: RowId | None = optional()
    join_url: Url = optional()
    access_code: line(100) = optional()
    instructors: Instructors = optional()
    start: LocalTime = optional()
    end: LocalTime = optional()
    timezone: Timezone = optional()
    fold: Fold = optional()
    recurrence: Recurrence = optional()
    capacity: Capacity | None = optional()
    approval_required: bool = optional()
    waiting_list: bool = optional()
    offer_minutes: OfferMinutes = optional()
    hold_minutes: KeptMinutes = optional()
    lock_minutes: KeptMinutes = optional()
    guests: Guests = optional()
    counts: bool | None = optional()
    reminders: Reminders | None = optional()
    calendar_enabled: bool = optional()
    visibility: Visibility = optional()
    planning: bool = Field(
        default_factory=lambda: None, description="true: changes collect as a plan from now on, and nobody is told until it is published."
    )


class OccurrenceChange(Body):
    """What is to change in one date of a series."""

    hints = {"recurrence": _ONE_DATE, "capacity": _ONE_DATE, "status": "Use POST …/cancel."}

    title: Title = optional()
    description: lines(20_000) = optional()
    location: line(500) = optional()
    room_id: RowId | None = optional()
    join_url: Url = optional()
    access_code: line(100) = optional()
    instructors: Instructors = optional()
    start: LocalTime = optional()
    end: LocalTime = optional()
    timezone: Timezone = optional()
    fold: Fold = optional()


class Reason(Body):
    """Why, in words that the people concerned read."""

    reason: lines(2000) | None = None


class SeatsOut(Out):
    """Seats; `capacity` and `free` are null where there is no limit."""

    capacity: int | None
    taken: int
    free: int | None


class SessionOut(Out):
    """A session. `sequence` counts published revisions from 0; `enrolments` how many people have which status; `settle_at` when an edit goes out."""

    id: RowId
    course_id: RowId
    group_id: RowId | None
    title: str
    description: str
    location: str
    room_id: int | None
    join_url: str
    access_code: str
    instructors: list[str]
    start: LocalTime
    end: LocalTime
    timezone: str
    fold: int
    starts_at: datetime
    ends_at: datetime
    capacity: int | None
    approval_required: bool
    waiting_list: bool
    offer_minutes: int
    hold_minutes: int
    lock_minutes: int
    guests: Literal["hold", "refuse"]
    counts: bool | None
    reminders: Reminders | None
    calendar_enabled: bool
    visibility: Visibility
    status: Literal["scheduled", "cancelled"]
    cancel_reason: str | None
    sequence: int
    seats: SeatsOut
    enrolments: dict[str, int]
    settle_at: datetime | None
    planning: bool
    draft: bool = Field(description="It was never published: nobody knows of it yet.")
    recurrence: str | None
    entry_mode: Literal["dates", "rule", "moved", "extra"] | None
    seats_per_date: bool
    series_id: int | None
    recurrence_id: str | None = Field(description="Of one date of a series: its original start, as YYYYMMDDTHHMMSSZ.")
    planned: dict[str, Any] = Field(description="The fields that publishing the plan will change, with their new values.")
    version: int
    created_at: datetime
    updated_at: datetime


class WarningOut(Out):
    """Something that is wanted twice: `kind` is instructor, room, learners or capacity (of the room; then `session_id` is null)."""

    kind: Literal["instructor", "room", "learners", "capacity"]
    session_id: int | None
    title: str
    detail: str


class OccurrenceOut(Out):
    """One date of a series: `id` is the session that it is, `moved` whether it left the RRULE entry for one of its own, `extra` whether it is
    none of the rule's."""

    recurrence_id: str
    id: RowId
    start: LocalTime
    end: LocalTime
    timezone: str
    status: Literal["scheduled", "cancelled"]
    moved: bool
    extra: bool


class OneSessionOut(SessionOut):
    """A session, with what it wants that another session at the same time has: said, never a reason to refuse. Of a series all dates, and the rule in words."""

    warnings: list[WarningOut]
    occurrences: list[OccurrenceOut]
    recurrence_words: str | None


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
    warnings = [WarningOut(**dataclasses.asdict(one)) for one in conflicts.of_session(work, session)]
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


@route("POST", "/sessions/<id:session_id>/occurrences", body=NewDate, answer=OneSessionOut, status=201, problems=(404, 409))
def add_occurrence(work: Work, call: Call) -> Answer:
    """Add a date to a series, with an entry of its own for everybody in it; one that was left out from the start takes place after all."""
    date = series.add_date(work, call.path["session_id"], call.body.start, call.body.end)
    return Answer(show_one(work, date), headers=at("sessions", date.id))


@route("PATCH", "/sessions/<id:session_id>/occurrences/<recurrence_id>", body=OccurrenceChange, answer=OneSessionOut, problems=(404, 409))
def edit_occurrence(work: Work, call: Call) -> OneSessionOut:
    """Change one date of a series. `recurrence_id` is its original start as `YYYYMMDDTHHMMSSZ`; the answer is the date."""
    return show_one(work, series.edit_date(work, call.path["session_id"], call.path["recurrence_id"], call.body.given()))


@route(
    "POST", "/sessions/<id:session_id>/occurrences/<recurrence_id>/cancel", body=Reason, body_required=False, answer=OneSessionOut, problems=(404, 409)
)  # fmt: skip
def cancel_occurrence(work: Work, call: Call) -> OneSessionOut:
    """Cancel one date of a series; it stays cancelled. In a series that is one entry nobody is asked to confirm the rest."""
    return show_one(work, series.cancel_date(work, call.path["session_id"], call.path["recurrence_id"], call.body.reason or ""))


@route("POST", "/sessions/<id:session_id>/occurrences/<recurrence_id>/split", answer=OneSessionOut, status=201, problems=(404, 409))
def split_series(work: Work, call: Call) -> Answer:
    """ "This and following": the dates from this one on become a series of their own, with the same people, which is answered; then change that one."""
    second = series.split(work, call.path["session_id"], call.path["recurrence_id"])
    return Answer(show_one(work, second), headers=at("sessions", second.id))


def seen_version(work: Work, call: Call) -> int | None:
    """The version that the caller saw (If-Match); None where any will do or the present one is among those named."""
    if call.versions is None:
        return None
    present = locked_session(work, call.path["session_id"]).version
    return None if present in call.versions else max(call.versions)
