"""Mailboxes that are polled by IMAP, and which of their messages we hold already."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref


class PolledMailbox(Base):
    """A folder as it was last seen: `name` is user@host/folder without the password. A new `uid_validity` makes all UIDs unknown (RFC 3501 2.3.1.1).

    `first_uid` is what came next when we first saw this `uid_validity`: from there on every message is taken, read or not.
    `worker_id` is the one worker that polls it, for as long as that lives.
    """

    __tablename__ = "polled_mailboxes"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[Id]
    name: Mapped[str]
    uid_validity: Mapped[int | None] = mapped_column(BigInteger)
    first_uid: Mapped[int | None] = mapped_column(BigInteger)
    worker_id: Mapped[int | None] = mapped_column(BigId)
    last_seen_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    problem_at: Mapped[datetime | None]


class PolledMessage(Base):
    """A message of a polled folder that is in the inbox (or was refused, with its reason); written in the transaction that stores it."""

    __tablename__ = "polled_messages"
    __table_args__ = (UniqueConstraint("mailbox_id", "uid_validity", "uid"),)

    id: Mapped[Id]
    mailbox_id: Mapped[int] = ref("polled_mailboxes", index=False)
    uid_validity: Mapped[int] = mapped_column(BigInteger)
    uid: Mapped[int] = mapped_column(BigInteger)
    inbound_id: Mapped[int | None] = ref("inbound_messages", ondelete="SET NULL")
    sha256: Mapped[str] = mapped_column(index=True)
    refused: Mapped[str | None]
    taken_at: Mapped[datetime]
