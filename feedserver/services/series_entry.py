"""The one entry of a series in one learner's calendar, put right when something else than that calendar changed a date of it."""

from __future__ import annotations

from sqlalchemy import select

from ..store.entries import CalendarEntry
from ..store.sessions import LiveSession
from . import notifying, series_own
from .rendering import Kind
from .work import Work

E_ = CalendarEntry


def of_date(work: Work, date: LiveSession, learner_id: int) -> tuple[LiveSession, CalendarEntry | None]:
    """(the series of a date, this learner's live entry of it or None)."""
    head = work.db.get_one(LiveSession, date.series_id)
    return head, of_series(work, head, learner_id)


def of_series(work: Work, head: LiveSession, learner_id: int) -> CalendarEntry | None:
    """This learner's live entry of a series that is one entry; None where there is none."""
    query = select(E_).where(E_.live_session_id == head.id, E_.learner_id == learner_id, E_.ended_at.is_(None))
    return work.db.scalars(query.execution_options(populate_existing=True)).first()


def put_right(work: Work, head: LiveSession, entry: CalendarEntry, before: dict | None) -> int:
    """Send the entry again if its dates are no longer what they were `before` (`own`). Returns the number of messages."""
    series_own.refresh(work, head, [entry.learner_id])
    work.db.refresh(entry)
    return notifying.tell(work, head, entry, Kind.AGAIN) if entry.own != before and entry.ended_at is None else 0
