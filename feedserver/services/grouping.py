"""Courses and training groups: who is in a group is invited to its coming sessions, who leaves is taken off them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from ..errors import Conflict, Invalid
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.enrolments import Enrolment
from ..store.history import HistoryEntry
from ..store.learners import Learner
from ..store.sessions import CHOSEN, LiveSession
from ..training import reminders
from ..training.statuses import EnrolmentStatus
from . import course_milestones, enrolling, scheduling
from .finding import find, locked_session, must_be_here
from .work import Work


def create_course(work: Work, values: Mapping[str, Any]) -> Course:
    """A new course: `name`, `description`, `url`."""
    values = {**values, "reminders": reminders.check(values.get("reminders"))}
    course = Course(organisation_id=work.organisation_id, created_at=work.now, **values)
    work.db.add(course)
    work.db.flush()
    work.record("course created", detail={"course_id": course.id})
    return course


def edit_course(work: Work, course_id: int, values: Mapping[str, Any]) -> Course:
    """Change a course; what its sessions show of it is told after the settle time."""
    course = find(work, Course, course_id, lock=True)
    if "reminders" in values:
        values = {**values, "reminders": reminders.check(values["reminders"])}
    changed = {k: v for k, v in values.items() if getattr(course, k) != v}
    for name, value in changed.items():
        setattr(course, name, value)
    if changed:
        course.version += 1
        work.record("course edited", detail={"course_id": course.id, "changes": sorted(changed)})
        work.db.flush()
    if {"name", "url"} & set(changed):
        scheduling.course_changed(work, course.id)
    return course


def create_group(work: Work, course_id: int, name: str, learner_ids: Sequence[int] = ()) -> TrainingGroup:
    """A new group with members; 10,000 in one call are fine. An unknown learner refuses the whole call."""
    find(work, Course, course_id)
    same = select(TrainingGroup.id).where(TrainingGroup.course_id == course_id, TrainingGroup.name == name)
    if (known := work.db.scalar(same)) is not None:
        raise Conflict(f"The course already has a training group called {name!r}.", extra={"id": known})
    wanted = list(dict.fromkeys(learner_ids))
    missing = set(wanted) - _known(work, wanted)
    if missing:
        raise Invalid(f"There are no learners {sorted(missing)[:10]} in this organisation.", field="learner_ids")
    group = TrainingGroup(organisation_id=work.organisation_id, course_id=course_id, name=name, created_at=work.now)
    work.db.add(group)
    work.db.flush()
    if wanted:
        work.db.execute(insert(GroupMember), [{"group_id": group.id, "learner_id": i, "created_at": work.now} for i in wanted])
        course_milestones.take_up(work, course_id, wanted)
    work.record("group created", detail={"group_id": group.id, "members": len(wanted)})
    return group


def add_member(work: Work, group_id: int, learner_id: int) -> bool:
    """Put a learner into a group and invite them to its coming sessions; False where they were in it."""
    group = find(work, TrainingGroup, group_id, lock=True)
    must_be_here(find(work, Learner, learner_id))
    if work.db.get(GroupMember, (group.id, learner_id)) is not None:
        return False
    work.db.add(GroupMember(group_id=group.id, learner_id=learner_id, created_at=work.now))
    work.record("joined group", learner_id=learner_id, detail={"group_id": group.id})
    work.db.flush()
    for session_id in _coming(work, group):
        enrolling.invite_many(work, locked_session(work, session_id), [learner_id])
    course_milestones.take_up(work, group.course_id, [learner_id])
    return True


def add_members(work: Work, group_id: int, learner_ids: Sequence[int]) -> tuple[int, int]:
    """Put many of this organisation's learners into a group, in a constant number of statements; (how many joined, invitations sent)."""
    group = find(work, TrainingGroup, group_id, lock=True)
    known = set(work.db.scalars(select(GroupMember.learner_id).where(GroupMember.group_id == group.id)))
    fresh = [i for i in dict.fromkeys(learner_ids) if i not in known]
    if not fresh:
        return 0, 0
    work.db.execute(insert(GroupMember), [{"group_id": group.id, "learner_id": i, "created_at": work.now} for i in fresh])
    common = {
        "organisation_id": work.organisation_id,
        "at": work.now,
        "actor": work.actor,
        "verb": "joined group",
        "detail": {"group_id": group.id},
    }
    work.db.execute(insert(HistoryEntry), [{**common, "learner_id": i} for i in fresh])
    sent = sum(enrolling.invite_many(work, locked_session(work, session_id), fresh) for session_id in _coming(work, group))
    course_milestones.take_up(work, group.course_id, fresh)
    return len(fresh), sent


def remove_member(work: Work, group_id: int, learner_id: int) -> bool:
    """Take a learner off a group and, with a CANCEL to them alone, off its coming sessions; False where they were not in it."""
    group = find(work, TrainingGroup, group_id, lock=True)
    find(work, Learner, learner_id)
    gone = work.db.execute(delete(GroupMember).where(GroupMember.group_id == group.id, GroupMember.learner_id == learner_id)).rowcount
    if not gone:
        return False
    work.record("left group", learner_id=learner_id, detail={"group_id": group.id})
    for session_id in _coming(work, group):
        mine = select(Enrolment.id).where(
            Enrolment.live_session_id == session_id,
            Enrolment.learner_id == learner_id,
            Enrolment.status != EnrolmentStatus.CANCELLED,
        )
        for enrolment_id in work.db.scalars(mine).all():
            enrolling.remove(work, enrolment_id)
    course_milestones.take_up(work, group.course_id, [learner_id])
    return True


def members(work: Work, group_id: int) -> list[int]:
    """The learners of a group, by when they joined; raises `NotFound`."""
    group = find(work, TrainingGroup, group_id)
    mine = select(GroupMember.learner_id).where(GroupMember.group_id == group.id)
    return list(work.db.scalars(mine.order_by(GroupMember.created_at, GroupMember.learner_id)))


def coming(work: Work, group_id: int) -> int:
    """How many sessions of a group are to come: who joins is invited to each."""
    return len(_coming(work, find(work, TrainingGroup, group_id)))


def _coming(work: Work, group: TrainingGroup) -> list[int]:
    # Who is in a series is in its dates.
    query = select(LiveSession.id).where(
        LiveSession.group_id == group.id, LiveSession.status == "scheduled", LiveSession.ends_at > work.now, CHOSEN
    )
    return list(work.db.scalars(query.order_by(LiveSession.starts_at, LiveSession.id)).all())


def _known(work: Work, learner_ids: Sequence[int]) -> set[int]:
    known: set[int] = set()
    for at in range(0, len(learner_ids), 5000):
        part = [i for i in learner_ids[at : at + 5000] if 0 < i < 2**63]
        known |= set(work.db.scalars(select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.id.in_(part))))
    return known
