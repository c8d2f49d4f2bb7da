"""Many at once: people into a session, slots out of a trainer's hours."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import Field

from ...errors import Invalid
from ...services import adding, grouping, slotting
from ...services.work import Work
from ...training import slots
from .enrolments import ByHand
from .fields import WHOLE, Body, Day, Email, Out, RowId, Timezone, Url, line, lines
from .routing import Call, route
from .session_shapes import OneSessionOut
from .sessions import show_one

_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
ClockTime = Annotated[str, Field(pattern=_TIME, examples=["09:00"])]


class ManyEnrolments(Body):
    """Who: `emails`, `learner_ids` or the members of `group_id`, one of the three; all with the same status."""

    emails: Annotated[list[Email], Field(max_length=50_000)] = []
    learner_ids: Annotated[list[RowId], Field(max_length=50_000)] = []
    group_id: RowId | None = None
    status: ByHand
    over_capacity: bool = False


class Refused(Out):
    """Somebody who was not added, and why."""

    who: str
    reason: str


class ManyOut(Out):
    """How many were added and how many wait, who was refused, and how many invitations go out."""

    added: int
    waiting: int
    invitations: int
    refused: list[Refused]


class NewSlots(Body):
    """A trainer's hours: `begins` to `ends` on each of `days`, in `timezone`, slots of `length` minutes with `pause` minutes between."""

    days: Annotated[list[Day], Field(min_length=1, max_length=100)]
    begins: ClockTime
    ends: ClockTime
    length: Annotated[int, Field(ge=slots.SHORTEST, le=slots.LONGEST), WHOLE]
    pause: Annotated[int, Field(ge=0, le=slots.LONGEST), WHOLE] = 0
    timezone: Timezone | None = None
    title: line(200) = ""
    description: lines(20_000) = ""
    location: line(500) = ""
    join_url: Url = ""
    instructors: Annotated[list[Email], Field(max_length=50)] = []
    approval_required: bool = False


class SlotsOut(Out):
    """The sessions that were made, in their order."""

    items: list[OneSessionOut]


@route("POST", "/sessions/<id:session_id>/enrolments/bulk", body=ManyEnrolments, answer=ManyOut, problems=(404, 409))
def add_many(work: Work, call: Call) -> ManyOut:
    """Add many people by hand at once. Where seats run out the rest of the invited waits; who cannot be added is named with the reason."""
    given = call.body
    ways = [bool(given.emails), bool(given.learner_ids), given.group_id is not None]
    if sum(ways) != 1:
        raise Invalid("Give one of emails, learner_ids and group_id.", field="emails")
    wanted, missing = list(given.learner_ids), []
    if given.emails:
        wanted, missing = adding.by_addresses(work, given.emails)
    elif given.group_id is not None:
        wanted = grouping.members(work, given.group_id)
    done = adding.add_many(work, call.path["session_id"], wanted, given.status, over_capacity=given.over_capacity)
    refused = [Refused(who=who, reason=reason) for who, reason in [*missing, *done.refused]]
    return ManyOut(added=len(done.added), waiting=len(done.waiting), invitations=done.mailed, refused=refused)


@route("POST", "/courses/<id:course_id>/slots", body=NewSlots, answer=SlotsOut, status=201, problems=(404,))
def add_slots(work: Work, call: Call) -> SlotsOut:
    """Make sessions of one place each out of a trainer's hours, for learners to pick; at most 200 at once."""
    values = call.body.model_dump()
    begins, ends = (time.fromisoformat(values.pop(name)) for name in ("begins", "ends"))
    made = slotting.make_slots(work, call.path["course_id"], begins=begins, ends=ends, **values)
    return SlotsOut(items=[show_one(work, one) for one in made])
