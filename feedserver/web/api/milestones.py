"""Milestones of courses, and what a learner has to note."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlalchemy import select

from ...services import course_milestones
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course
from ...store.learners import Learner
from ...store.milestones import Milestone, MilestoneEntry
from . import paging
from .fields import Body, CalendarDay, Out, RowId, Url, line, lines, optional
from .paging import Page
from .routing import Answer, Call, at, route

Kind = Literal["enrolment_opens", "enrolment_closes", "completion_deadline", "assessment"]


class NewMilestone(Body):
    """A day that the course sets; with `group_id` to that training group alone. `description` is Markdown."""

    kind: Kind
    title: line(200, empty=False)
    day: CalendarDay
    description: lines(20_000) = ""
    url: Url = ""
    group_id: RowId | None = None


class MilestoneChange(Body):
    """What is to change, for everybody who has not done it."""

    title: line(200, empty=False) = optional()
    day: CalendarDay = optional()
    description: lines(20_000) = optional()
    url: Url = optional()


class CancelMilestone(Body):
    """Why; it is said in mails."""

    reason: line(500) = ""


class MilestoneOut(Out):
    """A milestone; `done` and `open` are how many people have done it, or still have it to note."""

    id: RowId
    course_id: RowId
    group_id: RowId | None
    kind: Kind
    title: str
    description: str
    url: str
    day: date
    cancelled_at: datetime | None
    done: int
    open: int
    version: int
    created_at: datetime


class DayToNote(Out):
    """What one person has to note, or had: `open`, `done` or `ended`; `mailed` says whether it went out by mail."""

    id: RowId
    milestone_id: RowId | None
    certificate_id: RowId | None
    kind: str
    title: str
    day: date
    state: Literal["open", "done", "ended"]
    mailed: bool
    sequence: int
    done_at: datetime | None
    ended_at: datetime | None


def show(work: Work, rows: list[Milestone]) -> list[MilestoneOut]:
    """Rows as they are answered, in one statement more."""
    counts = course_milestones.done_of(work, [one.id for one in rows])
    names = [name for name in MilestoneOut.model_fields if name not in ("done", "open")]
    shown = []
    for one in rows:
        done, still = counts.get(one.id, (0, 0))
        shown.append(MilestoneOut(**{name: getattr(one, name) for name in names}, done=done, open=still))
    return shown


@route("POST", "/courses/<id:course_id>/milestones", body=NewMilestone, answer=MilestoneOut, status=201, problems=(404, 409))
def create_milestone(work: Work, call: Call) -> Answer:
    """Set a day: everybody who takes the course gets it into their calendar."""
    made = course_milestones.add(work, call.path["course_id"], call.body.model_dump())
    return Answer(show(work, [made])[0], headers=at("milestones", made.id))


@route("GET", "/courses/<id:course_id>/milestones", query=paging.Query, answer=Page[MilestoneOut], problems=(404,))
def list_milestones(work: Work, call: Call) -> Page[MilestoneOut]:
    """List the milestones of a course, cancelled ones included."""
    course = find(work, Course, call.path["course_id"])
    rows, following = paging.by_id(work.db, select(Milestone).where(Milestone.course_id == course.id), Milestone.id, call.query)
    return Page[MilestoneOut](items=show(work, list(rows)), next=following)


@route("GET", "/milestones/<id:milestone_id>", answer=MilestoneOut, problems=(404,))
def get_milestone(work: Work, call: Call) -> MilestoneOut:
    """One milestone."""
    return show(work, [find(work, Milestone, call.path["milestone_id"])])[0]


@route("PATCH", "/milestones/<id:milestone_id>", body=MilestoneChange, answer=MilestoneOut, problems=(404, 409))
def edit_milestone(work: Work, call: Call) -> MilestoneOut:
    """Move or reword a milestone; calendars of those who have not done it follow."""
    return show(work, [course_milestones.edit(work, call.path["milestone_id"], call.body.given())])[0]


@route("POST", "/milestones/<id:milestone_id>/cancel", body=CancelMilestone, body_required=False, answer=MilestoneOut, problems=(404,))
def cancel_milestone(work: Work, call: Call) -> MilestoneOut:
    """It no longer holds: it leaves the calendars of those who have not done it. A second time changes nothing."""
    reason = call.body.reason if call.body is not None else ""
    return show(work, [course_milestones.cancel(work, call.path["milestone_id"], reason)])[0]


@route("GET", "/learners/<id:learner_id>/milestones", query=paging.Query, answer=Page[DayToNote], problems=(404,))
def list_days_to_note(work: Work, call: Call) -> Page[DayToNote]:
    """List what a learner has to note, or had."""
    learner = find(work, Learner, call.path["learner_id"])
    query = select(MilestoneEntry).where(MilestoneEntry.learner_id == learner.id)
    rows, following = paging.by_id(work.db, query, MilestoneEntry.id, call.query)
    return Page[DayToNote](items=[DayToNote.model_validate(row, from_attributes=True) for row in rows], next=following)
