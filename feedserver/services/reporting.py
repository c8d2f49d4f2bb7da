"""Reports: what people answered against who came, by session, course and team; who said Yes and did not come; how full sessions are.

Sums are made by the database, and lists come by the page: ten thousand people cost as many statements as ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, null, select
from sqlalchemy.orm import aliased

from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.sessions import TAKES_PLACE, LiveSession, Seats
from ..training.statuses import SEATED, Answer, EnrolmentStatus
from . import entitlement, exporting
from .work import Work

S = EnrolmentStatus
REPEATEDLY = 2
YEAR = timedelta(days=365)
BY = ("session", "course", "team")
COLUMNS = ("people", "yes", "no", "maybe", "no_answer", "attended", "absent", "go_show", "not_marked", "yes_came", "yes_absent")
MOST_ROWS = 100_000
_EMPTY = literal_column("''")
_WHOLE = aliased(Enrolment)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which sessions and people a report is about; days are whole days in the organisation's zone, both included."""

    since: datetime | None = None
    before: datetime | None = None
    course_id: int | None = None
    team: str | None = None
    manager: str | None = None
    private: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """One row: its name, the id or text it was grouped by, when (of a session), and the sums of `COLUMNS`."""

    key: Any
    name: str
    detail: str
    starts_at: datetime | None
    timezone: str
    people: int
    yes: int
    no: int
    maybe: int
    no_answer: int
    attended: int
    absent: int
    go_show: int
    not_marked: int
    yes_came: int
    yes_absent: int

    @property
    def came(self) -> int:
        """Everybody who was there."""
        return self.attended + self.go_show

    @property
    def marked(self) -> int:
        """Everybody of whom it is known whether they came."""
        return self.came + self.absent

    @property
    def kept(self) -> int | None:
        """Of those who said Yes and were marked, the percentage that came; None where there are none."""
        known = self.yes_came + self.yes_absent
        return round(100 * self.yes_came / known) if known else None


@dataclass(frozen=True, slots=True)
class NoShow:
    """Somebody who said Yes and did not come, `times` times, the last of them at `last`."""

    learner_id: int
    name: str
    email: str
    team: str
    times: int
    came: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Level:
    """How full a session is."""

    session: LiveSession
    course: str
    taken: int
    capacity: int | None
    waiting: int
    asking: int


