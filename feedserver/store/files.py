"""Files that belong to a session: linked in invitations, never inlined (calendars drop ATTACH)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref


class SessionFile(Base):
    """One uploaded file; `public_id` is its address, which says nothing."""

    __tablename__ = "session_files"
    __table_args__ = (UniqueConstraint("public_id"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    live_session_id: Mapped[int] = ref("live_sessions")
    public_id: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime]
