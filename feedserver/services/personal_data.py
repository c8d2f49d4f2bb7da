"""All that is held about one person, for that person (GDPR articles 15 and 20). Secrets that open doors are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, inspect, or_, select

from ..store import keys
from ..store.base import Base
from ..store.certificates import Certificate, CertificateWarning
from ..store.completions import Completion
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.feeds import Feed
from ..store.history import HistoryEntry
from ..store.inbox import InboundMessage
from ..store.learners import Learner, LearnerAlias
from ..store.milestones import MilestoneEntry
from ..store.onboarding import Onboarding, OnboardingItem
from ..store.outbox import CapturedMessage, Delivery
from ..store.proposals import Proposal
from ..store.reminders import Reminder, WeeklyMail, reader_of
from ..store.sessions import LiveSession
from ..store.verdicts import SenderQuestion
from .refilling import refill
from .work import Work

# What is exported row by row: its name, the rows, and which of them are a learner's.
BY_ROW: dict[str, tuple[type[Base], Callable[[int], ColumnElement[bool]]]] = {
    "calendar_entries": (CalendarEntry, lambda mine: CalendarEntry.learner_id == mine),
    "days_to_note": (MilestoneEntry, lambda mine: MilestoneEntry.learner_id == mine),
    "completions": (Completion, lambda mine: Completion.learner_id == mine),
    "certificates": (Certificate, lambda mine: Certificate.learner_id == mine),
    "certificate_warnings": (
        CertificateWarning,
        lambda mine: CertificateWarning.certificate_id.in_(select(Certificate.id).where(Certificate.learner_id == mine)),
    ),
    "onboardings": (Onboarding, lambda mine: Onboarding.learner_id == mine),
    "onboarding_steps": (OnboardingItem, lambda mine: OnboardingItem.learner_id == mine),
    "reminders": (Reminder, lambda mine: Reminder.enrolment_id.in_(_enrolments(mine))),
    "weekly_mails": (WeeklyMail, lambda mine: WeeklyMail.reader == reader_of(mine)),
    "proposals": (Proposal, lambda mine: Proposal.enrolment_id.in_(_enrolments(mine))),
    "questions_about_senders": (SenderQuestion, lambda mine: SenderQuestion.learner_id == mine),
    "feeds": (Feed, lambda mine: Feed.learner_id == mine),
    "messages_sent": (Delivery, lambda mine: Delivery.learner_id == mine),
    "history": (HistoryEntry, lambda mine: HistoryEntry.learner_id == mine),
}
# Columns that open doors (a token is made of them), are our own bookkeeping, or are octets that go into the zip as files.
_LEFT_OUT = {
    "page_id",
    "public_id",
    "key_id",
    "email_key",
    "batch",
    "raw",
    "fence",
    "worker_id",
    "evidence",
    "skeleton_id",
    "organisation_id",
}


def of_learner(work: Work, learner: Learner) -> dict[str, Any]:
    """Everything as plain values that JSON can hold, by kind."""
    db, mine = work.db, learner.id
    groups = (
        select(TrainingGroup.name, Course.name)
        .join(GroupMember, GroupMember.group_id == TrainingGroup.id)
        .join(Course, Course.id == TrainingGroup.course_id)
        .where(GroupMember.learner_id == mine)
        .order_by(TrainingGroup.id)
    )
    sessions = (
        select(Enrolment, LiveSession)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(Enrolment.learner_id == mine)
        .order_by(LiveSession.starts_at)
    )
    return {
        "exported_at": work.now.isoformat(),
        "organisation": work.organisation.name,
        "learner": plain(learner),
        "other_addresses": list(db.scalars(select(LearnerAlias.address_key).where(LearnerAlias.learner_id == mine))),
        "groups": [{"group": group, "course": course} for group, course in db.execute(groups)],
        "enrolments": [{**plain(e), "session": _session(s)} for e, s in db.execute(sessions)],
        **{name: _all(work, row, which(mine)) for name, (row, which) in BY_ROW.items()},
        "messages_received": _all(work, InboundMessage, _received(work, learner)),
    }


def _enrolments(learner_id: int) -> Select:
    return select(Enrolment.id).where(Enrolment.learner_id == learner_id)


def mails(work: Work, learner: Learner) -> Iterator[tuple[str, bytes]]:
    """(name in the zip, octets) of every message sent to the learner or received from them, as far as the octets are still kept."""
    secrets = keys.all_of(work.db)
    captured = dict(
        work.db.execute(
            select(CapturedMessage.delivery_id, CapturedMessage.raw)
            .join(Delivery, Delivery.id == CapturedMessage.delivery_id)
            .where(Delivery.learner_id == learner.id)
            .order_by(CapturedMessage.id)
        ).all()
    )
    mine = (Delivery.learner_id == learner.id, Delivery.channel == "mail")
    for row in work.db.scalars(select(Delivery).where(*mine).order_by(Delivery.id)):
        data = captured.get(row.id) or refill(work.db, row, secrets[row.key_id])
        if data:
            yield f"sent/{row.id}-{row.kind}.eml", data
    for message in work.db.scalars(select(InboundMessage).where(_received(work, learner)).order_by(InboundMessage.id)):
        if message.raw:
            yield f"received/{message.id}-{message.kind or 'message'}.eml", message.raw


def feeds(work: Work, learner: Learner) -> list[Feed]:
    """The learner's feeds that can still be fetched."""
    return list(work.db.scalars(select(Feed).where(Feed.learner_id == learner.id, Feed.revoked_at.is_(None)).order_by(Feed.id)))


def plain(row: Base) -> dict[str, Any]:
    """A row as values that JSON can hold: instants as RFC 3339."""
    return {c.key: _value(getattr(row, c.key)) for c in inspect(type(row)).column_attrs if c.key not in _LEFT_OUT}


def _received(work: Work, learner: Learner):
    mine = or_(InboundMessage.learner_id == learner.id, InboundMessage.enrolment_id.in_(_enrolments(learner.id)))
    return mine & (InboundMessage.organisation_id == work.organisation_id)


def _all(work: Work, row: type[Base], which) -> list[dict[str, Any]]:
    return [plain(one) for one in work.db.scalars(select(row).where(which).order_by(row.id))]


def _session(session: LiveSession) -> dict[str, Any]:
    names = ("title", "start", "end", "timezone", "location", "status", "recurrence", "recurrence_id")
    return {name: _value(getattr(session, name)) for name in names}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
