"""Organisations: the tenants. Every root row belongs to one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, UniqueConstraint, false, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from ..addresses import Mailbox, canonical
from .base import Base, Id


class Organisation(Base):
    """A tenant, with the one constant mailbox that its invitations come from and its replies go to.

    `join_links`: entries carry the raw link of a session, or a page of ours that notes who used it. `banner`: a line of the organisation's own
    in every invitation. `contact_email`: who gets what people write to us. `welcome`: new learners get a mail that makes us a known sender.
    `trust_profile` (standard or strict): what a reply has to show. `mailbox_proved_at`: when a mail of ours last came full circle.
    `reminders`: names of `training.reminders.RULES` (None: the usual ones); up to `reminders_looked_at` all were dealt with. `manager_digest`:
    managers get a weekly list of their team's training. `caldav_listeners`, `webhook_listeners`, `chat_listeners`: how many destinations take part
    (`destinations.recount`).
    """

    __tablename__ = "organisations"
    __table_args__ = (
        UniqueConstraint("mailbox_key"),
        UniqueConstraint("name"),
    )

    id: Mapped[Id]
    name: Mapped[str]
    mailbox_name: Mapped[str]
    mailbox_address: Mapped[str]
    mailbox_key: Mapped[str]
    timezone: Mapped[str]
    locale: Mapped[str] = mapped_column(default="en")
    alarm_minutes: Mapped[int | None] = mapped_column(Integer, default=15)
    join_links: Mapped[str] = mapped_column(default="raw", server_default="raw")
    contact_email: Mapped[str | None]
    banner: Mapped[str] = mapped_column(default="", server_default="")
    welcome: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    trust_profile: Mapped[str] = mapped_column(default="standard", server_default="standard")
    mailbox_proved_at: Mapped[datetime | None]
    reminders: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    manager_digest: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    reminders_looked_at: Mapped[datetime | None]
    caldav_listeners: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    webhook_listeners: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    chat_listeners: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime]

    @property
    def mailbox(self) -> Mailbox:
        """From, Reply-To and ORGANIZER."""
        return Mailbox(self.mailbox_name, self.mailbox_address)


def first(db: Session) -> Organisation | None:
    """The organisation that commands default to."""
    return db.scalars(select(Organisation).order_by(Organisation.id).limit(1)).first()


def by_name(db: Session, name: str) -> Organisation | None:
    """The organisation of that name."""
    return db.scalars(select(Organisation).where(Organisation.name == name)).first()


def by_mailbox(db: Session, address: str) -> Organisation | None:
    """The organisation that reads this mailbox; `local+anything@domain` counts as `local@domain`."""
    key = canonical(address)
    local, _, domain = key.rpartition("@")
    keys = {key, f"{local.partition('+')[0]}@{domain}"}
    return db.scalars(select(Organisation).where(Organisation.mailbox_key.in_(keys)).order_by(Organisation.id)).first()
