"""Deliveries to destinations in a worker's hands: one worker at a time for each destination, in order within a lane (see `claims` for leases).

A destination's row is locked while its deliveries are claimed, and none is claimed while another worker holds one of it, so each destination hears
one request at a time. Within a lane of a webhook or chat every delivery goes, the oldest first; within a lane of a collection only the newest
counts, since it says what has to stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, and_, case, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from .destinations import ACTIVE, BROKEN, CALDAV, DELIVERING, LEAVING, PAUSED, Destination, PublishedObject
from .outbox import DEFERRED, EXPIRED, OPEN, QUEUED, SENDING, SUPERSEDED, Delivery, MailSkeleton, state_in

_QUIET = {"synchronize_session": False}
_WAITING = and_(state_in(Delivery.state, (QUEUED, DEFERRED)), Delivery.destination_id.is_not(None))

# By the index of what is in somebody's hands, which is little: asked for one destination, SQLite would go through its whole backlog.
_HELD = select(Delivery.destination_id).where(
    state_in(Delivery.state, (SENDING,)), Delivery.worker_id > 0, Delivery.destination_id.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Due:
    """A destination for which something is due."""

    id: int
    origin: str
    failures: int


def due(db: Session, now: datetime) -> list[Due]:
    """The destinations that something can be delivered to now, those that work first, then by what was written first."""
    D = Destination
    blocker = aliased(Delivery)
    behind = exists().where(blocker.lane == Delivery.lane, state_in(blocker.state, OPEN), blocker.due_at > now, blocker.id < Delivery.id)
    waiting = select(Delivery.id).where(
        _WAITING, Delivery.destination_id == D.id, Delivery.due_at <= now, or_(D.channel == CALDAV, ~behind)
    )
    first = waiting.order_by(Delivery.id).limit(1).correlate(D).scalar_subquery()
    query = select(D.id, D.origin, D.failures, first.label("first")).where(
        D.state.in_(DELIVERING), or_(D.rest_until.is_(None), D.rest_until <= now), D.id.not_in(_HELD)
    )
    found = [row for row in db.execute(query) if row.first is not None]
    found.sort(key=lambda row: (row.failures > 0, row.first, row.id))
    return [Due(row.id, row.origin, row.failures) for row in found]


def take(db: Session, worker_id: int, destination_id: int, now: datetime, limit: int) -> tuple[Destination | None, list[Row]]:
    """The destination and up to `limit` of its deliveries that are due, in order, each with its body; nothing where another worker has it."""
    D = Destination
    mine = select(D).where(D.id == destination_id, D.state.in_(DELIVERING), or_(D.rest_until.is_(None), D.rest_until <= now))
    destination = db.scalars(mine.with_for_update(skip_locked=True)).first()
    if destination is None or destination_id in set(db.scalars(_HELD)):
        return None, []
    unknown = _newest_counts(db, destination_id, now) if destination.channel == CALDAV else set()
    blocker = aliased(Delivery)
    behind = exists().where(blocker.lane == Delivery.lane, state_in(blocker.state, OPEN), blocker.due_at > now, blocker.id < Delivery.id)
    which = (_WAITING, Delivery.destination_id == destination_id, Delivery.due_at <= now, Delivery.expires_at > now)
    order = select(Delivery.id).where(*which, or_(Delivery.lane.is_(None), ~behind)).order_by(Delivery.id).limit(limit)
    ids = list(db.scalars(order.with_for_update(skip_locked=True, of=Delivery)))
    if not ids:
        return destination, []
    taken = {"state": SENDING, "worker_id": worker_id, "attempts": Delivery.attempts + 1, "fence": Delivery.fence + 1}
    db.execute(update(Delivery).where(Delivery.id.in_(ids)).values(**taken).execution_options(**_QUIET))
    if unknown:
        # One that may have arrived was replaced: what stands there may be ours though it is not what was confirmed last.
        doubtful = and_(Delivery.id.in_(ids), Delivery.lane.in_(unknown))
        db.execute(update(Delivery).where(doubtful).values(ambiguous=Delivery.ambiguous + 1).execution_options(**_QUIET))
    return destination, list(db.execute(_rows(ids)))


def _rows(ids: list[int]):
    d, p = Delivery, PublishedObject
    return (
        select(
            d.id, d.organisation_id, d.channel, d.kind, d.method, d.live_session_id, d.destination_id, d.lane, d.uid, d.sequence, d.dtstamp, d.extra,
            d.attempts, d.ambiguous, d.fence, d.created_at, d.expires_at, d.told_revision_id, MailSkeleton.body,
            p.id.label("object_id"), p.href.label("object_href"), p.etag.label("object_etag"), p.digest.label("object_digest"),
            p.fingerprint.label("object_fingerprint"),
        )
        .outerjoin(MailSkeleton, MailSkeleton.id == d.skeleton_id)
        .outerjoin(p, and_(p.destination_id == d.destination_id, p.live_session_id == d.live_session_id))
        .where(d.id.in_(ids))
        .order_by(d.id)
    )  # fmt: skip


def _newest_counts(db: Session, destination_id: int, now: datetime) -> set[str]:
    """Replace all but the newest of each lane; returns the lanes in which one may have arrived."""
    newer = aliased(Delivery)
    replaced = exists().where(newer.lane == Delivery.lane, newer.id > Delivery.id, state_in(newer.state, OPEN))
    older = and_(_WAITING, Delivery.destination_id == destination_id, Delivery.lane.is_not(None), replaced)
    unknown = set(db.scalars(select(Delivery.lane).where(older, Delivery.ambiguous > 0)))
    values = {"state": SUPERSEDED, "final_at": now, "last_error": "Replaced by a newer one before it left."}
    db.execute(update(Delivery).where(older).values(**values).execution_options(**_QUIET))
    return unknown


def settle(db: Session, worker_id: int, row: Row, values: dict) -> bool:
    """Note what became of one (columns of `Delivery`) and let go of it; False where it is no longer this worker's."""
    mine = (Delivery.id == row.id, Delivery.worker_id == worker_id, Delivery.fence == row.fence, state_in(Delivery.state, (SENDING,)))
    return bool(db.execute(update(Delivery).where(*mine).values({**values, "worker_id": None}).execution_options(**_QUIET)).rowcount)


