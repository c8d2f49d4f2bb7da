"""Signing keys of what outlives SECRET_KEYS: feed addresses, learners' pages, bounce addresses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from ..tokens import new_secret
from .base import Base, Id


class SigningKey(Base):
    """A key that signs links in people's calendars and mails; retired only by a command that lists who loses what."""

    __tablename__ = "signing_keys"

    id: Mapped[Id]
    secret: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


def usable(db: Session) -> dict[int, str]:
    """Every key that still verifies, newest first."""
    rows = db.execute(select(SigningKey.id, SigningKey.secret).where(SigningKey.retired_at.is_(None)).order_by(SigningKey.id.desc()))
    return {key_id: secret for key_id, secret in rows}


def all_of(db: Session) -> dict[int, str]:
    """Every key there ever was: what was filled in with one is filled in alike on the next try."""
    return {key_id: secret for key_id, secret in db.execute(select(SigningKey.id, SigningKey.secret))}


def current(db: Session, now: datetime) -> SigningKey:
    """The key that signs: the newest; made where there is none."""
    key = db.scalars(select(SigningKey).where(SigningKey.retired_at.is_(None)).order_by(SigningKey.id.desc()).limit(1)).first()
    if key is None:
        key = SigningKey(secret=new_secret(), created_at=now)
        db.add(key)
        db.flush()
    return key
