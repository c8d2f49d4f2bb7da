"""Sending again: one person gets the present invitation once more, with the same UID and SEQUENCE and a new DTSTAMP."""

from __future__ import annotations

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from . import notifying
from .finding import find, locked_session
from .rendering import Kind
from .work import Work


def send_again(work: Work, enrolment_id: int) -> int:
    """Returns the number of messages (1); raises `Conflict`, in words, where there is nothing to send."""
    enrolment = find(work, Enrolment, enrolment_id)
    session = locked_session(work, enrolment.live_session_id)
    entry = work.db.get(CalendarEntry, enrolment.entry_id) if enrolment.entry_id else None
    if entry is None or entry.ended_at is not None or not entry.mailed:
        raise Conflict("This person has no invitation that could be sent again.")
    sent = notifying.tell(work, session, entry, Kind.AGAIN, bump=False)
    if not sent:
        raise Conflict("Nothing is sent for this session: it is over, or its calendar invitations are turned off.")
    work.record("sent again", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id)
    return sent
