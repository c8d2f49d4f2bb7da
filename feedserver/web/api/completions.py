"""Completions: what people have completed, and undoing it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlalchemy import select

from ...errors import Conflict
from ...services import completing
from ...services.finding import find
from ...services.work import Work
from ...store.completions import Completion
from ...store.learners import Learner
from . import paging
from .fields import Body, CalendarDay, Out, QueryId, RowId, line
from .paging import Page
from .routing import Answer, Call, at, route

Kind = Literal["course", "assessment", "onboarding_step"]


class NewCompletion(Body):
    """Somebody has completed a course, or of it the assessment that `reference` names (the title of its milestone); today by default."""

    learner_id: RowId
    course_id: RowId
    kind: Kind = "course"
    reference: line(200) = ""
    completed_on: CalendarDay | None = None
    note: line(500) = ""


class CompletionOut(Out):
    """A completion, on record also once it is undone. `source`: button, csv, api, attendance, learner or system."""

    id: RowId
    learner_id: RowId
    course_id: RowId | None
    kind: Kind
    reference: str
    completed_on: date
    by: str
    source: str
    note: str
    live_session_id: RowId | None
    undone_at: datetime | None
    undone_by: str | None
    created_at: datetime


class CompletionQuery(paging.Query):
    """Of a course, of a learner."""

    course_id: QueryId | None = None
    learner_id: QueryId | None = None


def show(one: Completion) -> CompletionOut:
    """A row as it is answered."""
    return CompletionOut.model_validate(one, from_attributes=True)


@route("POST", "/completions", body=NewCompletion, answer=CompletionOut, status=201, problems=(404, 409))
def create_completion(work: Work, call: Call) -> Answer:
    """Note a completion: what it completes leaves the person's calendar. The same on the same day: 409 with the id."""
    given = call.body
    learner = find(work, Learner, given.learner_id)
    made = completing.complete(
        work, [learner.id], given.course_id, given.kind, source="api", on=given.completed_on, reference=given.reference, note=given.note
    )  # fmt: skip
    if not made:
        day = completing.checked_day(work, given.completed_on)
        known = select(Completion.id).where(
            Completion.learner_id == learner.id, Completion.course_id == given.course_id, Completion.kind == given.kind,
            Completion.reference == given.reference, Completion.completed_on == day, Completion.undone_at.is_(None),
        )  # fmt: skip
        raise Conflict("That is on record already.", extra={"id": work.db.scalar(known)})
    return Answer(show(made[0]), headers=at("completions", made[0].id))


@route("GET", "/completions", query=CompletionQuery, answer=Page[CompletionOut])
def list_completions(work: Work, call: Call) -> Page[CompletionOut]:
    """List completions, undone ones included."""
    query = select(Completion).where(Completion.organisation_id == work.organisation_id)
    query = paging.narrowed(query, call.query, course_id=Completion.course_id, learner_id=Completion.learner_id)
    rows, following = paging.by_id(work.db, query, Completion.id, call.query)
    return Page[CompletionOut](items=[show(row) for row in rows], next=following)


@route("GET", "/completions/<id:completion_id>", answer=CompletionOut, problems=(404,))
def get_completion(work: Work, call: Call) -> CompletionOut:
    """One completion."""
    return show(find(work, Completion, call.path["completion_id"]))


@route("POST", "/completions/<id:completion_id>/undo", answer=CompletionOut, problems=(404, 409))
def undo_completion(work: Work, call: Call) -> CompletionOut:
    """It was not so: it stays on record as undone, and what it had ended and is still to come is to be noted again."""
    return show(completing.undo(work, call.path["completion_id"]))
