"""Free seats go down the waiting list: each is offered to the first in line, and held until a time that the session sets (decision 0009)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.sessions import LiveSession
from ..training.offers import offered_until
from ..training.statuses import EnrolmentStatus
from . import notifying, seating, series_people, telling
from .rendering import Kind
from .waiting_line import ORDER, waiting
from .work import Work

S = EnrolmentStatus


def promote(work: Work, session: LiveSession, *, anew: bool = True) -> int:
    """As many from the head of the waiting list as there are free seats are offered one: Invited, with the invitation, until the offer lapses.

    `anew`: a further seat came free, so that also those who let an offer lapse are asked again; without it the same seat would go round
    among them for ever. Nothing is offered once the session, or the last date of a series, has begun. In a draft, of which nobody knows yet, a seat is given for good.
    """
    if session.series_id is not None and not session.seats_per_date:
        return 0
    until = offered_until(work.now, seating.next_start(work, session), session.offer_minutes)
    if session.status != "scheduled" or until is None:
        return 0
    until = None if session.draft else until
    free = seating.free_seats(work, session)
    if not free:
        return 0
    asked = () if anew else (Enrolment.offer_until.is_(None),)
    line = select(Enrolment).where(*waiting(session.id), *asked).order_by(*ORDER).limit(min(free, 10_000)).with_for_update()
    chosen = work.db.scalars(line.execution_options(populate_existing=True)).all()
    if not chosen:
        return 0
    seating.take_many(work, session, len(chosen))
    for enrolment in chosen:
        enrolment.status, enrolment.queued_at, enrolment.offer_until, enrolment.updated_at = S.INVITED, None, until, work.now
        enrolment.version += 1
        work.record(
            "offered a place",
            live_session_id=session.id,
            enrolment_id=enrolment.id,
            learner_id=enrolment.learner_id,
            detail={"from": S.WAITING_LIST, "to": S.INVITED, "until": until and until.isoformat()},
        )
    work.db.flush()
    if session.is_series:
        series_people.spread(work, session, [one.learner_id for one in chosen])
    notifying.begin(work, session)
    ids = [e.id for e in chosen]
    notifying.show(work, session, CalendarEntry.enrolment_id.in_(ids) if len(ids) <= 500 else CalendarEntry.id > 0)
    if until is not None:
        tell_where_no_invitation_goes(work, session, chosen, until)
    return len(chosen)


def tell_where_no_invitation_goes(work: Work, session: LiveSession, offered: Sequence[Enrolment], until: datetime) -> None:
    """Who gets no invitations by mail must hear of an offer all the same: its time runs."""
    ids = [e.entry_id for e in offered] if len(offered) <= 500 else None
    unmailed = select(CalendarEntry.enrolment_id).where(CalendarEntry.live_session_id == session.id, CalendarEntry.mailed.is_(False))
    unmailed = unmailed.where(CalendarEntry.ended_at.is_(None), CalendarEntry.id.in_(ids) if ids else CalendarEntry.id > 0)
    quiet = set(work.db.scalars(unmailed))
    for enrolment in offered:
        if enrolment.id in quiet:
            telling.tell_learner(work, session, enrolment, Kind.OFFER_NOTICE, held=until)
