"""Courses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ...services import grouping
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course
from . import paging
from .fields import Body, Out, RowId, Url, line, lines, optional
from .paging import Page
from .routing import Answer, Call, at, route
from .session_shapes import Reminders


class NewCourse(Body):
    """What is taught; `description` is Markdown. `counts`: attending a session of it completes it. `self_paced`: learners may say so themselves."""

    name: line(200, empty=False)
    description: lines(20_000) = ""
    url: Url = ""
    counts: bool = False
    self_paced: bool = False
    reminders: Reminders | None = None


class CourseChange(Body):
    """What is to change; coming sessions tell it after the settle time."""

    name: line(200, empty=False) = optional()
    description: lines(20_000) = optional()
    url: Url = optional()
    counts: bool = optional()
    self_paced: bool = optional()
    reminders: Reminders | None = optional()


class CourseOut(Out):
    """A course; `external_id` is how another system names it (`/sync/courses`)."""

    id: RowId
    name: str
    description: str
    url: str
    counts: bool
    self_paced: bool
    reminders: Reminders | None
    external_id: str | None
    version: int
    created_at: datetime


def show(course: Course) -> CourseOut:
    """A row as it is answered."""
    return CourseOut.model_validate(course, from_attributes=True)


@route("POST", "/courses", body=NewCourse, answer=CourseOut, status=201)
def create_course(work: Work, call: Call) -> Answer:
    """Add a course."""
    course = grouping.create_course(work, call.body.model_dump())
    return Answer(show(course), headers=at("courses", course.id))


@route("GET", "/courses", query=paging.Query, answer=Page[CourseOut])
def list_courses(work: Work, call: Call) -> Page[CourseOut]:
    """List courses."""
    query = select(Course).where(Course.organisation_id == work.organisation_id)
    rows, following = paging.by_id(work.db, query, Course.id, call.query)
    return Page[CourseOut](items=[show(row) for row in rows], next=following)


@route("GET", "/courses/<id:course_id>", answer=CourseOut, problems=(404,))
def get_course(work: Work, call: Call) -> CourseOut:
    """One course."""
    return show(find(work, Course, call.path["course_id"]))


@route("PATCH", "/courses/<id:course_id>", body=CourseChange, answer=CourseOut, problems=(404,))
def edit_course(work: Work, call: Call) -> CourseOut:
    """Change a course."""
    return show(grouping.edit_course(work, call.path["course_id"], call.body.given()))