def works(db: Session, destination_id: int, now: datetime) -> None:
    """It took something: whatever was wrong is over."""
    values = {"failures": 0, "rest_until": None, "problem": None, "problem_at": None, "told_at": None, "last_ok_at": now}
    db.execute(update(Destination).where(Destination.id == destination_id).values(**values).execution_options(**_QUIET))


def fails(db: Session, destination_id: int, now: datetime, words: str, rest_until: datetime | None, *, state: str | None = None) -> None:
    """It failed once more, in words; it rests until then; `state` (broken, paused) where it only goes on when a person says so."""
    values = {
        "failures": Destination.failures + 1,
        "problem": words,
        "problem_at": func.coalesce(Destination.problem_at, literal(now, Destination.problem_at.type)),
        "rest_until": rest_until,
    }
    if state in (BROKEN, PAUSED):
        values["state"] = case((Destination.state == LEAVING, LEAVING), else_=state)  # who was removed stays so
    db.execute(update(Destination).where(Destination.id == destination_id).values(**values).execution_options(**_QUIET))


def rest_together(db: Session, organisation_id: int, origin: str, until: datetime) -> None:
    """A server that asked for rest has it from all of the organisation's destinations there."""
    there = (Destination.organisation_id == organisation_id, Destination.origin == origin)
    earlier = or_(Destination.rest_until.is_(None), Destination.rest_until < until)
    db.execute(update(Destination).where(*there, earlier).values(rest_until=until).execution_options(**_QUIET))


def expire(db: Session, now: datetime) -> int:
    """What is of no use any more ends visibly, also where its destination is paused. Returns how many."""
    late = and_(_WAITING, Delivery.expires_at <= now)
    return db.execute(update(Delivery).where(late).values(state=EXPIRED, final_at=now).execution_options(**_QUIET)).rowcount


def finish_leaving(db: Session) -> int:
    """Destinations that were removed go once nothing is left to take out. Returns how many."""
    still = exists().where(Delivery.destination_id == Destination.id, state_in(Delivery.state, OPEN))
    gone = db.scalars(select(Destination).where(Destination.state == LEAVING, ~still)).all()
    for one in gone:
        db.delete(one)
    return len(gone)


def rest(db: Session, destination_id: int, now: datetime) -> None:
    """Nothing goes there for a minute."""
    until = now + timedelta(minutes=1)
    db.execute(update(Destination).where(Destination.id == destination_id).values(rest_until=until).execution_options(**_QUIET))


def wake(db: Session, destination_id: int, now: datetime) -> None:
    """A person has mended it or wants it tried: what is wrong is forgotten, and what was put off is due now."""
    values = {"state": ACTIVE, "failures": 0, "rest_until": None, "problem": None, "problem_at": None, "told_at": None}
    db.execute(update(Destination).where(Destination.id == destination_id).values(**values).execution_options(**_QUIET))
    put_off = (Delivery.destination_id == destination_id, state_in(Delivery.state, (QUEUED, DEFERRED)), Delivery.due_at > now)
    db.execute(update(Delivery).where(*put_off).values(due_at=now).execution_options(**_QUIET))
