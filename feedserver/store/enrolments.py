"""Enrolments: a learner in a session, with the one status that training means."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..training.statuses import EnrolmentStatus
from .base import Base, BigId, Id, ref

_STATUSES = ", ".join(f"'{s}'" for s in EnrolmentStatus)


class Enrolment(Base):
    """`partstat` and `responded_at` are what the person last answered; `entry_id` is the entry now in their calendar (or the last one).

    `offer_until`: a place from the waiting list is held until then. `hold_until`: the place of somebody who declined is still theirs.
    `joined_at`: the join link was used during the session; `checked_in_at`: the check-in page was. `note`: why somebody was refused or moved.
    `reply_sequence`, `reply_dtstamp`: of the last reply to this one date of a series whose entry is the series' own.
    `synced_status`: what another system last said the status is; it acts again once it says another.
    """

    __tablename__ = "enrolments"
    __table_args__ = (
        UniqueConstraint("live_session_id", "learner_id"),
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        Index("ix_enrolments_line", "live_session_id", "status", "queued_at", "id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    live_session_id: Mapped[int] = ref("live_sessions", index=False)
    learner_id: Mapped[int] = ref("learners")
    status: Mapped[str]
    entry_id: Mapped[int | None] = mapped_column(BigId)
    partstat: Mapped[str] = mapped_column(default="NEEDS-ACTION")
    responded_at: Mapped[datetime | None]
    comment: Mapped[str | None]
    queued_at: Mapped[datetime | None]
    offer_until: Mapped[datetime | None] = mapped_column(index=True)
    hold_until: Mapped[datetime | None] = mapped_column(index=True)
    joined_at: Mapped[datetime | None]
    checked_in_at: Mapped[datetime | None]
    note: Mapped[str | None]
    reply_sequence: Mapped[int | None] = mapped_column(Integer)
    reply_dtstamp: Mapped[int | None] = mapped_column(BigInteger)
    synced_status: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
