"""Reminders and weekly mails that went out: rows that are unique, so that nobody gets one twice."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref


class ReminderRound(Base):
    """One reminder of one date, as it starts then, for the people of one zone: sent, or why not (`training.reminders.WORDS`)."""

    __tablename__ = "reminder_rounds"
    __table_args__ = (UniqueConstraint("live_session_id", "rule", "starts_at", "timezone"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    live_session_id: Mapped[int] = ref("live_sessions", index=False)
    rule: Mapped[str]
    starts_at: Mapped[datetime]
    timezone: Mapped[str]
    due_at: Mapped[datetime]
    outcome: Mapped[str]
    batch: Mapped[int] = mapped_column(BigId, index=True)
    created_at: Mapped[datetime]


class Reminder(Base):
    """One person's reminder of one date as it starts then; `outcome` as in its round."""

    __tablename__ = "reminders"
    __table_args__ = (UniqueConstraint("enrolment_id", "rule", "starts_at"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = mapped_column(BigId)
    enrolment_id: Mapped[int] = ref("enrolments", index=False)
    round_id: Mapped[int] = ref("reminder_rounds")
    rule: Mapped[str]
    starts_at: Mapped[datetime]
    outcome: Mapped[str]


class WeeklyMail(Base):
    """A week's plan that went to a `reader` (`learner:ID`, or the address of a manager) for the week that begins on `monday`."""

    __tablename__ = "weekly_mails"
    __table_args__ = (UniqueConstraint("organisation_id", "reader", "monday"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    reader: Mapped[str]
    monday: Mapped[date] = mapped_column(Date)
    lines: Mapped[int] = mapped_column(Integer)
    delivery_id: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime]


def reader_of(learner_id: int) -> str:
    """How a row of `WeeklyMail` names a learner."""
    return f"learner:{learner_id}"


class ManagerOptOut(Base):
    """A manager who does not want the team's list."""

    __tablename__ = "manager_opt_outs"
    __table_args__ = (UniqueConstraint("organisation_id", "address_key"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    address_key: Mapped[str]
    created_at: Mapped[datetime]
