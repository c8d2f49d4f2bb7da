"""Somebody leaves: in one go their coming entries are cancelled, their places freed and passed on, their feeds ended. What was stays."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, delete, func, select

from ..store.courses import GroupMember
from ..store.enrolments import Enrolment
from ..store.feeds import Feed
from ..store.learners import Learner
from ..store.milestones import MilestoneEntry
from ..store.onboarding import Onboarding
from ..store.sessions import CHOSEN, LiveSession
from ..training.statuses import ATTENDANCE, EnrolmentStatus
from . import audiences, awarding, enrolling, milestones, onboarding_items, subscribing
from .finding import find
from .learning import new_feed
from .work import Work


@dataclass(frozen=True)
class Consequences:
    """What leaving will do, in numbers: `waited_for` of the sessions have somebody on the waiting list."""

    sessions: int
    waited_for: int
    groups: int
    feeds: int


def leave(work: Work, learner_id: int) -> Learner:
    """The learner is no longer here. Doing it twice changes nothing."""
    learner = find(work, Learner, learner_id, lock=True)
    if learner.left_at is not None:
        return learner
    for enrolment_id in work.db.scalars(_coming(work, learner).with_only_columns(Enrolment.id)).all():
        enrolling.remove(work, enrolment_id)
    onboarding_items.end(work, Onboarding.learner_id == learner.id)
    milestones.end(work, MilestoneEntry.learner_id == learner.id)
    feeds = subscribing.feeds_of(work, learner.id)
    for feed in feeds:
        subscribing.revoke_feed(work, feed.id)
    audiences.end_those_of(work, {learner.email_key})
    groups = work.db.execute(delete(GroupMember).where(GroupMember.learner_id == learner.id)).rowcount
    learner.left_at = work.now
    learner.version += 1
    work.record("left", learner_id=learner.id, detail={"feeds": len(feeds), "groups": groups})
    work.db.flush()
    return learner


def come_back(work: Work, learner_id: int) -> Learner:
    """The learner is here again, with a new feed and in no session; doing it twice changes nothing."""
    learner = find(work, Learner, learner_id, lock=True)
    if learner.left_at is None:
        return learner
    learner.left_at = None
    learner.version += 1
    if not subscribing.feeds_of(work, learner.id):
        work.db.add(new_feed(work, learner.id, "My training"))
    awarding.note_again(work, learner)
    work.record("came back", learner_id=learner.id)
    work.db.flush()
    return learner


def consequences(work: Work, learner: Learner) -> Consequences:
    """What `leave` would do."""
    whole = func.coalesce(LiveSession.series_id, LiveSession.id)
    sessions = set(work.db.scalars(_coming(work, learner).with_only_columns(whole)))
    waiting = select(func.count(Enrolment.live_session_id.distinct())).where(
        Enrolment.live_session_id.in_(sessions), Enrolment.status == EnrolmentStatus.WAITING_LIST, Enrolment.learner_id != learner.id
    )
    groups = select(func.count()).select_from(GroupMember).where(GroupMember.learner_id == learner.id)
    feeds = select(func.count(Feed.id)).where(Feed.learner_id == learner.id, Feed.revoked_at.is_(None))
    return Consequences(len(sessions), work.db.scalar(waiting), work.db.scalar(groups), work.db.scalar(feeds))


def _coming(work: Work, learner: Learner):
    """Enrolments that end now, series before their dates; in a session that is on, whoever is marked as having come stays so."""
    return (
        select(Enrolment)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(
            Enrolment.learner_id == learner.id, LiveSession.ends_at > work.now, Enrolment.status != EnrolmentStatus.CANCELLED,
            Enrolment.status.not_in(ATTENDANCE) | (LiveSession.starts_at > work.now),
        )
        .order_by(case((CHOSEN, 0), else_=1), Enrolment.live_session_id)
    )  # fmt: skip
