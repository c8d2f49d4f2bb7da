"""Subscribable feeds of learners."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, CheckConstraint, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref

KINDS = ("session", "deadline", "assessment", "certificate", "onboarding")
CONTENTS = ("everything", "not_invited")
DETAILS = ("full", "busy")


class Feed(Base):
    """One feed of a learner (phone, work), with its own selection and its own revocable address."""

    __tablename__ = "feeds"
    __table_args__ = (
        UniqueConstraint("public_id"),
        CheckConstraint("content IN ('everything', 'not_invited')", name="content"),
        CheckConstraint("detail IN ('full', 'busy')", name="detail"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    learner_id: Mapped[int] = ref("learners")
    public_id: Mapped[str]
    key_id: Mapped[int] = ref("signing_keys", index=False, ondelete="RESTRICT")
    name: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(JSON)
    content: Mapped[str] = mapped_column(default="everything")
    detail: Mapped[str] = mapped_column(default="full")
    alarms: Mapped[bool] = mapped_column(Boolean, default=False)
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_fetched_at: Mapped[datetime | None]
    last_user_agent: Mapped[str | None]
    created_at: Mapped[datetime]
