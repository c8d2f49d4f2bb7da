"""Courses and their training groups with members."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref


class Course(Base):
    """What is taught. `counts`: attending a session of it completes it. `self_paced`: learners may say themselves that they have completed it.

    `reminders`: when people are reminded of its sessions (None: as the organisation says). `external_id`: how another system names it.
    """

    __tablename__ = "courses"
    __table_args__ = (Index("ix_courses_external", "organisation_id", "external_id", unique=True),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    counts: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    self_paced: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    reminders: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    external_id: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]


class TrainingGroup(Base):
    """People who take a course together."""

    __tablename__ = "training_groups"
    __table_args__ = (UniqueConstraint("course_id", "name"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    course_id: Mapped[int] = ref("courses")
    name: Mapped[str]
    created_at: Mapped[datetime]


class GroupMember(Base):
    """A learner in a training group."""

    __tablename__ = "group_members"

    group_id: Mapped[int] = mapped_column(BigId, ForeignKey("training_groups.id", ondelete="CASCADE"), primary_key=True)
    learner_id: Mapped[int] = mapped_column(BigId, ForeignKey("learners.id", ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime]
