"""History, append-only: who or which message changed what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref


class HistoryEntry(Base):
    """One thing that happened. People are named by id only, so that erasing a person does not break the record."""

    __tablename__ = "history"
    __table_args__ = (
        Index("ix_history_session", "live_session_id", "id"),
        Index("ix_history_learner", "learner_id", "id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    at: Mapped[datetime]
    actor: Mapped[str]
    verb: Mapped[str]
    live_session_id: Mapped[int | None] = mapped_column(BigId)
    enrolment_id: Mapped[int | None] = mapped_column(BigId)
    learner_id: Mapped[int | None] = mapped_column(BigId)
    inbound_id: Mapped[int | None] = mapped_column(BigId)
    detail: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
