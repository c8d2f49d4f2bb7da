"""All that is held about one person, for that person (GDPR articles 15 and 20). Secrets that open doors are left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import inspect, or_, select

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
from ..store.outbox import CapturedMessage, Delivery
from ..store.sessions import LiveSession
from .refilling import refill
from .work import Work

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
        "calendar_entries": _all(work, CalendarEntry, CalendarEntry.learner_id == mine),
        "days_to_note": _all(work, MilestoneEntry, MilestoneEntry.learner_id == mine),
        "completions": _all(work, Completion, Completion.learner_id == mine),
        "certificates": _all(work, Certificate, Certificate.learner_id == mine),
        "certificate_warnings": _all(work, CertificateWarning, CertificateWarning.certificate_id.in_(_certificates(mine))),
        "feeds": _all(work, Feed, Feed.learner_id == mine),
        "messages_sent": _all(work, Delivery, Delivery.learner_id == mine),
        "messages_received": _all(work, InboundMessage, _received(work, learner)),
        "history": _all(work, HistoryEntry, HistoryEntry.learner_id == mine),
    }


def _certificates(learner_id: int):
    return select(Certificate.id).where(Certificate.learner_id == learner_id)


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
    for row in work.db.scalars(select(Delivery).where(Delivery.learner_id == learner.id).order_by(Delivery.id)):
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
    enrolments = select(Enrolment.id).where(Enrolment.learner_id == learner.id)
    mine = or_(InboundMessage.learner_id == learner.id, InboundMessage.enrolment_id.in_(enrolments))
    return mine & (InboundMessage.organisation_id == work.organisation_id)


def _all(work: Work, row: type[Base], which) -> list[dict[str, Any]]:
    return [plain(one) for one in work.db.scalars(select(row).where(which).order_by(row.id))]


def _session(session: LiveSession) -> dict[str, Any]:
    names = ("title", "start", "end", "timezone", "location", "status", "recurrence", "recurrence_id")
    return {name: _value(getattr(session, name)) for name in names}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
