"""What was decided about an inbound message, each time it was judged: the flight recorder."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref


class VerdictRow(Base):
    """One judgement: the first, one asked for again, or one by a person (`by`). The last is repeated in the message's own row."""

    __tablename__ = "verdicts"

    id: Mapped[Id]
    inbound_id: Mapped[int] = ref("inbound_messages")
    judged_at: Mapped[datetime]
    by: Mapped[str]
    outcome: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str]
    evidence: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))


class SenderQuestion(Base):
    """The question to an enrolled address whether a strange sender answered for it; asked once per learner and sender (contract, Settings).

    `kind` says what a Yes makes known: an `alias`, a `delegate`, or nothing beyond this `message`. `sender_key` is "" where From could not be
    read; `attendee_key` is what the reply called the person, where that is strange, too.
    """

    __tablename__ = "sender_questions"

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    learner_id: Mapped[int] = ref("learners")
    enrolment_id: Mapped[int | None] = mapped_column(BigId)
    inbound_id: Mapped[int] = ref("inbound_messages")
    kind: Mapped[str] = mapped_column(default="alias")
    sender_key: Mapped[str]
    attendee_key: Mapped[str] = mapped_column(default="")
    public_id: Mapped[str] = mapped_column(unique=True)
    partstat: Mapped[str] = mapped_column(default="")
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answer: Mapped[str | None]