def days(work: Work, first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """(from, before) as instants of whole days in the organisation's zone, the last one included."""
    zone = ZoneInfo(work.organisation.timezone)
    since = datetime.combine(first, time(), zone) if first else None
    before = datetime.combine(last + timedelta(days=1), time(), zone) if last and last < date.max else None
    return since, before


def attendance(work: Work, by: str, scope: Scope, limit: int, offset: int = 0, after: Any = None) -> list[Tally]:
    """Answers against attendance of sessions that have begun, the latest session first, courses and teams by name.

    `after` is the key of the last row of the page before, for lists that go by id (session, course).
    """
    key, name, detail, starts, zone, order = _grouping(by)
    query = _people(
        work,
        scope,
        select(key.label("key"), name.label("name"), detail.label("detail"), starts.label("starts_at"), zone.label("zone"), *_sums()),
    ).where(LiveSession.starts_at <= work.now)
    query = query.where(key > after).order_by(key) if after is not None else query.order_by(*order)
    rows = work.db.execute(query.group_by(key, *_group(by)).limit(limit).offset(offset))
    return [Tally(*row) for row in rows]


def attendance_total(work: Work, scope: Scope) -> Tally:
    """The same over everything in the scope."""
    query = _people(work, scope, select(*_sums())).where(LiveSession.starts_at <= work.now)
    row = work.db.execute(query).one()
    return Tally(None, "All", "", None, "", *(n or 0 for n in row))


def no_shows(work: Work, scope: Scope, limit: int, offset: int = 0) -> list[NoShow]:
    """Who said Yes and was absent at least twice; within the last twelve months unless the scope says otherwise. The worst first."""
    missed = and_(_said() == Answer.YES.value, Enrolment.status == S.ABSENT)
    came = Enrolment.status.in_((S.ATTENDED, S.GO_SHOW))
    times = func.sum(case((missed, 1), else_=0))
    last = func.max(case((missed, LiveSession.starts_at), else_=None))
    query = _people(
        work,
        scope,
        select(Learner.id, Learner.name, Learner.email, func.coalesce(Learner.team, ""), times, func.sum(case((came, 1), else_=0)), last),
    ).where(LiveSession.starts_at <= work.now)
    if scope.since is None:
        query = query.where(LiveSession.starts_at > work.now - YEAR)
    query = query.group_by(Learner.id, Learner.name, Learner.email, Learner.team).having(times >= REPEATEDLY)
    rows = work.db.execute(query.order_by(times.desc(), Learner.name, Learner.id).limit(limit).offset(offset))
    return [NoShow(*row) for row in rows]


def levels(work: Work, scope: Scope, limit: int, offset: int = 0) -> list[Level]:
    """How full sessions are, coming ones unless the scope names days, the next first. Who may see a team alone is told of its seats."""
    held, waiting, asking = (
        func.sum(case((Enrolment.status.in_(s), 1), else_=0)) for s in (SEATED, (S.WAITING_LIST,), (S.WAITING_APPROVAL,))
    )
    counted = (
        select(Enrolment.live_session_id.label("id"), held.label("held"), waiting.label("waiting"), asking.label("asking"))
        .group_by(Enrolment.live_session_id)
        .subquery()
    )
    team = entitlement.sees_a_team_alone(work.db)
    # The dates of a series share its seats.
    shared = aliased(Seats)
    taken, capacity = (func.coalesce(counted.c.held, 0), null()) if team else (Seats.taken, func.coalesce(Seats.capacity, shared.capacity))
    query = (
        select(LiveSession, Course.name, taken, capacity, func.coalesce(counted.c.waiting, 0), func.coalesce(counted.c.asking, 0))
        .join(Course, Course.id == LiveSession.course_id)
        .join(Seats, Seats.live_session_id == LiveSession.id)
        .outerjoin(shared, and_(shared.live_session_id == LiveSession.series_id, LiveSession.seats_per_date.is_(False)))
        .outerjoin(counted, counted.c.id == LiveSession.id)
        .where(LiveSession.status == "scheduled", *_sessions(work, scope))
    )
    if scope.since is None and scope.before is None:
        query = query.where(LiveSession.ends_at > work.now)
    rows = work.db.execute(query.order_by(LiveSession.starts_at, LiveSession.id).limit(limit).offset(offset))
    return [Level(*row) for row in rows]


def teams(work: Work) -> list[str]:
    """The teams there are, for a choice."""
    query = select(Learner.team).where(Learner.organisation_id == work.organisation_id, Learner.team.is_not(None), Learner.team != "")
    return list(work.db.scalars(query.distinct().order_by(Learner.team).limit(500)))


def attendance_csv(work: Work, by: str, scope: Scope) -> bytes:
    """The report as CSV, all of it."""
    rows = attendance(work, by, scope, MOST_ROWS)
    head = (by, "course" if by == "session" else "", "starts_at", *COLUMNS, "yes_kept_percent")
    values = ((r.name, r.detail, r.starts_at, *(getattr(r, c) for c in COLUMNS), r.kept) for r in rows)
    return _without_empty(head, values)


def no_shows_csv(work: Work, scope: Scope) -> bytes:
    """Who said Yes and did not come, as CSV."""
    rows = no_shows(work, scope, MOST_ROWS)
    head = ("name", "email", "team", "said_yes_and_absent", "came", "last_absent_at")
    return exporting.table(head, ((r.name, r.email, r.team, r.times, r.came, r.last) for r in rows))


def levels_csv(work: Work, scope: Scope) -> bytes:
    """How full sessions are, as CSV."""
    rows = levels(work, scope, MOST_ROWS)
    head = ("session", "course", "starts_at", "seats_taken", "capacity", "waiting_list", "waiting_approval")
    return exporting.table(head, ((r.session.title, r.course, r.session.starts_at, r.taken, r.capacity, r.waiting, r.asking) for r in rows))


def _without_empty(head: Sequence[str], rows: Any) -> bytes:
    """Only sessions have a course and a start beside their name."""
    kept = [n for n, name in enumerate(head) if name and (name != "starts_at" or head[0] == "session")]
    return exporting.table([head[n] for n in kept], ([row[n] for n in kept] for row in rows))


def _grouping(by: str) -> tuple:
    # Written out: PostgreSQL takes two bound texts for two different groups.
    none = func.coalesce(Learner.team, literal_column("''"))
    return {
        "session": (
            LiveSession.id, LiveSession.title, Course.name, LiveSession.starts_at, LiveSession.timezone, (LiveSession.starts_at.desc(), LiveSession.id.desc()),
        ),
        "course": (Course.id, Course.name, _EMPTY, null(), _EMPTY, (Course.name, Course.id)),
        "team": (none, none, _EMPTY, null(), _EMPTY, (none,)),
    }[by]  # fmt: skip


def _group(by: str) -> tuple:
    if by == "session":
        return (LiveSession.title, Course.name, LiveSession.starts_at, LiveSession.timezone)
    return (Course.name,) if by == "course" else ()


def _sums() -> list[ColumnElement]:
    said, status = _said(), Enrolment.status
    came, absent = status.in_((S.ATTENDED, S.GO_SHOW)), status == S.ABSENT
    conditions = (
        said == Answer.YES.value, said == Answer.NO.value, said == Answer.MAYBE.value, said == "NEEDS-ACTION",
        status == S.ATTENDED, absent, status == S.GO_SHOW, status.in_((S.INVITED, S.REGISTERED)),
        and_(said == Answer.YES.value, came), and_(said == Answer.YES.value, absent),
    )  # fmt: skip
    return [func.count(Enrolment.id), *(func.sum(case((condition, 1), else_=0)) for condition in conditions)]


def _said() -> ColumnElement[str]:
    """What they answered to a date, or else to the whole series."""
    return case((Enrolment.responded_at.is_(None), func.coalesce(_WHOLE.partstat, Enrolment.partstat)), else_=Enrolment.partstat)


def _people(work: Work, scope: Scope, query: Select) -> Select:
    """Enrolments of the scope: whoever had a seat or said No; those who waited or were taken off say nothing about coming."""
    query = (
        query.select_from(Enrolment)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .join(Course, Course.id == LiveSession.course_id)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .outerjoin(_WHOLE, and_(_WHOLE.live_session_id == LiveSession.series_id, _WHOLE.learner_id == Enrolment.learner_id))
        .where(LiveSession.status == "scheduled", Enrolment.status.in_((*SEATED, S.DECLINED)), *_sessions(work, scope))
    )
    if scope.team is not None:
        query = query.where(func.coalesce(Learner.team, "") == scope.team)
    return query.where(Learner.manager_email == scope.manager) if scope.manager is not None else query


def _sessions(work: Work, scope: Scope) -> list[ColumnElement[bool]]:
    where = [LiveSession.organisation_id == work.organisation_id, TAKES_PLACE]
    if scope.since is not None:
        where.append(LiveSession.starts_at >= scope.since)
    if scope.before is not None:
        where.append(LiveSession.starts_at < scope.before)
    if scope.course_id is not None:
        where.append(LiveSession.course_id == scope.course_id)
    if not scope.private:
        where.append(LiveSession.visibility != "private")
    return where
