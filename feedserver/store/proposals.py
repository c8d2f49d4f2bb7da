"""What people propose instead of answering: another time (COUNTER), another person (DELEGATED), or themselves (RFC 5546 3.2.3, 3.2.7)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref

KINDS = ("counter", "delegation", "guest")
STATES = ("open", "accepted", "refused", "substituted")


class Proposal(Base):
    """One proposal that waits for a decision, or what was decided. The times are those of a COUNTER; `guest_*` is who wants to come.

    `partstat` came with it and is never applied: of a COUNTER that of the learner, else the guest's own answer.
    """

    __tablename__ = "proposals"
    __table_args__ = (
        CheckConstraint("kind IN ('counter', 'delegation', 'guest')", name="kind"),
        CheckConstraint("state IN ('open', 'accepted', 'refused', 'substituted')", name="state"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    inbound_id: Mapped[int] = ref("inbound_messages")
    live_session_id: Mapped[int] = ref("live_sessions")
    enrolment_id: Mapped[int] = mapped_column(BigId, index=True)
    entry_id: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    comment: Mapped[str] = mapped_column(default="")
    sequence: Mapped[int | None]
    guest_email: Mapped[str | None]
    guest_name: Mapped[str] = mapped_column(default="")
    partstat: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="open")
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
