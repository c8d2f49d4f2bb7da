"""Learners."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlalchemy import select

from ...addresses import canonical
from ...services import learning
from ...services.finding import find
from ...services.work import Work
from ...store.learners import Learner
from . import paging
from .fields import Body, Day, Email, Locale, Out, RowId, Timezone, line, optional
from .paging import Page
from .routing import Answer, Call, at, route

Channel = Literal["both", "feed", "mail"]


class NewLearner(Body):
    """Somebody who is trained; zone and language default to the organisation's."""

    email: Email
    name: line(200, empty=False)
    timezone: Timezone | None = None
    locale: Locale | None = None
    channel: Channel | None = None
    external_id: line(200, empty=False) | None = None
    team: line(200) | None = None
    manager_email: Email | None = None
    start_date: Day | None = None


class LearnerChange(Body):
    """What is to change. A new address is for later messages; the old one stays known to speak for the learner."""

    email: Email = optional()
    name: line(200, empty=False) = optional()
    timezone: Timezone = optional()
    locale: Locale = optional()
    channel: Channel = optional()
    external_id: line(200, empty=False) | None = optional()
    team: line(200) | None = optional()
    manager_email: Email | None = optional()
    start_date: Day | None = optional()


class LearnerOut(Out):
    """A learner. `address_problem` says why mail does not reach them, if so."""

    id: RowId
    email: str
    name: str
    timezone: str
    locale: str
    channel: Channel
    external_id: str | None
    team: str | None
    manager_email: str | None
    start_date: date | None
    address_problem: str | None
    version: int
    created_at: datetime


class LearnerQuery(paging.Query):
    """Which learners."""

    email: line(254) | None = None


def show(learner: Learner) -> LearnerOut:
    """A row as it is answered."""
    return LearnerOut.model_validate(learner, from_attributes=True)


@route("POST", "/learners", body=NewLearner, answer=LearnerOut, status=201, problems=(409,))
def create_learner(work: Work, call: Call) -> Answer:
    """Add a learner. The same `external_id` or e-mail answers 409 with the `id` of the one there is."""
    learner = learning.create_learner(work, call.body.given())
    return Answer(show(learner), headers=at("learners", learner.id))


@route("GET", "/learners", query=LearnerQuery, answer=Page[LearnerOut])
def list_learners(work: Work, call: Call) -> Page[LearnerOut]:
    """List learners; `email` finds one by address."""
    query = select(Learner).where(Learner.organisation_id == work.organisation_id)
    if call.query.email is not None:
        query = query.where(Learner.email_key == canonical(call.query.email))
    rows, following = paging.by_id(work.db, query, Learner.id, call.query)
    return Page[LearnerOut](items=[show(row) for row in rows], next=following)


@route("GET", "/learners/<id:learner_id>", answer=LearnerOut, problems=(404,))
def get_learner(work: Work, call: Call) -> LearnerOut:
    """One learner."""
    return show(find(work, Learner, call.path["learner_id"]))


@route("PATCH", "/learners/<id:learner_id>", body=LearnerChange, answer=LearnerOut, problems=(404, 409))
def edit_learner(work: Work, call: Call) -> LearnerOut:
    """Change a learner."""
    return show(learning.edit_learner(work, call.path["learner_id"], call.body.given()))


@route("DELETE", "/learners/<id:learner_id>", status=204, problems=(404,))
def delete_learner(work: Work, call: Call) -> None:
    """Remove a learner for good: coming entries are cancelled, feeds end, the person's data go. A second time answers 404."""
    learning.remove_learner(work, call.path["learner_id"])
