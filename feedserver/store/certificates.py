"""Certificates: their kinds, who has one until when, and each warning of its end, once."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, Date, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref
from .completions import SOURCES

LEARNER, MANAGER, COMPLIANCE = "learner", "manager", "compliance"
_SOURCES = ", ".join(repr(source) for source in SOURCES)


class CertificateKind(Base):
    """What is certified. `validity_months`: None holds for ever. Completing `course_id` awards it, completing `renewal_course_id` renews it.

    `reminder_days` before the end the learner is warned, on `notify_days` the manager and the compliance managers; up to `looked_at` all
    warnings were dealt with.
    """

    __tablename__ = "certificate_kinds"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    validity_months: Mapped[int | None] = mapped_column(Integer)
    course_id: Mapped[int | None] = ref("courses", ondelete="SET NULL")
    renewal_course_id: Mapped[int | None] = ref("courses", ondelete="SET NULL")
    reminder_days: Mapped[list[int]] = mapped_column(JSON)
    notify_days: Mapped[list[int]] = mapped_column(JSON)
    looked_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]


class Certificate(Base):
    """Somebody has it from `awarded_on` until `expires_on`, the last day on which it holds (None: for ever).

    `noted_on` is the day on which it was put on record: nobody is warned of an end that was before. `renewed_by` is the one that took its place.
    """

    __tablename__ = "certificates"
    __table_args__ = (
        CheckConstraint(f"source IN ({_SOURCES})", name="source"),
        Index("ix_certificates_ends", "kind_id", "expires_on"),
        Index("ix_certificates_learner", "learner_id", "kind_id"),
        Index("ix_certificates_batch", "batch"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    learner_id: Mapped[int] = ref("learners", index=False)
    kind_id: Mapped[int] = ref("certificate_kinds", index=False)
    awarded_on: Mapped[date] = mapped_column(Date)
    expires_on: Mapped[date | None] = mapped_column(Date)
    noted_on: Mapped[date] = mapped_column(Date)
    by: Mapped[str]
    source: Mapped[str]
    completion_id: Mapped[int | None] = mapped_column(BigId, index=True)
    renewed_by: Mapped[int | None] = mapped_column(BigId, index=True)
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="")
    batch: Mapped[int] = mapped_column(BigId)
    created_at: Mapped[datetime]


class CertificateWarning(Base):
    """A warning so many `days` before the end, dealt with once for each `recipient` (learner, manager, `compliance:SIGN-IN`).

    `outcome` is one of `training.certificates.WORDS`; `today` is the day that it was then for the learner.
    """

    __tablename__ = "certificate_warnings"
    __table_args__ = (UniqueConstraint("certificate_id", "days", "recipient"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    certificate_id: Mapped[int] = ref("certificates", index=False)
    days: Mapped[int] = mapped_column(Integer)
    recipient: Mapped[str]
    outcome: Mapped[str]
    today: Mapped[date] = mapped_column(Date)
    delivery_id: Mapped[int | None] = mapped_column(BigId)
    batch: Mapped[int] = mapped_column(BigId, index=True)
    at: Mapped[datetime]
