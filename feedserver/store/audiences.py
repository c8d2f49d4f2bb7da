"""Feeds for others than learners: a manager's team, a trainer, a room, a course, the organisation, open seats."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref

AUDIENCES = ("team", "instructor", "room", "course", "organisation", "open_seats")
DETAILS = ("full", "title", "busy")


class AudienceFeed(Base):
    """One subscriber's own revocable address of one such feed. `subject` is the team's name, an address, or an id as text; "" where none is needed.

    `subscriber`: for whom it is, a name or an address. `changed_at`: when detail or address were last chosen.
    """

    __tablename__ = "audience_feeds"
    __table_args__ = (
        UniqueConstraint("public_id"),
        CheckConstraint("audience IN ('team', 'instructor', 'room', 'course', 'organisation', 'open_seats')", name="audience"),
        CheckConstraint("detail IN ('full', 'title', 'busy')", name="detail"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    audience: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="full")
    subscriber: Mapped[str]
    public_id: Mapped[str]
    key_id: Mapped[int] = ref("signing_keys", index=False, ondelete="RESTRICT")
    timezone: Mapped[str]
    locale: Mapped[str]
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_fetched_at: Mapped[datetime | None]
    last_user_agent: Mapped[str | None]
    created_at: Mapped[datetime]
