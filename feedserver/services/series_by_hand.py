"""What an administrator can do to people in one date of a series: seats that belong to the series are given there."""

from __future__ import annotations

from sqlalchemy import select

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.sessions import LiveSession
from ..training.statuses import ATTENDANCE, TABLE, EnrolmentStatus
from . import series_entry
from .work import Work

S = EnrolmentStatus


def must_take_people(session: LiveSession, status: str = "") -> None:
    """Raises `Conflict` for a date whose seats belong to its series; who was there all the same is welcome."""
    if _shares(session) and status not in ATTENDANCE:
        words = "This is one date of a series, whose seats belong to all its dates: that goes by the series."
        raise Conflict(words, extra={"series_id": session.series_id})


def check(work: Work, session: LiveSession, enrolment: Enrolment, new: EnrolmentStatus) -> None:
    """Raises `Conflict` where one date cannot say what the series does not."""
    if not _shares(session) or new in ATTENDANCE:
        return
    mine = (Enrolment.live_session_id == session.series_id, Enrolment.learner_id == enrolment.learner_id)
    whole = work.db.scalar(select(Enrolment.status).where(*mine))
    if new in (S.CANCELLED, S.WAITING_LIST) and whole not in (None, S.CANCELLED):
        raise Conflict(
            "They are in the series: take them off there, or set Declined for this date.", extra={"series_id": session.series_id}
        )
    if TABLE[new].seat and not TABLE[S(enrolment.status)].seat and (whole is None or not TABLE[S(whole)].seat):
        raise Conflict("They have no seat in the series: give them one there.", extra={"series_id": session.series_id})


def follow(work: Work, session: LiveSession, learner_id: int) -> None:
    """A status in one date was set by hand: where that stands in the series' one entry, this learner is sent it anew."""
    if session.series_id is not None and not session.own_entry:
        head, entry = series_entry.of_date(work, session, learner_id)
        if entry is not None:
            series_entry.put_right(work, head, entry, entry.own)


def _shares(session: LiveSession) -> bool:
    return session.series_id is not None and not session.seats_per_date
