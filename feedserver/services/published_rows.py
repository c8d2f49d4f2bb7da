"""What ought to stand in a collection elsewhere: sessions of the window, filtered as feeds for others are, as objects with their digest.

A constant number of statements, however many sessions and collections there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from ..ical import published
from ..imip import catalogues
from ..store.destinations import LEAVING, Destination
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.sessions import TAKES_PLACE, LiveSession, Revision
from ..training.audiences import published as view
from ..training.audiences import strictest
from ..training.changes import Snapshot
from ..training.statuses import SEATED
from .work import Work

BACK, AHEAD = timedelta(days=92), timedelta(days=549)
_S = LiveSession
_INHERITS = and_(_S.series_id.is_not(None), _S.own_entry.is_(False))


class Fact(NamedTuple):
    """A session that takes place, with its newest revision; a date that has none of its own has that of its series."""

    id: int
    course_id: int
    room_id: int | None
    instructors: Sequence[str] | None
    calendar_enabled: bool
    visibility: str
    start: datetime
    end: datetime
    timezone: str
    fold: int
    inherits: bool
    revision_id: int
    number: int
    frozen_at: datetime
    snapshot_json: str

    @property
    def snapshot(self) -> Snapshot:
        """What it shows; the times of a date are its own."""
        shown = Snapshot.from_json(self.snapshot_json)
        if not self.inherits:
            return shown
        return replace(shown, start=self.start, end=self.end, timezone=self.timezone, fold=self.fold)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of a collection as it is stored; `stamp` is its DTSTAMP in seconds since 1970, `digest` names what it shows."""

    session_id: int
    revision_id: int
    uid: str
    sequence: int
    stamp: int
    title: str
    digest: str
    data: bytes


def entries(work: Work, destinations: Iterable[Destination], only: Collection[int] | None = None) -> dict[int, dict[int, Entry]]:
    """Of each collection (by id) each session that ought to stand in it, by id; `only` of these sessions."""
    wanted = [one for one in destinations if one.state != LEAVING]
    found: dict[int, dict[int, Entry]] = {one.id: {} for one in wanted}
    if not wanted or (only is not None and not only):
        return found
    facts = _facts(work, only)
    teams = _teams(work, {one.settings["subject"] for one in wanted if one.settings["subject_kind"] == "team"}, only)
    for fact in facts:
        snapshot = None
        for destination in wanted:
            chosen = destination.settings
            if not _belongs(fact, chosen["subject_kind"], chosen["subject"], teams):
                continue
            snapshot = snapshot or fact.snapshot
            entry = _entry(fact, snapshot, chosen, work.organisation.locale)
            if entry is not None:
                found[destination.id][fact.id] = entry
    return found


def _entry(fact: Fact, snapshot: Snapshot, chosen: dict, locale: str) -> Entry | None:
    shown = view(chosen["subject_kind"], chosen["detail"], strictest(fact.visibility, snapshot.visibility))
    if shown is None:
        return None
    data, uid = published.entry(snapshot, shown, catalogues.words(locale)), published.uid_of(chosen["mark"], fact.id)
    stamp = int(fact.frozen_at.timestamp())
    filled = published.filled(data, uid, stamp, fact.number)
    return Entry(fact.id, fact.revision_id, uid, fact.number, stamp, snapshot.title, published.digest(data, uid), filled)


def _belongs(fact: Fact, kind: str, subject: str, teams: dict[str, set[int]]) -> bool:
    if kind == "team":
        return fact.calendar_enabled and fact.id in teams.get(subject, ())
    if kind == "instructor":
        return subject in {one.lower() for one in fact.instructors or ()}
    return kind == "everything" or subject == str(fact.course_id if kind == "course" else fact.room_id)


def _facts(work: Work, only: Collection[int] | None) -> list[Fact]:
    newer = aliased(Revision)
    source = case((_INHERITS, _S.series_id), else_=_S.id)
    latest = select(func.max(newer.number)).where(newer.live_session_id == Revision.live_session_id).scalar_subquery()
    today = work.now.replace(hour=0, minute=0, second=0, microsecond=0)
    query = (
        select(
            _S.id, _S.course_id, _S.room_id, _S.instructors, _S.calendar_enabled, _S.visibility, _S.start, _S.end, _S.timezone, _S.fold,
            _INHERITS, Revision.id, Revision.number, Revision.frozen_at, Revision.snapshot_json,
        )
        .join(Revision, and_(Revision.live_session_id == source, Revision.number == latest))
        .where(
            _S.organisation_id == work.organisation_id, TAKES_PLACE, _S.draft.is_(False), _S.status == "scheduled",
            _S.ends_at > today - BACK, _S.starts_at < today + AHEAD, *_among(_S.id, only),
        )
        .order_by(_S.starts_at, _S.id)
    )  # fmt: skip
    return [Fact(*row) for row in work.db.execute(query)]


def _teams(work: Work, subjects: set[str], only: Collection[int] | None) -> dict[str, set[int]]:
    """Of each team, by its name or its manager's address, the sessions in which anybody of it has a seat."""
    found: dict[str, set[int]] = {}
    if not subjects:
        return found
    manager = func.lower(Learner.manager_email)
    query = (
        select(Enrolment.live_session_id, Learner.team, manager)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(
            Learner.organisation_id == work.organisation_id, or_(Learner.team.in_(subjects), manager.in_(subjects)),
            Enrolment.status.in_(SEATED), *_among(Enrolment.live_session_id, only),
        )
        .distinct()
    )  # fmt: skip
    for session_id, *names in work.db.execute(query):
        for name in subjects.intersection(names):
            found.setdefault(name, set()).add(session_id)
    return found


def _among(column, only: Collection[int] | None) -> list[ColumnElement[bool]]:
    return [] if only is None else [column.in_(sorted(only))]
