"""Who may come in: administrators' sign-ins, their browser sessions, API tokens, remembered API answers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref

ROLES = ("owner", "training_manager", "compliance_manager", "instructor", "approver", "viewer")


class SignIn(Base):
    """A person who signs in to the web UI."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        UniqueConstraint("organisation_id", "email_key"),
        CheckConstraint(f"role IN ({', '.join(repr(r) for r in ROLES)})", name="role"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    email: Mapped[str]
    email_key: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class SignInLink(Base):
    """A one-time link; only its digest is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = (UniqueConstraint("digest"),)

    id: Mapped[Id]
    sign_in_id: Mapped[int] = ref("sign_ins")
    digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A signed-in browser: kept here, so that signing out really ends it."""

    __tablename__ = "browser_sessions"
    __table_args__ = (UniqueConstraint("digest"),)

    id: Mapped[Id]
    sign_in_id: Mapped[int] = ref("sign_ins")
    digest: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ApiToken(Base):
    """A token for programs: all API rights in its organisation; shown once, kept as a digest."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("digest"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    name: Mapped[str]
    digest: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class RememberedAnswer(Base):
    """The answer given to an Idempotency-Key, so that a repeated POST gets the same one and acts once."""

    __tablename__ = "remembered_answers"
    __table_args__ = (UniqueConstraint("organisation_id", "key"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    key: Mapped[str]
    request_digest: Mapped[str]
    status: Mapped[int | None] = mapped_column(Integer)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)
