"""Who holds which delivery: claims with a lease, fenced; what a dead worker held is free again (design decision 7).

A row is claimed by naming its worker and counting its fence up. The lease is the worker's `alive_until`, renewed while the process lives,
so that thousands of rows are renewed by one statement. Whoever marks a row names worker and fence: a worker that was declared dead marks
nothing. In order per entry, of a session as of a milestone: only the oldest open message of an entry can be claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, exists, func, literal_column, or_, select, update
from sqlalchemy.orm import Session, aliased

from .learners import Learner
from .outbox import (
    DEFERRED,
    EXPIRED,
    NOT_SENT,
    OPEN,
    QUEUED,
    SENDING,
    SUPERSEDED,
    SUPPRESSED,
    Delivery,
    MailSkeleton,
    RelayPace,
    Worker,
    state_in,
    waiting_to_leave,
)

LEASE = timedelta(seconds=10)
_QUIET = {"synchronize_session": False}
# Written out, so that SQLite takes the index of mail that is due: a backlog of other channels costs mail nothing.
_MAIL = Delivery.channel == literal_column("'mail'")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in a worker's hands."""

    row: Row
    fence: int


def enter(db: Session, name: str, now: datetime) -> int:
    """A worker begins; returns its id."""
    worker = Worker(name=name, started_at=now, alive_until=now + LEASE)
    db.add(worker)
    db.flush()
    return worker.id


def renew(db: Session, worker_id: int, now: datetime) -> bool:
    """The worker lives; False where it was declared dead meanwhile (its lease had run out): then it holds nothing any more."""
    alive = and_(Worker.id == worker_id, Worker.stopped_at.is_(None), Worker.alive_until >= now)
    return bool(db.execute(update(Worker).where(alive).values(alive_until=now + LEASE).execution_options(**_QUIET)).rowcount)


def leave(db: Session, worker_id: int, now: datetime) -> int:
    """The worker ends cleanly, having given back what it did not begin. What it still holds it could not mark: nobody knows. Returns how many."""
    db.execute(update(Worker).where(Worker.id == worker_id).values(stopped_at=now, alive_until=now).execution_options(**_QUIET))
    return _nobody_knows(
        db, Delivery.worker_id == worker_id, now, "It could not be noted what became of it; it is sent again, the same octets."
    )


def doubt(db: Session, worker_id: int, now: datetime, ids: list[int]) -> int:
    """What became of these could not be noted: nobody knows, and they go out again, the same octets. Returns how many."""
    mine = and_(Delivery.worker_id == worker_id, Delivery.id.in_(ids))
    return _nobody_knows(db, mine, now, "It could not be noted what became of it; it is sent again, the same octets.")


def release(db: Session, worker_id: int, now: datetime, why: str | None = None, ids: list[int] | None = None) -> int:
    """Give back what was claimed and certainly did not leave: no attempt is counted."""
    mine = and_(state_in(Delivery.state, (SENDING,)), Delivery.worker_id == worker_id, Delivery.id.in_(ids) if ids is not None else True)
    values = {"state": QUEUED, "worker_id": None, "attempts": Delivery.attempts - 1, "due_at": now}
    if why:
        values["last_error"] = why
    return db.execute(update(Delivery).where(mine).values(**values).execution_options(**_QUIET)).rowcount


def reclaim(db: Session, now: datetime) -> int:
    """Free what dead workers held. Nobody knows whether it left, so it counts as ambiguous and goes out again, the same octets."""
    dead = select(Worker.id).where(Worker.alive_until < now)
    held = and_(state_in(Delivery.state, (SENDING,)), Delivery.worker_id.in_(dead))
    if db.scalar(select(Delivery.id).where(held).limit(1)) is None:
        return 0
    return _nobody_knows(db, held, now, "The worker that held it died; it is sent again, the same octets.")


def _nobody_knows(db: Session, which: ColumnElement[bool], now: datetime, why: str) -> int:
    values = {"state": QUEUED, "worker_id": None, "ambiguous": Delivery.ambiguous + 1, "due_at": now, "last_error": why}
    held = and_(state_in(Delivery.state, (SENDING,)), which)
    return db.execute(update(Delivery).where(held).values(**values).execution_options(**_QUIET)).rowcount


def give_way(db: Session, now: datetime) -> int:
    """What was put off and certainly did not leave ends where a newer message of its entry waits: that one need not wait for it. Returns how many.

    Whoever wrote the newer one could not see to it: the older was in a worker's hands then.
    """
    newer = aliased(Delivery)
    taking_its_place = (newer.id > Delivery.id, state_in(newer.state, OPEN), or_(newer.method.is_not(None), Delivery.method.is_(None)))
    replaced = or_(
        and_(Delivery.entry_id.is_not(None), exists().where(newer.entry_id == Delivery.entry_id, *taking_its_place)),
        and_(
            Delivery.milestone_entry_id.is_not(None),
            exists().where(newer.milestone_entry_id == Delivery.milestone_entry_id, *taking_its_place),
        ),
    )
    late = and_(waiting_to_leave(Delivery), Delivery.state == DEFERRED, replaced)
    values = {"state": SUPERSEDED, "final_at": now, "last_error": "Replaced by a newer message before it left."}
    return db.execute(update(Delivery).where(late).values(**values).execution_options(**_QUIET)).rowcount


