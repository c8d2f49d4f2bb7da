"""Offers and kept seats that run out, and an administrator's own choice from the waiting list (decision 0009)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.inbox import PENDING, InboundMessage
from ..store.sessions import LiveSession
from ..training.offers import offered_until
from ..training.statuses import EnrolmentStatus
from . import enrolling, promoting, seating, series_by_hand, waiting_line
from .finding import find, locked_session
from .rendering import Kind
from .work import Work

S = EnrolmentStatus


def due(db: Session, now: datetime) -> list[tuple[int, int]]:
    """(organisation, session) wherever an offer or a kept seat has run out. An answer that arrived in time is judged first."""
    unread = exists().where(InboundMessage.outcome == PENDING, InboundMessage.received_at <= now)
    # The seats of a series are the head's, unless each date has its own.
    held = select(LiveSession.id).where(or_(LiveSession.series_id.is_(None), LiveSession.seats_per_date))
    query = select(Enrolment.organisation_id, Enrolment.live_session_id).where(_run_out(now), ~unread, Enrolment.live_session_id.in_(held))
    return [tuple(row) for row in db.execute(query.distinct().limit(100))]


def lapse_due(work: Work, session_id: int) -> int:
    """What has run out in a session: silent offers go back to the end of the list and on to the next, kept seats too. Returns how many."""
    session = locked_session(work, session_id)
    late = select(Enrolment).where(Enrolment.live_session_id == session.id, _run_out(work.now)).order_by(Enrolment.id).with_for_update()
    found = work.db.scalars(late.execution_options(populate_existing=True)).all()
    if not found:
        return 0
    if session.status != "scheduled":
        ids = [one.id for one in found]
        work.db.execute(update(Enrolment).where(Enrolment.id.in_(ids)).values(offer_until=None, hold_until=None))
        return 0
    silent = [one for one in found if one.status == S.INVITED]
    kept = [one for one in found if one.hold_until is not None and one.status == S.DECLINED]
    for one in kept:
        _no_longer_kept(work, session, one)
    # Where each will stand once the seats have been passed on.
    ahead = waiting_line.length(work, session.id)
    passed = min(len(silent), waiting_line.length(work, session.id, not_asked=True)) if work.now < seating.next_start(work, session) else 0
    for place, one in enumerate(silent, ahead - passed + 1):
        extra = {"position": str(place)}
        enrolling.change(work, session, one, S.WAITING_LIST, "offer lapsed", ending=Kind.LAPSED, extra=extra, passing_on=False)
    promoting.promote(work, session, anew=bool(kept))
    return len(silent) + len(kept)


def offer(work: Work, enrolment_id: int, *, over_capacity: bool = False) -> Enrolment:
    """An administrator offers a seat to somebody on the waiting list, whoever else waits; over capacity only knowingly. Both stand in the history."""
    session, enrolment = _waiting(work, enrolment_id)
    until = offered_until(work.now, seating.next_start(work, session), session.offer_minutes)
    if session.status != "scheduled" or until is None:
        raise Conflict("The session is cancelled or has begun; nothing can be offered any more.")
    if session.draft:
        raise Conflict("The session is not published yet: nobody can be offered anything. Set the status instead.")
    full = not seating.free_seats(work, session)
    detail = {"until": until.isoformat(), "place": waiting_line.position(work, enrolment), "over_capacity": full and over_capacity}
    changed = enrolling.change(
        work, session, enrolment, S.INVITED, "picked from the list", over_capacity=over_capacity, detail=detail, offered=until
    )  # fmt: skip
    promoting.tell_where_no_invitation_goes(work, session, [changed], until)
    return changed


def take_free_seat(work: Work, enrolment_id: int) -> Enrolment:
    """Somebody on the list takes a seat that stayed free: everybody before them has let an offer of it lapse."""
    session, enrolment = _waiting(work, enrolment_id)
    if session.status != "scheduled" or session.ends_at <= work.now:
        raise Conflict("The session is cancelled or over.")
    return enrolling.change(work, session, enrolment, S.REGISTERED, "took a free seat", own=True)


def clamp(work: Work, session: LiveSession) -> None:
    """The session starts at another time: nothing is held past it."""
    starts_at = seating.next_start(work, session)
    mine = (Enrolment.live_session_id == session.id, Enrolment.status == S.INVITED, Enrolment.offer_until > starts_at)
    work.db.execute(update(Enrolment).where(*mine).values(offer_until=starts_at))
    kept = (Enrolment.live_session_id == session.id, Enrolment.hold_until > starts_at)
    work.db.execute(update(Enrolment).where(*kept).values(hold_until=starts_at))


def _run_out(now: datetime):
    silent = (Enrolment.offer_until <= now) & (Enrolment.status == S.INVITED)
    return or_(silent, (Enrolment.hold_until <= now) & (Enrolment.status == S.DECLINED))


def _no_longer_kept(work: Work, session: LiveSession, enrolment: Enrolment) -> None:
    enrolment.hold_until, enrolment.updated_at = None, work.now
    seating.give_back(work, session)
    work.record("seat no longer kept", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id)
    work.db.flush()


def _waiting(work: Work, enrolment_id: int) -> tuple[LiveSession, Enrolment]:
    session = locked_session(work, find(work, Enrolment, enrolment_id).live_session_id)
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    series_by_hand.must_take_people(session)
    if enrolment.status != S.WAITING_LIST:
        raise Conflict(f"Only somebody on the waiting list can be offered a seat; this is {enrolment.status}.")
    return session, enrolment
