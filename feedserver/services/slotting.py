"""Slots: sessions of one place each out of a trainer's hours, for learners to pick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from ..store.courses import Course
from ..store.sessions import LiveSession
from ..training.slots import slots
from . import scheduling
from .finding import find
from .work import Work

SHARED = (
    "title",
    "description",
    "location",
    "room_id",
    "join_url",
    "instructors",
    "timezone",
    "approval_required",
    "visibility",
    "waiting_list",
)


def make_slots(
    work: Work, course_id: int, *, days: Sequence[date], begins: time, ends: time, length: int, pause: int = 0, **values: Any
) -> list[LiveSession]:  # fmt: skip
    """One session for each slot, with one seat. `values` are of `SHARED`; the title is the course's where none is given. Raises `Invalid`."""
    course = find(work, Course, course_id)
    times = slots(days, begins, ends, length, pause)
    shared = _shared(work, course, values)
    made = [scheduling.create_session(work, course.id, {**shared, "start": start, "end": end, "capacity": 1}) for start, end in times]
    work.record("slots made", detail={"course_id": course.id, "sessions": [one.id for one in made]})
    return made


def _shared(work: Work, course: Course, values: Mapping[str, Any]) -> dict[str, Any]:
    given = {k: v for k, v in values.items() if k in SHARED and v is not None}
    return {"title": course.name, "timezone": work.organisation.timezone, **{k: v for k, v in given.items() if v != "" or k != "title"}}
