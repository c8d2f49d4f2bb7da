"""Live sessions, their seats, and the revisions that were published of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, CheckConstraint, DateTime, ForeignKey, Index, Integer, LargeBinary, UniqueConstraint, false, or_, true
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from ..training.changes import Snapshot
from ..training.recurrence import closed_text
from .base import Base, BigId, Id, ref
from .rooms import Room


class LiveSession(Base):
    """One session as it stands now: a draft until `settle_at` passes and a revision is frozen from it (design decision 6).

    `start` and `end` are wall-clock times in `timezone`; `starts_at` and `ends_at` the instants derived from them.
    An offer from the waiting list is held for `offer_minutes`, a declined place for `hold_minutes`, nothing in the `lock_minutes` before the
    start. `guests`: answers of people who were not invited are held for a decision (hold), or refused kindly (refuse). `roster_sent_at`: when
    the instructors last got the list by mail. `planning`: edits collect in `plan` (field: value) until somebody publishes them. `draft`:
    it was never published; nobody is told of it and no calendar shows it. `files`: name and address of each `SessionFile`.

    A series is a head, with its RRULE in `recurrence`, and a row for each date, with the head in `series_id` and its original start in
    `recurrence_id`. `entry_mode` of the head says what stands in calendars: an entry a date (dates), or one RRULE entry (rule), from which
    `left_out` (wall-clock starts) are missing; of a date that left such an entry it is moved, of one beside the rule extra. A date that was left
    out from the start is cancelled, and a draft. `own_entry`: whether this row has calendar
    entries of its own. `counts`: whether attending it completes the course (None: as the course says). `reminders`: when people are
    reminded of it (None: as its series, else its course says).
    `seats_per_date`: capacity and waiting list belong to each date and not to the head. `external_id`: how another system names it.
    """

    __tablename__ = "live_sessions"
    __table_args__ = (
        CheckConstraint("visibility IN ('public', 'private', 'busy')", name="visibility"),
        CheckConstraint("status IN ('scheduled', 'cancelled')", name="status"),
        Index("ix_live_sessions_external", "organisation_id", "external_id", unique=True),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    course_id: Mapped[int] = ref("courses")
    group_id: Mapped[int | None] = ref("training_groups", ondelete="SET NULL")
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    location: Mapped[str] = mapped_column(default="")
    join_url: Mapped[str] = mapped_column(default="")
    access_code: Mapped[str] = mapped_column(default="")
    instructors: Mapped[list[str]] = mapped_column(JSON, default=list)
    start: Mapped[datetime] = mapped_column(DateTime)
    end: Mapped[datetime] = mapped_column(DateTime)
    timezone: Mapped[str]
    fold: Mapped[int] = mapped_column(Integer, default=0)
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    capacity: Mapped[int | None] = mapped_column(Integer)
    approval_required: Mapped[bool] = mapped_column(Boolean, default=False)
    waiting_list: Mapped[bool] = mapped_column(Boolean, default=False)
    calendar_enabled: Mapped[bool] = mapped_column(Boolean, default=True)
    room_id: Mapped[int | None] = mapped_column(BigId, index=True)
    offer_minutes: Mapped[int] = mapped_column(Integer, default=24 * 60, server_default="1440")
    hold_minutes: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    lock_minutes: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    files: Mapped[list[list[str]] | None] = mapped_column(JSON)
    guests: Mapped[str] = mapped_column(default="hold", server_default="hold")
    roster_sent_at: Mapped[datetime | None]
    planning: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    draft: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    plan: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    visibility: Mapped[str] = mapped_column(default="public")
    series_id: Mapped[int | None] = mapped_column(BigId, index=True)
    recurrence_id: Mapped[datetime | None]
    recurrence: Mapped[str | None]
    entry_mode: Mapped[str | None]
    left_out: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    seats_per_date: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    own_entry: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    counts: Mapped[bool | None] = mapped_column(Boolean)
    reminders: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    status: Mapped[str] = mapped_column(default="scheduled")
    cancel_reason: Mapped[str | None]
    settle_at: Mapped[datetime | None] = mapped_column(index=True)
    external_id: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    # One statement for all sessions of a list; an outer join could not be locked on PostgreSQL.
    room: Mapped[Room | None] = relationship(primaryjoin=lambda: foreign(LiveSession.room_id) == Room.id, viewonly=True, lazy="selectin")

    @property
    def is_series(self) -> bool:
        """Whether it is the head of a series."""
        return self.entry_mode in ("dates", "rule")

    @property
    def place(self) -> str:
        """Where it takes place: what was written, else the room."""
        return self.location or (self.room.place if self.room is not None else "")

    def snapshot(self, course: object) -> Snapshot:
        """What a calendar would show of it now; `course` gives `name` and `url`."""
        return Snapshot(
            title=self.title,
            start=self.start,
            end=self.end,
            timezone=self.timezone,
            fold=self.fold,
            description=self.description,
            location=self.place,
            join_url=self.join_url,
            access_code=self.access_code,
            instructors=tuple(self.instructors or ()),
            visibility=self.visibility,
            course_name=course.name,
            course_url=course.url,
            files=tuple((name, url) for name, url in self.files or ()),
            rule=closed_text(self.recurrence, self.start, self.timezone) if self.entry_mode == "rule" else "",
            left_out=tuple(self.left_out or ()) if self.entry_mode == "rule" else (),
            moved=self.entry_mode in ("moved", "extra"),
        )


CHOSEN = LiveSession.series_id.is_(None)
"""What people choose and manage: single sessions, and a series once."""
TAKES_PLACE = or_(LiveSession.entry_mode.is_(None), LiveSession.entry_mode.not_in(("dates", "rule")))
"""What is on at a time: single sessions, and the dates of a series, never its head."""
HOLDS_SEATS = or_(LiveSession.series_id.is_(None), LiveSession.seats_per_date)
"""Where seats are taken and waited for: the dates of a series share those of its head, unless each has its own."""


class Seats(Base):
    """Seats of one session, in a narrow row of its own: the database refuses to go over. `over` counts those an administrator added knowingly."""

    __tablename__ = "seats"
    __table_args__ = (
        CheckConstraint("capacity IS NULL OR taken <= capacity + over_capacity", name="within_capacity"),
        CheckConstraint("taken >= 0", name="not_negative"),
    )

    live_session_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("live_sessions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    capacity: Mapped[int | None] = mapped_column(Integer)
    taken: Mapped[int] = mapped_column(Integer, default=0)
    over_capacity: Mapped[int] = mapped_column(Integer, default=0)


class Revision(Base):
    """A frozen state of a session: what was, or is being, told. `number` is the session's `sequence` in the API."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("live_session_id", "number"),)

    id: Mapped[Id]
    live_session_id: Mapped[int] = ref("live_sessions", index=False)
    number: Mapped[int] = mapped_column(Integer)
    snapshot_json: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    frozen_at: Mapped[datetime]

    @property
    def snapshot(self) -> Snapshot:
        """The value that was frozen."""
        return Snapshot.from_json(self.snapshot_json)


class RevisionVevent(Base):
    """The VEVENT of a revision for feeds, rendered once at write time with slots for a learner's own lines (design decision 10)."""

    __tablename__ = "revision_vevents"

    revision_id: Mapped[int] = mapped_column(BigId, ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    locale: Mapped[str] = mapped_column(primary_key=True)
    timezone: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    busy: Mapped[bytes] = mapped_column(LargeBinary)
