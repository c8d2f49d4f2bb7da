"""Training groups of a course and their members."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select

from ...services import grouping
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course, GroupMember, TrainingGroup
from ...store.learners import Learner
from . import learners, paging
from .fields import Body, Out, RowId, line
from .learners import LearnerOut
from .paging import Page
from .routing import Answer, Call, at, route


class NewGroup(Body):
    """People who take the course together; 10,000 in one call are fine."""

    name: line(200, empty=False)
    learner_ids: Annotated[list[RowId], Field(max_length=50_000)] = []


class GroupOut(Out):
    """A training group; `members` is how many."""

    id: RowId
    course_id: RowId
    name: str
    members: int
    created_at: datetime


def show(work: Work, groups: list[TrainingGroup]) -> list[GroupOut]:
    """Rows as they are answered, in one statement more."""
    counts = dict(
        work.db.execute(
            select(GroupMember.group_id, func.count())
            .where(GroupMember.group_id.in_([group.id for group in groups]))
            .group_by(GroupMember.group_id)
        ).all()
    )
    return [GroupOut(id=g.id, course_id=g.course_id, name=g.name, members=counts.get(g.id, 0), created_at=g.created_at) for g in groups]


@route("POST", "/courses/<id:course_id>/groups", body=NewGroup, answer=GroupOut, status=201, problems=(404, 409))
def create_group(work: Work, call: Call) -> Answer:
    """Add a training group with members. An unknown learner refuses the whole call."""
    group = grouping.create_group(work, call.path["course_id"], call.body.name, call.body.learner_ids)
    return Answer(show(work, [group])[0], headers=at("groups", group.id))


@route("GET", "/courses/<id:course_id>/groups", query=paging.Query, answer=Page[GroupOut], problems=(404,))
def list_groups(work: Work, call: Call) -> Page[GroupOut]:
    """List the training groups of a course."""
    course = find(work, Course, call.path["course_id"])
    query = select(TrainingGroup).where(TrainingGroup.course_id == course.id)
    rows, following = paging.by_id(work.db, query, TrainingGroup.id, call.query)
    return Page[GroupOut](items=show(work, rows), next=following)


@route("GET", "/groups/<id:group_id>", answer=GroupOut, problems=(404,))
def get_group(work: Work, call: Call) -> GroupOut:
    """One training group."""
    return show(work, [find(work, TrainingGroup, call.path["group_id"])])[0]


@route("GET", "/groups/<id:group_id>/members", query=paging.Query, answer=Page[LearnerOut], problems=(404,))
def list_members(work: Work, call: Call) -> Page[LearnerOut]:
    """List the members of a training group."""
    group = find(work, TrainingGroup, call.path["group_id"])
    query = select(Learner).join(GroupMember, GroupMember.learner_id == Learner.id).where(GroupMember.group_id == group.id)
    rows, following = paging.by_id(work.db, query, Learner.id, call.query)
    return Page[LearnerOut](items=[learners.show(row) for row in rows], next=following)


@route("PUT", "/groups/<id:group_id>/members/<id:learner_id>", status=204, problems=(404, 409))
def add_member(work: Work, call: Call) -> None:
    """Put a learner into a group: they are invited to its coming sessions. A second time changes nothing."""
    grouping.add_member(work, call.path["group_id"], call.path["learner_id"])


@route("DELETE", "/groups/<id:group_id>/members/<id:learner_id>", status=204, problems=(404,))
def remove_member(work: Work, call: Call) -> None:
    """Take a learner off a group and, with a CANCEL to them alone, off its coming sessions. A second time changes nothing."""
    grouping.remove_member(work, call.path["group_id"], call.path["learner_id"])
