"""Onboarding: plans with their steps, and people who go through one."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, CheckConstraint, Date, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from ..training.onboarding import StepKind
from .base import Base, BigId, Id, ref

_KINDS = ", ".join(f"'{kind}'" for kind in StepKind)


class OnboardingPlan(Base):
    """What a new person goes through. `working_days`: a day at the weekend gives way to the Monday after it."""

    __tablename__ = "onboarding_plans"

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    working_days: Mapped[bool] = mapped_column(Boolean, default=True)
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OnboardingStep(Base):
    """A step, `days` after the start date. A session is the next of the course from that day on with a free seat, or always `live_session_id`."""

    __tablename__ = "onboarding_steps"
    __table_args__ = (CheckConstraint(f"kind IN ({_KINDS})", name="kind"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    plan_id: Mapped[int] = ref("onboarding_plans")
    days: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    course_id: Mapped[int | None] = mapped_column(BigId)
    live_session_id: Mapped[int | None] = mapped_column(BigId)


class Onboarding(Base):
    """One person goes through one plan from a start date on; once at a time."""

    __tablename__ = "onboardings"
    __table_args__ = (
        Index(
            "uq_onboardings_running", "plan_id", "learner_id", unique=True, postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    plan_id: Mapped[int] = ref("onboarding_plans")
    learner_id: Mapped[int] = ref("learners")
    start_date: Mapped[date] = mapped_column(Date)
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OnboardingItem(Base):
    """A step as one person has it: a copy, so that a plan can change for those to come.

    `live_session_id` is the session found for it (None: no date has a free seat, so its day is to be noted), `ours` whether this put the
    person in there. `done_by` is the actor.
    """

    __tablename__ = "onboarding_items"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        CheckConstraint("state IN ('open', 'done', 'ended')", name="state"),
        Index("ix_onboarding_items_course", "learner_id", "course_id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    onboarding_id: Mapped[int] = ref("onboardings")
    learner_id: Mapped[int] = ref("learners", index=False)
    days: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    course_id: Mapped[int | None] = mapped_column(BigId)
    day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(default="open")
    fixed: Mapped[bool] = mapped_column(Boolean, default=False)
    live_session_id: Mapped[int | None] = mapped_column(BigId, index=True)
    ours: Mapped[bool] = mapped_column(Boolean, default=False)
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
