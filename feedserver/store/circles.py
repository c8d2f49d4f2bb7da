"""Mails that we send to see whether answers come back: the hourly loopback, the test of a set-up, the calendar doctor."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref
from .entries import new_uid

LOOPBACK, SETUP, DOCTOR = KINDS = ("loopback", "setup", "doctor")
_UID = "circle-"


class Circle(Base):
    """One mail sent out to see it come back. `came_back_at` is when its answer was judged; `findings` says how it came."""

    __tablename__ = "circles"
    __table_args__ = (
        CheckConstraint("kind IN ('loopback', 'setup', 'doctor')", name="kind"),
        Index("ix_circles_listed", "organisation_id", "kind", "id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    kind: Mapped[str]
    public_id: Mapped[str] = mapped_column(unique=True)
    recipient: Mapped[str]
    uid: Mapped[str | None] = mapped_column(index=True)
    delivery_id: Mapped[int | None] = mapped_column(BigId)
    inbound_id: Mapped[int | None] = mapped_column(BigId)
    sent_at: Mapped[datetime]
    due_at: Mapped[datetime]
    came_back_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    findings: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))


def new_circle_uid(host: str) -> str:
    """A UID as any entry's, 128 random bits, that says at once that it is about no session."""
    return _UID + new_uid(host)


def is_circle_uid(uid: str | None) -> bool:
    """Whether a UID may be that of a circle; the row says whether it is."""
    return (uid or "").startswith(_UID)
