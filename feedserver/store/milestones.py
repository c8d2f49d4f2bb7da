"""Milestones of courses, and each person's own days to note, which stand in their calendar."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..training.milestones import MilestoneKind, Noted
from .base import Base, BigId, Id, ref

OPEN, DONE, ENDED = "open", "done", "ended"
_KINDS = ", ".join(f"'{kind}'" for kind in MilestoneKind)


class Milestone(Base):
    """A day that a course sets to all who take it, or to one training group of it (`group_id`)."""

    __tablename__ = "milestones"
    __table_args__ = (CheckConstraint(f"kind IN ({_KINDS})", name="kind"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    course_id: Mapped[int] = ref("courses")
    group_id: Mapped[int | None] = ref("training_groups")
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    day: Mapped[date] = mapped_column(Date)
    cancelled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MilestoneEntry(Base):
    """One person's day to note, with one UID in their calendar.

    It comes from a course's milestone, a certificate or an onboarding (one of the three ids). `sequence` and `dtstamp` (seconds since 1970) are
    those of the latest message or feed change; `mailed`: it went out as an invitation that asks for nothing; `told_day`: the day that they were
    last told by a mail that left or may have (null: none). `organizer` is frozen. `batch` names the statement that last made it.
    """

    __tablename__ = "milestone_entries"
    __table_args__ = (
        UniqueConstraint("uid"),
        CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        CheckConstraint("state IN ('open', 'done', 'ended')", name="state"),
        Index("ix_milestone_entries_feed", "learner_id", "state", "day"),
        Index("ix_milestone_entries_milestone", "milestone_id", "learner_id"),
        Index("ix_milestone_entries_certificate", "certificate_id"),
        Index("ix_milestone_entries_onboarding", "onboarding_item_id"),
        Index("ix_milestone_entries_batch", "batch"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    learner_id: Mapped[int] = ref("learners", index=False)
    milestone_id: Mapped[int | None] = mapped_column(BigId)
    certificate_id: Mapped[int | None] = mapped_column(BigId)
    onboarding_item_id: Mapped[int | None] = mapped_column(BigId)
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(default=OPEN)
    uid: Mapped[str]
    organizer_name: Mapped[str]
    organizer_address: Mapped[str]
    sequence: Mapped[int] = mapped_column(Integer, default=0)
    dtstamp: Mapped[int] = mapped_column(BigInteger)
    mailed: Mapped[bool] = mapped_column(Boolean, default=False)
    told_day: Mapped[date | None] = mapped_column(Date)
    done_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    batch: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]

    @property
    def noted(self) -> Noted:
        """What a calendar shows of it."""
        return Noted(self.kind, self.title, self.day, self.description, self.url)
