"""What a session would take from others at the same time: said before it is saved, and never a reason not to save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select, true
from sqlalchemy.orm import aliased

from ..addresses import canonical
from ..store.courses import GroupMember
from ..store.enrolments import Enrolment
from ..store.rooms import Room
from ..store.sessions import TAKES_PLACE, LiveSession
from ..training.availability import Booking, Clash, clashes
from ..training.changes import instant
from ..training.recurrence import Occurrence
from ..training.statuses import SEATED
from ..training.wall_time import LONGEST, check_times, check_zone
from .finding import find
from .work import Work

FIELDS = ("start", "end", "timezone", "fold", "instructors", "room_id", "capacity")
"""What a warning can come from: an edit of anything else makes none."""
_MOST = 500
_MOST_OF_SERIES = 5000
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What is worth knowing before a session is saved: `kind` is instructor, room, learners or capacity; without another session its id is None."""

    kind: str
    session_id: int | None
    title: str
    detail: str


def find_conflicts(
    work: Work, values: Mapping[str, Any], *, session: LiveSession | None = None, group_id: int | None = None
) -> list[Finding]:  # fmt: skip
    """What a new session with these values (and the members of a group), or the present one with them, would want twice.

    `values` are fields of the contract; what is missing is as it stands in `session`. Dates of one series never clash with each other. Raises
    `Invalid` for times that cannot be.
    """
    whole = {name: values.get(name, getattr(session, name, None)) for name in FIELDS}
    room = find(work, Room, whole["room_id"]) if whole["room_id"] else None
    fold = whole["fold"] or 0
    check_zone(whole["timezone"])
    check_times(whole["start"], whole["end"], whole["timezone"], fold)
    mine = _people(session, group_id)
    wanted = Booking(
        instant(whole["start"], whole["timezone"], fold), instant(whole["end"], whole["timezone"], fold), session.id if session else None,
        instructors=_keys(whole["instructors"]), room_id=room.id if room else None, people=_number(work, mine),
    )  # fmt: skip
    others = _others(work, wanted, session.series_id if session else None)
    found = [_words(clash, wanted, room) for clash in clashes(wanted, others, _shared(work, mine, others))]
    if room is not None and room.capacity is not None and (whole["capacity"] or wanted.people) > room.capacity:
        has = f"{whole['capacity']} seats" if whole["capacity"] else f"{wanted.people} people"
        found.append(Finding("capacity", None, room.name, f"{room.name} holds {room.capacity}; the session has {has}."))
    return found[:_MOST_SHOWN]


def of_session(work: Work, session: LiveSession) -> list[Finding]:
    """The same of a session as it stands; nothing for one that is over or cancelled, nor for a series, which is where its dates are."""
    if session.status != "scheduled" or session.ends_at <= work.now or session.is_series:
        return []
    return find_conflicts(work, {}, session=session)


def of_dates(work: Work, values: Mapping[str, Any], dates: Sequence[Occurrence], group_id: int | None = None) -> list[list[Finding]]:
    """What each date of a series that is to be made would want twice, in the order of `dates`; a constant number of statements."""
    room = find(work, Room, values["room_id"]) if values.get("room_id") else None
    mine, keys = _people(None, group_id), _keys(values.get("instructors"))
    people = _number(work, mine)
    wanted = [
        Booking(
            one.recurrence_id, instant(one.end, values["timezone"], one.fold), None, instructors=keys,
            room_id=room.id if room else None, people=people,
        )
        for one in dates
    ]  # fmt: skip
    whole = Booking(min(one.starts_at for one in wanted), max(one.ends_at for one in wanted), None)
    others = _others(work, whole, None, _MOST_OF_SERIES)
    shared = _shared(work, mine, others)
    return [[_words(clash, one, room) for clash in clashes(one, others, shared)] for one in wanted]


def _others(work: Work, wanted: Booking, series_id: int | None, most: int = _MOST) -> list[Booking]:
    """Sessions at the same time with what they take hold of."""
    S = LiveSession
    apart = true() if series_id is None else or_(S.series_id.is_(None), S.series_id != series_id)
    query = (
        select(S.id, S.title, S.starts_at, S.ends_at, S.instructors, S.room_id)
        .where(
            S.organisation_id == work.organisation_id, S.status == "scheduled", S.starts_at < wanted.ends_at,
            S.starts_at > wanted.starts_at - LONGEST - timedelta(days=1), S.ends_at > wanted.starts_at, S.id != (wanted.session_id or 0),
            TAKES_PLACE, apart,
        )
        .order_by(S.starts_at, S.id)
        .limit(most)
    )  # fmt: skip
    return [Booking(r.starts_at, r.ends_at, r.id, r.title, _keys(r.instructors), r.room_id) for r in work.db.execute(query)]


def _people(session: LiveSession | None, group_id: int | None) -> Select | None:
    """Whose time it takes: those with a seat, or the members of the group that a new session is for."""
    if session is not None:
        return select(Enrolment.learner_id).where(Enrolment.live_session_id == session.id, Enrolment.status.in_(SEATED))
    return select(GroupMember.learner_id).where(GroupMember.group_id == group_id) if group_id is not None else None


def _number(work: Work, mine: Select | None) -> int:
    return 0 if mine is None else work.db.scalar(select(func.count()).select_from(mine.subquery())) or 0


def _shared(work: Work, mine: Select | None, others: list[Booking]) -> dict[int | None, int]:
    """How many of `mine` have a seat in each of the others."""
    if mine is None or not others:
        return {}
    there = aliased(Enrolment)
    query = (
        select(there.live_session_id, func.count())
        .where(there.live_session_id.in_([o.session_id for o in others]), there.status.in_(SEATED), there.learner_id.in_(mine))
        .group_by(there.live_session_id)
    )
    return dict(work.db.execute(query).all())


def _keys(addresses: Any) -> frozenset[str]:
    return frozenset(canonical(one) for one in addresses or ())


def _words(clash: Clash, wanted: Booking, room: Room | None) -> Finding:
    at = f"“{clash.other.title}” at the same time"
    detail = {
        "instructor": lambda: f"{' and '.join(clash.who)} {'teaches' if len(clash.who) == 1 else 'teach'} {at}.",
        "room": lambda: f"{room.name if room else 'The room'} is taken by {at}.",
        "learners": lambda: (
            f"{clash.number} of its {wanted.people} {'person' if wanted.people == 1 else 'people'} {'is' if clash.number == 1 else 'are'} in {at}."
        ),
    }[clash.kind]()
    return Finding(clash.kind, clash.other.session_id, clash.other.title, detail)
