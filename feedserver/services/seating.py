"""Seats: taken and given back in one statement each; the database refuses to go over (CHECK `within_capacity`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, func, or_, select, update

from ..store.sessions import LiveSession, Seats
from .work import Work


def take(work: Work, session: LiveSession, *, over_capacity: bool = False) -> bool:
    """Take one seat; False where none is free. `over_capacity` adds one knowingly."""
    free = or_(Seats.capacity.is_(None), Seats.taken < Seats.capacity + Seats.over_capacity)
    here = Seats.live_session_id == session.id
    if work.db.execute(update(Seats).where(here, free).values(taken=Seats.taken + 1)).rowcount:
        return True
    if not over_capacity:
        return False
    work.db.execute(update(Seats).where(here).values(taken=Seats.taken + 1, over_capacity=Seats.over_capacity + 1))
    return True


def take_many(work: Work, session: LiveSession, wanted: int) -> int:
    """Take up to `wanted` seats at once; returns how many there were."""
    given = min(wanted, free_seats(work, session, wanted))
    work.db.execute(update(Seats).where(Seats.live_session_id == session.id).values(taken=Seats.taken + given))
    return given


def give_back(work: Work, session: LiveSession, seats: int = 1) -> None:
    """Free so many seats; those over capacity go first, so that they are not handed on."""
    fewer = case((Seats.over_capacity > seats, Seats.over_capacity - seats), else_=0)
    work.db.execute(update(Seats).where(Seats.live_session_id == session.id).values(taken=Seats.taken - seats, over_capacity=fewer))


def free_seats(work: Work, session: LiveSession, unlimited: int = 1_000_000) -> int:
    """How many seats are free; `unlimited` where the session has no capacity. Locks the row on PostgreSQL."""
    seats = work.db.execute(
        select(Seats.capacity, Seats.taken, Seats.over_capacity).where(Seats.live_session_id == session.id).with_for_update()
    ).one()
    return unlimited if seats.capacity is None else max(0, seats.capacity + seats.over_capacity - seats.taken)


def next_start(work: Work, session: LiveSession) -> datetime:
    """Until when a seat is of use: the start; of a series, whose seats are those of all its dates, the start of the next one."""
    if not session.is_series:
        return session.starts_at
    coming = (LiveSession.series_id == session.id, LiveSession.status == "scheduled", LiveSession.starts_at > work.now)
    return work.db.scalar(select(func.min(LiveSession.starts_at)).where(*coming)) or session.starts_at
