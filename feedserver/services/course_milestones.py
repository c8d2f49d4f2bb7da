"""The days that a course sets: defined once, given to everybody who takes the course, moved and cancelled for all of them.

Who takes it: members of its training groups (of a milestone for one group: of that), and whoever is in a session of it. Who has completed
the course is spared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union

from ..errors import Conflict, Invalid
from ..store.completions import Completion
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.milestones import DONE, OPEN, Milestone, MilestoneEntry
from ..store.sessions import LiveSession
from ..training.milestones import OF_COURSES, CompletionKind
from ..training.statuses import EnrolmentStatus
from . import milestones
from .finding import find
from .milestones import Given
from .work import Work

E_, M_ = MilestoneEntry, Milestone
OUT = (EnrolmentStatus.CANCELLED, EnrolmentStatus.DECLINED)
"""Who has one of these in all sessions of a course, and is in no group of it, does not take it."""
_FIELDS = ("kind", "title", "day", "description", "url")
_AT_ONCE = 1000


def add(work: Work, course_id: int, values: Mapping[str, Any]) -> Milestone:
    """A new one: `kind` (of `OF_COURSES`), `title`, `day`, and `description`, `url`, `group_id` as wanted. Raises `Invalid`."""
    course = find(work, Course, course_id)
    if values["kind"] not in OF_COURSES:
        raise Invalid(f"A course has {', '.join(OF_COURSES)}; others belong to certificates and onboarding.", field="kind")
    noted = milestones.checked(*(values.get(name) or "" if name in ("description", "url") else values[name] for name in _FIELDS))
    group = find(work, TrainingGroup, values["group_id"]) if values.get("group_id") else None
    if group is not None and group.course_id != course.id:
        raise Conflict("This training group belongs to another course.", field="group_id")
    made = Milestone(
        organisation_id=work.organisation_id, course_id=course.id, group_id=group.id if group else None, kind=noted.kind, title=noted.title,
        description=noted.description, url=noted.url, day=noted.day, created_at=work.now, updated_at=work.now,
    )  # fmt: skip
    work.db.add(made)
    work.db.flush()
    number = _give(work, [made])
    work.record("milestone made", detail={"milestone_id": made.id, "course_id": course.id, "people": number})
    work.db.flush()
    return made


def edit(work: Work, milestone_id: int, values: Mapping[str, Any]) -> Milestone:
    """Another title, day, description or link, for everybody who has not done it. A cancelled one stays so: `Conflict`."""
    one = _live(work, milestone_id)
    given = {name: values[name] for name in ("title", "day", "description", "url") if values.get(name) is not None}
    noted = milestones.checked(one.kind, **{name: given.get(name, getattr(one, name)) for name in ("title", "day", "description", "url")})
    changed = {name: getattr(noted, name) for name in given if getattr(noted, name) != getattr(one, name)}
    if not changed:
        return one
    for name, value in changed.items():
        setattr(one, name, value)
    one.version, one.updated_at = one.version + 1, work.now
    number = milestones.move(work, E_.milestone_id == one.id, changed.get("day"), **{k: v for k, v in changed.items() if k != "day"})
    work.record("milestone edited", detail={"milestone_id": one.id, "changes": sorted(changed), "people": number})
    work.db.flush()
    return one


def cancel(work: Work, milestone_id: int, reason: str = "") -> Milestone:
    """It no longer holds for anybody; who has done it keeps that on record. Doing it twice changes nothing."""
    one = find(work, Milestone, milestone_id, lock=True)
    if one.cancelled_at is None:
        one.cancelled_at, one.updated_at, one.version = work.now, work.now, one.version + 1
        number = milestones.end(work, E_.milestone_id == one.id, reason)
        work.record("milestone cancelled", detail={"milestone_id": one.id, "people": number})
        work.db.flush()
    return one


def take_up(work: Work, course_id: int, learner_ids: Collection[int]) -> int:
    """These may have begun or ceased to take a course: they get its coming days, or are rid of them. Returns how many entries changed."""
    live = list(work.db.scalars(select(M_).where(M_.course_id == course_id, M_.cancelled_at.is_(None))))
    if not live or not learner_ids:
        return 0
    some = list(learner_ids)
    numbers = [one.id for one in live]
    gone = and_(E_.milestone_id.in_(numbers), E_.learner_id.in_(some), ~_takes(E_.milestone_id, E_.learner_id))
    ended = sum(milestones.end(work, and_(gone, E_.learner_id.in_(some[at : at + _AT_ONCE]))) for at in range(0, len(some), _AT_ONCE))
    return ended + _give(work, live, some)


def done_of(work: Work, which: Sequence[int]) -> dict[int, tuple[int, int]]:
    """(have done it, have it open) of each of these milestones that anybody has."""
    query = select(E_.milestone_id, E_.state, func.count()).where(E_.milestone_id.in_(which), E_.state.in_((OPEN, DONE)))
    found: dict[int, list[int]] = {}
    for number, state, count in work.db.execute(query.group_by(E_.milestone_id, E_.state)):
        found.setdefault(number, [0, 0])[state == OPEN] = count
    return {number: (done, still) for number, (done, still) in found.items()}


def takers(course_id) -> Select:
    """(learner_id) of everybody who takes the course, those who have left included."""
    members = select(GroupMember.learner_id).join(TrainingGroup, TrainingGroup.id == GroupMember.group_id)
    inside = select(Enrolment.learner_id).join(LiveSession, LiveSession.id == Enrolment.live_session_id)
    inside = inside.where(LiveSession.course_id == course_id, LiveSession.series_id.is_(None), Enrolment.status.not_in(OUT))
    return select(union(members.where(TrainingGroup.course_id == course_id), inside).subquery().c.learner_id)


def has_completed(course_id, learner_id) -> ColumnElement[bool]:
    """Condition: that learner's completion of the whole course stands."""
    standing = (Completion.kind == CompletionKind.COURSE, Completion.undone_at.is_(None))
    return exists().where(Completion.course_id == course_id, Completion.learner_id == learner_id, *standing)


