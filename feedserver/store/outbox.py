"""The outbox: every message that a change requires, stored in the transaction of the change (design decision 7).

States: queued -> sending -> sent | deferred (tried again later) | dead; queued or deferred -> superseded (a newer one of the same entry
took its place before it left) | suppressed | expired. `ambiguous` counts the tries after which nobody can know whether the relay took it;
only such a row holds back the ones behind it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, LargeBinary, UniqueConstraint, and_, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, Instant, ref

MAIL = "mail"
QUEUED, SENDING, DEFERRED, SENT = "queued", "sending", "deferred", "sent"
SUPERSEDED, SUPPRESSED, EXPIRED, DEAD = "superseded", "suppressed", "expired", "dead"
OPEN = (QUEUED, SENDING, DEFERRED)
FINAL = (SENT, SUPERSEDED, SUPPRESSED, EXPIRED, DEAD)
STATES = OPEN + FINAL
NOT_SENT = "Not sent: mail to this address comes back. The learner's page says why, and lets mail go again."


def state_in(column, states: tuple[str, ...]):
    """`column IN (…)` with the states written out: SQLite takes a partial index only where it reads the index's own condition."""
    written = [literal_column(repr(state)) for state in states]
    return column.in_(written) if len(written) > 1 else column == written[0]


def waiting_to_leave(delivery):
    """Condition: queued or deferred, and certainly not gone yet; by the index of open messages of an entry."""
    return and_(state_in(delivery.state, OPEN), state_in(delivery.state, (QUEUED, DEFERRED)), delivery.ambiguous == 0)


