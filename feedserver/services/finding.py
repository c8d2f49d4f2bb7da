"""Finding rows of one's own organisation: what is another's does not exist."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import select

from ..errors import Conflict, NotFound
from ..store.audiences import AudienceFeed
from ..store.base import Base
from ..store.certificates import Certificate, CertificateKind
from ..store.circles import Circle
from ..store.completions import Completion
from ..store.courses import Course, TrainingGroup
from ..store.destinations import LEAVING, Destination
from ..store.enrolments import Enrolment
from ..store.feeds import Feed
from ..store.imports import ImportJob
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.milestones import Milestone, MilestoneEntry
from ..store.onboarding import Onboarding, OnboardingItem, OnboardingPlan
from ..store.outbox import Delivery
from ..store.proposals import Proposal
from ..store.rooms import Room
from ..store.sessions import LiveSession
from ..store.sync import SyncRun
from ..store.verdicts import SenderQuestion
from .work import Work

R = TypeVar("R", bound=Base)

NOUNS = {
    Learner: "learner",
    Course: "course",
    TrainingGroup: "training group",
    LiveSession: "session",
    Enrolment: "enrolment",
    Feed: "feed",
    AudienceFeed: "calendar for others",
    Room: "room",
    Delivery: "delivery",
    InboundMessage: "inbound message",
    SenderQuestion: "question",
    ImportJob: "import",
    Proposal: "proposal",
    Circle: "test",
    Milestone: "milestone",
    MilestoneEntry: "day to note",
    Completion: "completion",
    OnboardingPlan: "onboarding plan",
    Onboarding: "onboarding",
    OnboardingItem: "onboarding step",
    CertificateKind: "kind of certificate",
    Certificate: "certificate",
    SyncRun: "sync run",
    Destination: "connection",
}
_LARGEST = 2**63 - 1


def _row(work: Work, row: type[R], row_id: int, lock: bool) -> R | None:
    if not 0 < row_id <= _LARGEST:
        return None
    query = select(row).where(row.id == row_id, row.organisation_id == work.organisation_id)
    return work.db.scalars(query.with_for_update() if lock else query).first()


def find(work: Work, row: type[R], row_id: int, *, lock: bool = False) -> R:
    """The row of this organisation with that id; `NotFound` names the noun. `lock` holds it for the transaction (PostgreSQL)."""
    found = _row(work, row, row_id, lock)
    if found is None:
        raise NotFound(f"There is no {NOUNS[row]} {row_id} in this organisation.")
    return found


def find_destination(work: Work, channel: str, destination_id: int, noun: str, *, lock: bool = False) -> Destination:
    """One of this organisation's in that channel that is not being removed; `NotFound` names the noun."""
    found = _row(work, Destination, destination_id, lock)
    if found is None or found.channel != channel or found.state == LEAVING:
        raise NotFound(f"There is no {noun} {destination_id}.")
    return found


def must_be_here(learner: Learner) -> None:
    """Raises `Conflict` for somebody who has left."""
    if learner.left_at is not None:
        raise Conflict(f"{learner.name} has left. Say on the learner's page that they are back first.", extra={"id": learner.id})


def locked_session(work: Work, session_id: int) -> LiveSession:
    """The session, held for this transaction: whatever concerns its people goes one after the other."""
    return find(work, LiveSession, session_id, lock=True)