def _takes(milestone_id, learner_id) -> ColumnElement[bool]:
    """Condition on columns: whether that learner is one for whom that milestone was set."""
    member = (
        select(M_.id)
        .join(TrainingGroup, TrainingGroup.course_id == M_.course_id)
        .join(GroupMember, GroupMember.group_id == TrainingGroup.id)
        .where(M_.id == milestone_id, or_(M_.group_id.is_(None), M_.group_id == TrainingGroup.id), GroupMember.learner_id == learner_id)
    )
    inside = (
        select(M_.id)
        .join(LiveSession, LiveSession.course_id == M_.course_id)
        .join(Enrolment, Enrolment.live_session_id == LiveSession.id)
        .where(
            M_.id == milestone_id, M_.group_id.is_(None), LiveSession.series_id.is_(None), Enrolment.learner_id == learner_id,
            Enrolment.status.not_in(OUT),
        )
    )  # fmt: skip
    return or_(member.exists(), inside.exists())


def _give(work: Work, live: Sequence[Milestone], only: Sequence[int] | None = None) -> int:
    """Give these days, as far as they are to come, to whom they concern and who has none of them."""
    given: list[Given] = []
    for one in live:
        if milestones.over(work, one.day):
            continue
        has = exists().where(E_.milestone_id == one.id, E_.learner_id == Learner.id, E_.state.in_((OPEN, DONE)))
        wanted = (
            takers(one.course_id) if one.group_id is None else select(GroupMember.learner_id).where(GroupMember.group_id == one.group_id)
        )
        query = select(Learner.id).where(
            Learner.organisation_id == work.organisation_id, Learner.left_at.is_(None), Learner.id.in_(wanted), ~has,
            ~has_completed(one.course_id, Learner.id),
        )  # fmt: skip
        noted = milestones.checked(one.kind, one.title, one.day, one.description, one.url)
        for some in [None] if only is None else [only[at : at + _AT_ONCE] for at in range(0, len(only), _AT_ONCE)]:
            mine = query if some is None else query.where(Learner.id.in_(some))
            given += [Given(number, noted, milestone_id=one.id) for number in work.db.scalars(mine.order_by(Learner.id))]
    return milestones.give_each(work, given) if given else 0


def _live(work: Work, milestone_id: int) -> Milestone:
    one = find(work, Milestone, milestone_id, lock=True)
    if one.cancelled_at is not None:
        raise Conflict("This milestone was cancelled and stays so; make a new one.")
    return one