def expire(db: Session, now: datetime) -> int:
    """Mail that is of no use any more ends visibly."""
    late = and_(_MAIL, state_in(Delivery.state, (QUEUED, DEFERRED)), Delivery.due_at <= now, Delivery.expires_at <= now)
    values = {"state": EXPIRED, "final_at": now}
    return db.execute(update(Delivery).where(late).values(**values).execution_options(**_QUIET)).rowcount


def anything_due(db: Session, now: datetime) -> bool:
    """Whether a look with the write lock is worth it."""
    due = and_(_MAIL, state_in(Delivery.state, (QUEUED, DEFERRED)), Delivery.due_at <= now)
    return db.scalar(select(Delivery.id).where(due).limit(1)) is not None


def claim(db: Session, worker_id: int, now: datetime, limit: int) -> list[Claimed]:
    """Take up to `limit` mails that are due, the oldest of each entry alone, with what is needed to fill them."""
    older = aliased(Delivery)
    before = (older.id < Delivery.id, state_in(older.state, OPEN))
    behind = exists().where(older.entry_id == Delivery.entry_id, *before)
    behind_milestone = exists().where(older.milestone_entry_id == Delivery.milestone_entry_id, *before)
    due = (
        select(Delivery.id)
        .where(
            _MAIL,
            state_in(Delivery.state, (QUEUED, DEFERRED)),
            Delivery.due_at <= now,
            Delivery.expires_at > now,
            or_(Delivery.entry_id.is_(None), ~behind),
            or_(Delivery.milestone_entry_id.is_(None), ~behind_milestone),
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    ids = list(db.scalars(due))
    comes_back = _suppress(db, ids, now) if ids else set()
    ids = [one for one in ids if one not in comes_back]
    if not ids:
        return []
    taken = {"state": SENDING, "worker_id": worker_id, "attempts": Delivery.attempts + 1, "fence": Delivery.fence + 1}
    db.execute(update(Delivery).where(Delivery.id.in_(ids)).values(**taken).execution_options(**_QUIET))
    d = Delivery
    rows = db.execute(
        select(
            d.id, d.kind, d.organisation_id, d.skeleton_id, d.sender, d.recipient, d.recipient_name, d.page_id, d.uid, d.sequence, d.dtstamp, d.partstat,
            d.extra, d.own, d.enrolment_id, d.entry_id, d.key_id, d.attempts, d.ambiguous, d.fence, d.expires_at, d.learner_id,
        )
        .where(d.id.in_(ids))
        .order_by(d.due_at, d.id)
    )  # fmt: skip
    return [Claimed(row, row.fence) for row in rows]


def _suppress(db: Session, ids: list[int], now: datetime) -> set[int]:
    """Those of these that were written before their address was marked, or in words alone: they end here. What may have left is repeated."""
    theirs = func.lower(Delivery.recipient) == func.lower(func.coalesce(Learner.target_email, Learner.email))
    marked = (Learner.address_problem.is_not(None), theirs, Delivery.channel == "mail", Delivery.ambiguous == 0)
    found = set(db.scalars(select(Delivery.id).join(Learner, Learner.id == Delivery.learner_id).where(Delivery.id.in_(ids), *marked)))
    if found:
        values = {"state": SUPPRESSED, "final_at": now, "last_error": NOT_SENT}
        db.execute(update(Delivery).where(Delivery.id.in_(found)).values(**values).execution_options(**_QUIET))
    return found


def skeleton(db: Session, skeleton_id: int) -> tuple[bytes, str]:
    """(stored skeleton, base of its links)."""
    return tuple(db.execute(select(MailSkeleton.body, MailSkeleton.base_url).where(MailSkeleton.id == skeleton_id)).one())


def pace(db: Session, relay: str, now: datetime, per_minute: int, wanted: int) -> int:
    """How many messages the relay bears now; they count as taken. Nothing is saved up but one second's worth."""
    row = db.scalars(select(RelayPace).where(RelayPace.relay == relay).with_for_update()).first()
    if row is None:
        row = RelayPace(relay=relay, free_at=now)
        db.add(row)
    step = timedelta(minutes=1) / per_minute
    row.free_at = max(row.free_at, now - timedelta(seconds=1))
    given = max(0, min(wanted, (now - row.free_at) // step + (1 if now >= row.free_at else 0)))
    row.free_at += step * given
    return given


def note_problem(db: Session, relay: str, now: datetime, problem: str | None) -> None:
    """Keep in words why the relay rests (None: it works again), for people to see."""
    row = db.scalars(select(RelayPace).where(RelayPace.relay == relay)).first()
    if row is None:
        row = RelayPace(relay=relay, free_at=now)
        db.add(row)
    row.problem, row.problem_at = problem, now if problem else None
