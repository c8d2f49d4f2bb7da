"""Learners and the other addresses that speak for them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, Date, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref

CHANNELS = ("both", "feed", "mail")
DIGESTS = ("none", "weekly")


class Learner(Base):
    """Somebody who is trained. `email_key` is the address as compared; zone and language are always filled.

    `target_email` is a second, confirmed address that mail goes to instead. `left_at`: no longer here. `address_problem`: why no mail goes to
    the address any more; `bounce_days`: dates (UTC) on which something soft came back. `complained_at`: no reminders any more (ARF).
    `reminders_off_at`: they want none. `digest`: weekly or none, a week's plan by mail.
    """

    __tablename__ = "learners"
    __table_args__ = (
        UniqueConstraint("organisation_id", "email_key"),
        UniqueConstraint("organisation_id", "external_id"),
        UniqueConstraint("page_id"),
        CheckConstraint("channel IN ('both', 'feed', 'mail')", name="channel"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    timezone: Mapped[str]
    locale: Mapped[str]
    channel: Mapped[str] = mapped_column(default="both")
    external_id: Mapped[str | None]
    team: Mapped[str | None]
    manager_email: Mapped[str | None]
    start_date: Mapped[date | None] = mapped_column(Date)
    page_id: Mapped[str]
    address_problem: Mapped[str | None]
    address_problem_at: Mapped[datetime | None]
    bounce_days: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    complained_at: Mapped[datetime | None]
    reminders_off_at: Mapped[datetime | None]
    digest: Mapped[str] = mapped_column(default="none", server_default="none")
    left_at: Mapped[datetime | None]
    channel_chosen_at: Mapped[datetime | None]
    welcomed_at: Mapped[datetime | None]
    target_email: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]

    @property
    def address(self) -> str:
        """Where mail goes."""
        return self.target_email or self.email

    def mail_goes_again(self) -> None:
        """Nothing speaks against the address any more: somebody says so, or it is another one."""
        self.address_problem = self.address_problem_at = self.bounce_days = None


ALIAS, DELEGATE = "alias", "delegate"


class LearnerAlias(Base):
    """Another address known to speak for a learner (confirmed by an administrator or by the learner).

    `kind`: an alias is the learner under another address; a delegate may answer on the learner's behalf (SENT-BY), and is somebody else.
    """

    __tablename__ = "learner_aliases"
    __table_args__ = (UniqueConstraint("learner_id", "address_key"),)

    id: Mapped[Id]
    learner_id: Mapped[int] = ref("learners")
    address_key: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(default=ALIAS, server_default=ALIAS)
    created_at: Mapped[datetime]


class FeedVersion(Base):
    """Counts up whenever anything changes that a learner's feeds show; narrow, so that 10,000 are bumped in one statement."""

    __tablename__ = "feed_versions"

    learner_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]
