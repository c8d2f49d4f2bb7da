"""Completions: what a person has completed, since when, and who says so."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ..training.milestones import CompletionKind
from .base import Base, BigId, Id, ref

SOURCES = ("button", "csv", "api", "attendance", "learner", "system")
_KINDS = ", ".join(f"'{kind}'" for kind in CompletionKind)


class Completion(Base):
    """`reference` says which assessment or step ("" of a whole course); `live_session_id` the session that was attended.

    `by` is the actor (`Work.actor`). Undone ones stay on record. One day has one completion of a thing.
    """

    __tablename__ = "completions"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        CheckConstraint("source IN ('button', 'csv', 'api', 'attendance', 'learner', 'system')", name="source"),
        Index(
            "uq_completions_standing",
            "learner_id",
            "course_id",
            "kind",
            "reference",
            "completed_on",
            unique=True,
            postgresql_where=text("undone_at IS NULL"),
            sqlite_where=text("undone_at IS NULL"),
        ),
        Index("ix_completions_course", "course_id", "kind", "completed_on"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    learner_id: Mapped[int] = ref("learners", index=False)
    course_id: Mapped[int | None] = ref("courses", index=False)
    kind: Mapped[str]
    reference: Mapped[str] = mapped_column(default="")
    completed_on: Mapped[date] = mapped_column(Date)
    by: Mapped[str]
    source: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    live_session_id: Mapped[int | None] = mapped_column(BigId, index=True)
    batch: Mapped[int] = mapped_column(BigId, default=0)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    created_at: Mapped[datetime]
