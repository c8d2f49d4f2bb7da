"""REPLY (RFC 5546 3.2.3): who answers, and what."""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum

from ..addresses import canonical
from ..training.statuses import Answer
from .attendees import Attendee
from .parse import ItipObject

_ANSWERS = {answer.value: answer for answer in Answer}


class AttendeeProblem(StrEnum):
    """Why nobody can be said to answer; the value is the reason code that an administrator sees."""

    MISSING = "attendee_missing"
    MULTIPLE = "attendee_multiple"
    UNREADABLE = "attendee_unreadable"


def attendee_of(one: ItipObject, known: Set[str]) -> Attendee | AttendeeProblem:
    """The one ATTENDEE that answers (RFC 5546 3.2.3 wants exactly one).

    Of several it is the one that is known (`known`: canonical addresses of the learner whose UID it is), else the only
    one that has answered.
    """
    if not one.attendees:
        return AttendeeProblem.MISSING
    candidates = list(one.attendees)
    if len(candidates) > 1:
        ours = [a for a in candidates if a.address and canonical(a.address) in known]
        candidates = ours or [a for a in candidates if answer_of(a)]
    if len(candidates) != 1:
        return AttendeeProblem.MULTIPLE
    return candidates[0] if candidates[0].address else AttendeeProblem.UNREADABLE


def answer_of(attendee: Attendee) -> Answer | None:
    """What the person chose; None for NEEDS-ACTION, DELEGATED and whatever else PARTSTAT may hold."""
    return _ANSWERS.get(attendee.partstat)
