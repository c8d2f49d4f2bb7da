"""Learners."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from ...addresses import canonical
from ...services import channelling, departing, learning
from ...services.finding import find
from ...services.work import Work
from ...store.learners import Learner
from . import paging
from .fields import Body, Day, Email, Locale, Out, RowId, Timezone, line, optional
from .paging import Page
from .routing import Answer, Call, at, route

Channel = Literal["both", "feed", "mail"]
Digest = Literal["none", "weekly"]


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
    digest: Digest = "none"
    welcome: bool = Field(False, description="Send the welcome mail; the organisation must have it turned on.")


class LearnerChange(Body):
    """What is to change. `address_change` says what a new `email` means: for the `same_person` what stands in the calendar goes on with the same UID,
    and the old address stays known; a `new_mailbox` is filled with new entries, and the old one emptied by cancellations. `address_problem: null`
    lets mail go again to an address that it came back from; what did not arrive is sent as it stands now. `reminders_off_at: null` lets reminders go again.
    """

    email: Email = optional()
    name: line(200, empty=False) = optional()
    timezone: Timezone = optional()
    locale: Locale = optional()
    channel: Channel = optional()
    external_id: line(200, empty=False) | None = optional()
    team: line(200) | None = optional()
    manager_email: Email | None = optional()
    start_date: Day | None = optional()
    address_change: Literal["same_person", "new_mailbox"] = optional()
    address_problem: None = optional()
    reminders_off_at: None = optional()
    digest: Digest = optional()


class LearnerOut(Out):
    """A learner. `address_problem` says why no mail goes to them, if so, and `complained_at` since when nothing but what is
    needed does; `target_email` is a second, confirmed address that mail goes to instead;
    `left_at` since when they are no longer here; `reminders_off_at` since when they want no reminders;
    `digest` whether they get their week's plan by mail; `channel_chosen_at` when they themselves said how they want to be told.
    """

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
    address_problem_at: datetime | None
    complained_at: datetime | None
    reminders_off_at: datetime | None
    digest: Digest
    target_email: str | None
    left_at: datetime | None
    channel_chosen_at: datetime | None
    welcomed_at: datetime | None
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
    if call.body.welcome:
        channelling.welcome(work, [learner.id])
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


@route("POST", "/learners/<id:learner_id>/leave", answer=LearnerOut, problems=(404,))
def leave(work: Work, call: Call) -> LearnerOut:
    """Somebody leaves: coming entries are cancelled, places freed and passed on, feeds ended; what was stays. A second time changes nothing."""
    return show(departing.leave(work, call.path["learner_id"]))


@route("POST", "/learners/<id:learner_id>/come-back", answer=LearnerOut, problems=(404,))
def come_back(work: Work, call: Call) -> LearnerOut:
    """Somebody who left is here again, with a new feed and in no session. A second time changes nothing."""
    return show(departing.come_back(work, call.path["learner_id"]))


@route("POST", "/learners/<id:learner_id>/welcome", status=204, problems=(404, 409))
def send_welcome(work: Work, call: Call) -> None:
    """Send the welcome mail, once: 409 where the organisation has it turned off."""
    channelling.send_welcome(work, call.path["learner_id"])


@route("DELETE", "/learners/<id:learner_id>", status=204, problems=(404,))
def delete_learner(work: Work, call: Call) -> None:
    """Remove a learner for good: coming entries are cancelled, feeds end, the person's data go. A second time answers 404."""
    learning.remove_learner(work, call.path["learner_id"])
