"""What calls about live sessions and their dates take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from ...training.offers import LONGEST
from .fields import (
    WHOLE,
    Body,
    Email,
    LocalTime,
    Out,
    RowId,
    Timezone,
    Url,
    line,
    lines,
    optional,
)

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


class _DateChange(Body):
    """What can be changed in one date as in a whole session."""

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


class SessionChange(_DateChange):
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


class OccurrenceChange(_DateChange):
    """What is to change in one date of a series."""

    hints = {"recurrence": _ONE_DATE, "capacity": _ONE_DATE, "status": "Use POST …/cancel."}


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
    external_id: str | None
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


class ConflictOut(Out):
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

    warnings: list[ConflictOut]
    occurrences: list[OccurrenceOut]
    recurrence_words: str | None
