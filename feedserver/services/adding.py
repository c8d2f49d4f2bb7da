"""Many people into one session at once, by hand: pasted addresses, a whole group. In a constant number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert, select, update

from ..addresses import canonical
from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.history import HistoryEntry
from ..store.learners import Learner
from ..store.sessions import LiveSession, Seats
from ..training.statuses import TABLE, EnrolmentStatus
from . import enrolling, notifying, seating, series_by_hand, series_people
from .finding import locked_session
from .following import touched
from .work import Work

S = EnrolmentStatus
_PART = 1000


@dataclass
class Added:
    """What became of them: `waiting` are on the waiting list, `refused` says of whom not, and why; `mailed` counts the invitations."""

    added: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    mailed: int = 0


def add_many(work: Work, session_id: int, learner_ids: Sequence[int], status: str, *, over_capacity: bool = False) -> Added:
    """Add them in this order with one of the six statuses. Where seats run out the rest of the invited waits, others are refused."""
    session = locked_session(work, session_id)
    if session.status == "cancelled":
        raise Conflict("The session is cancelled and stays so; make a new session instead.")
    series_by_hand.must_take_people(session, status)
    wanted = enrolling.check_by_hand(status)
    result = Added()
    people = _learners(work, learner_ids)
    known = dict(work.db.execute(select(Enrolment.learner_id, Enrolment.status).where(Enrolment.live_session_id == session.id)).all())
    order = []
    for learner_id in dict.fromkeys(learner_ids):
        name, left = people.get(learner_id, (f"Learner {learner_id}", None))
        if learner_id not in people:
            result.refused.append((name, "There is no such learner in this organisation."))
        elif left is not None:
            result.refused.append((name, "This person has left."))
        elif known.get(learner_id, S.CANCELLED) != S.CANCELLED:
            result.refused.append((name, f"Already in this session ({known[learner_id]})."))
        else:
            order.append(learner_id)
    seats = _seats(work, session, wanted, len(order), over_capacity)
    result.added = order[:seats]
    if wanted == S.INVITED:
        result.waiting = order[seats:]
    else:
        result.refused += [(people[i][0], "The session is full.") for i in order[seats:]]
    _enrol(work, session, result.added, wanted, known)
    _enrol(work, session, result.waiting, S.WAITING_LIST, known)
    if result.added or result.waiting:
        work.db.flush()
        if session.is_series:
            series_people.spread(work, session, [*result.added, *result.waiting])
        result.mailed = notifying.begin(work, session)
        notifying.show(work, session, CalendarEntry.id > 0)
    return result


def by_addresses(work: Work, addresses: Sequence[str]) -> tuple[list[int], list[tuple[str, str]]]:
    """(the learners with these addresses, those that nobody has, with the reason)."""
    keys = {canonical(address): address for address in addresses}
    found: dict[str, int] = {}
    for part in _parts(list(keys)):
        mine = (Learner.organisation_id == work.organisation_id, Learner.email_key.in_(part))
        found |= dict(work.db.execute(select(Learner.email_key, Learner.id).where(*mine)).all())
    missing = [(address, "No learner has this address.") for key, address in keys.items() if key not in found]
    return [found[key] for key in keys if key in found], missing


def _learners(work: Work, learner_ids: Sequence[int]) -> dict[int, tuple]:
    found: dict[int, tuple] = {}
    for part in _parts([i for i in dict.fromkeys(learner_ids) if 0 < i < 2**63]):
        mine = (Learner.organisation_id == work.organisation_id, Learner.id.in_(part))
        found |= {
            row.id: (row.name, row.left_at) for row in work.db.execute(select(Learner.id, Learner.name, Learner.left_at).where(*mine))
        }
    return found


def _seats(work: Work, session: LiveSession, status: S, wanted: int, over_capacity: bool) -> int:
    """How many of them there is room for; taken at once."""
    if not TABLE[status].seat:
        return wanted
    given = seating.take_many(work, session, wanted)
    if over_capacity and given < wanted:
        more = wanted - given
        seats = update(Seats).where(Seats.live_session_id == session.id)
        work.db.execute(seats.values(taken=Seats.taken + more, over_capacity=Seats.over_capacity + more))
        given = wanted
    return given


def _enrol(work: Work, session: LiveSession, learner_ids: list[int], status: S, known: dict[int, str]) -> None:
    if not learner_ids:
        return
    queued = work.now if status == S.WAITING_LIST else None
    fresh = [i for i in learner_ids if i not in known]
    common = {
        "organisation_id": work.organisation_id, "live_session_id": session.id, "status": status, "queued_at": queued, "partstat": "NEEDS-ACTION",
        "version": 1, "created_at": work.now, "updated_at": work.now,
    }  # fmt: skip
    if fresh:
        work.db.execute(insert(Enrolment), [{**common, "learner_id": i} for i in fresh])
    for part in _parts([i for i in learner_ids if i in known]):
        again = update(Enrolment).where(Enrolment.live_session_id == session.id, Enrolment.learner_id.in_(part))
        values = {"status": status, "queued_at": queued, "updated_at": work.now, "version": Enrolment.version + 1}
        work.db.execute(again.values(**values).execution_options(synchronize_session=False))
    touched(work.db, session.id)
    ids = dict(work.db.execute(select(Enrolment.learner_id, Enrolment.id).where(Enrolment.live_session_id == session.id)).all())
    history = {
        "organisation_id": work.organisation_id, "at": work.now, "actor": work.actor, "verb": "enrolled", "live_session_id": session.id, "detail": {"status": status},
    }  # fmt: skip
    work.db.execute(insert(HistoryEntry), [{**history, "enrolment_id": ids[i], "learner_id": i} for i in learner_ids])


def _parts(values: list) -> list[list]:
    return [values[at : at + _PART] for at in range(0, len(values), _PART)]