class MailSkeleton(Base):
    """A message rendered at write time, once for all who read the same language in the same zone, were last told the same and have a seat held alike."""

    __tablename__ = "mail_skeletons"

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    batch: Mapped[int] = mapped_column(BigInteger, index=True)
    kind: Mapped[str]
    told_revision_id: Mapped[int | None] = mapped_column(BigId)
    held_until: Mapped[datetime | None]
    sender_name: Mapped[str]
    sender_address: Mapped[str]
    locale: Mapped[str]
    timezone: Mapped[str]
    live_session_id: Mapped[int | None] = mapped_column(BigId)
    base_url: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Delivery(Base):
    """One outgoing message with every value that is filled into its skeleton: a retry is the same octets.

    Of the channels caldav, webhook and chat the skeleton's body is what is sent, `destination_id` says where to, and `lane` what must stay in order
    (`caldav:<destination>:<session>`: the newest alone counts; `webhook:<destination>:<object>`: every one, one after the other). What only mail has
    (sender, recipient_name, page_id) is then "", `recipient` the destination's name.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(s) for s in STATES)})", name="state"),
        Index(
            "ix_deliveries_due_mail",
            "due_at",
            "id",
            postgresql_where=text("state IN ('queued', 'deferred') AND channel = 'mail'"),
            sqlite_where=text("state IN ('queued', 'deferred') AND channel = 'mail'"),
        ),
        Index(
            "ix_deliveries_due_elsewhere",
            "destination_id",
            "id",
            postgresql_where=text("state IN ('queued', 'deferred') AND destination_id IS NOT NULL"),
            sqlite_where=text("state IN ('queued', 'deferred') AND destination_id IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_open_lane",
            "lane",
            "due_at",
            postgresql_where=text("state IN ('queued', 'sending', 'deferred') AND lane IS NOT NULL"),
            sqlite_where=text("state IN ('queued', 'sending', 'deferred') AND lane IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_destination",
            "destination_id",
            "id",
            postgresql_where=text("destination_id IS NOT NULL"),
            sqlite_where=text("destination_id IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_held",
            "worker_id",
            postgresql_where=text("state = 'sending'"),
            sqlite_where=text("state = 'sending'"),
        ),
        Index(
            "ix_deliveries_open_entry",
            "entry_id",
            postgresql_where=text("state IN ('queued', 'sending', 'deferred')"),
            sqlite_where=text("state IN ('queued', 'sending', 'deferred')"),
        ),
        Index(
            "ix_deliveries_open_milestone",
            "milestone_entry_id",
            postgresql_where=text("state IN ('queued', 'sending', 'deferred') AND milestone_entry_id IS NOT NULL"),
            sqlite_where=text("state IN ('queued', 'sending', 'deferred') AND milestone_entry_id IS NOT NULL"),
        ),
        Index("ix_deliveries_enrolment", "enrolment_id", "id"),
        Index("ix_deliveries_listed", "organisation_id", "state", "id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = mapped_column(BigId)
    channel: Mapped[str] = mapped_column(default="mail")
    destination_id: Mapped[int | None] = mapped_column(BigId)
    lane: Mapped[str | None]
    kind: Mapped[str]
    method: Mapped[str | None]
    live_session_id: Mapped[int | None] = mapped_column(BigId, index=True)
    enrolment_id: Mapped[int | None] = mapped_column(BigId)
    entry_id: Mapped[int | None] = mapped_column(BigId)
    milestone_entry_id: Mapped[int | None] = mapped_column(BigId)
    learner_id: Mapped[int | None] = mapped_column(BigId, index=True)
    skeleton_id: Mapped[int] = mapped_column(BigId)
    told_revision_id: Mapped[int | None] = mapped_column(BigId)
    sender: Mapped[str]
    recipient: Mapped[str]
    recipient_name: Mapped[str]
    page_id: Mapped[str]
    uid: Mapped[str | None]
    sequence: Mapped[int | None] = mapped_column(Integer)
    dtstamp: Mapped[int] = mapped_column(BigInteger)
    partstat: Mapped[str | None]
    extra: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    own: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    key_id: Mapped[int] = mapped_column(BigId)
    state: Mapped[str] = mapped_column(default=QUEUED)
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    ambiguous: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    due_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    worker_id: Mapped[int | None] = mapped_column(BigId)
    fence: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    last_code: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None]
    bounce_class: Mapped[str | None]
    superseded_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime]
    final_at: Mapped[datetime | None]


class Worker(Base):
    """A process that holds deliveries or inbound messages; what it holds is free again once `alive_until` has passed."""

    __tablename__ = "workers"

    id: Mapped[Id]
    name: Mapped[str]
    started_at: Mapped[datetime]
    alive_until: Mapped[datetime] = mapped_column(index=True)
    stopped_at: Mapped[datetime | None]


PUBLISHES = ":publish"
"""How the name of a worker ends that serves the other channels: each process has one beside the one for mail."""


def for_mail():
    """Condition: a worker that sends and reads mail."""
    return Worker.name.not_like(f"%{PUBLISHES}")


class RelayPace(Base):
    """When the relay bears the next message, shared by all workers (SMTP_RATE); and why it rests, if it does."""

    __tablename__ = "relay_pace"
    __table_args__ = (UniqueConstraint("relay"),)

    id: Mapped[Id]
    relay: Mapped[str]
    free_at: Mapped[datetime]
    problem: Mapped[str | None]
    problem_at: Mapped[datetime | None]


class CapturedMessage(Base):
    """Outgoing mail kept here instead of handed over (`SMTP_URL=capture:`), for /dev/mailbox."""

    __tablename__ = "captured_messages"

    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(BigId, index=True)
    captured_at: Mapped[datetime]
    envelope_from: Mapped[str]
    recipient: Mapped[str] = mapped_column(index=True)
    raw: Mapped[bytes] = mapped_column(LargeBinary)


def message_id(delivery_id: int, dtstamp: int, sender: str) -> str:
    """The Message-ID of a delivery, without brackets: the same on every try, and it says nothing about the person."""
    return f"{delivery_id}.{dtstamp}.feedserver@{sender.rpartition('@')[2]}"
