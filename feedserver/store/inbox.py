"""The inbox: raw inbound messages, committed before 250, and what became of each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, Integer, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref

PENDING = "pending"
OUTCOMES = ("pending", "applied", "unchanged", "stale", "quarantined", "bounce", "auto_reply", "human", "rejected")


class InboundMessage(Base):
    """One message that we answered 250 to. `reason` says in plain words why it ended as it did; `evidence` what spoke for and against.

    `read_at`: when somebody marked what a person wrote to us as read.
    """

    __tablename__ = "inbound_messages"
    __table_args__ = (
        CheckConstraint(f"outcome IN ({', '.join(repr(o) for o in OUTCOMES)})", name="outcome"),
        Index(
            "ix_inbound_messages_pending",
            "id",
            postgresql_where=text("outcome = 'pending'"),
            sqlite_where=text("outcome = 'pending'"),
        ),
        Index("ix_inbound_messages_listed", "organisation_id", "outcome", "id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int | None] = ref("organisations", index=False)
    received_at: Mapped[datetime]
    via: Mapped[str]
    peer: Mapped[str] = mapped_column(default="")
    envelope_from: Mapped[str] = mapped_column(default="")
    envelope_to: Mapped[list[str]] = mapped_column(JSON, default=list)
    sha256: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(default="")
    sender: Mapped[str] = mapped_column(default="")
    subject: Mapped[str] = mapped_column(default="")
    outcome: Mapped[str] = mapped_column(default=PENDING)
    reason: Mapped[str] = mapped_column(default="")
    reason_code: Mapped[str] = mapped_column(default="")
    evidence: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    enrolment_id: Mapped[int | None] = mapped_column(BigId, index=True)
    learner_id: Mapped[int | None] = mapped_column(BigId, index=True)
    delivery_id: Mapped[int | None] = mapped_column(BigId)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    worker_id: Mapped[int | None] = mapped_column(BigId)
    judged_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
