"""Calendar entries: what stands in a learner's calendar (design decisions 1 to 3)."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref

SHOWN, WAITING, DECLINED, CANCELLED, GONE = "shown", "waiting", "declined", "cancelled", "gone"


class CalendarEntry(Base):
    """One UID in one learner's calendar.

    `sequence` and `dtstamp` (seconds since 1970) are those of the latest message or feed change; `asked_sequence` that at which the person
    was last asked; `revision_id` what they were last told; `mailed` whether invitations go by mail (a place on a waiting list is shown in
    the feed alone). `feed_state` says how the feed shows it. `organizer` is frozen. `righted_sequence` is the SEQUENCE at which a
    disagreement was last put right, so that it happens once. `own`: what this one entry of a series says besides: `out`, wall-clock starts that the
    person is not in, and `related`, the UID of the series that a moved date left. `batch` names the statement that last made it, so that what follows finds it.
    """

    __tablename__ = "calendar_entries"
    __table_args__ = (
        UniqueConstraint("uid"),
        CheckConstraint("feed_state IN ('shown', 'waiting', 'declined', 'cancelled', 'gone')", name="feed_state"),
        Index("ix_calendar_entries_feed", "learner_id", "feed_state"),
        Index("ix_calendar_entries_live", "live_session_id", "ended_at"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    enrolment_id: Mapped[int] = ref("enrolments")
    learner_id: Mapped[int] = ref("learners", index=False)
    live_session_id: Mapped[int] = ref("live_sessions", index=False)
    revision_id: Mapped[int] = ref("revisions", index=False)
    uid: Mapped[str]
    organizer_name: Mapped[str]
    organizer_address: Mapped[str]
    sequence: Mapped[int] = mapped_column(Integer, default=0)
    dtstamp: Mapped[int] = mapped_column(BigInteger)
    asked_sequence: Mapped[int] = mapped_column(Integer, default=0)
    asked_dtstamp: Mapped[int] = mapped_column(BigInteger)
    partstat: Mapped[str] = mapped_column(default="NEEDS-ACTION")
    reconfirm: Mapped[bool] = mapped_column(Boolean, default=False)
    mailed: Mapped[bool] = mapped_column(Boolean, default=False)
    feed_state: Mapped[str] = mapped_column(default=SHOWN)
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[str | None]
    righted_sequence: Mapped[int | None] = mapped_column(Integer)
    reply_sequence: Mapped[int | None] = mapped_column(Integer)
    reply_dtstamp: Mapped[int | None] = mapped_column(BigInteger)
    own: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    batch: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]


def new_uid(host: str) -> str:
    """A UID of 128 random bits, ASCII, well under the 200 octets that Outlook tells apart (RFC 7986 5.3; clients.md 9)."""
    return f"{secrets.token_hex(16)}@{host if len(host) <= 100 and host.isascii() else 'feedserver'}"
