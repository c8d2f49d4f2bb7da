"""Completion reports: of everybody who takes a course how many have completed it, have it open, or are late; by course, by team, person by person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, and_, case, exists, func, null, select, union

from ..store.completions import Completion
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.milestones import OPEN, Milestone, MilestoneEntry
from ..store.sessions import LiveSession
from ..training.milestones import CompletionKind, MilestoneKind
from . import exporting
from .completing import today
from .course_milestones import OUT
from .work import Work

C_, E_, M_ = Completion, MilestoneEntry, Milestone
BY = ("course", "team")
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Tally:
    """One row: what it was grouped by, and the sums. `late` are those of the open ones whose deadline is past."""

    key: int | str | None
    name: str
    people: int
    completed: int
    late: int

    @property
    def still_open(self) -> int:
        """Who has not completed it."""
        return self.people - self.completed

    @property
    def percent(self) -> int | None:
        """How many have completed it, of a hundred; None where nobody takes it."""
        return round(100 * self.completed / self.people) if self.people else None


def summary(work: Work, by: str, limit: int, offset: int = 0, *, course_id: int | None = None, team: str | None = None) -> list[Tally]:
    """By course or by team (a person who takes two courses counts twice there), by name. Who has left is not counted."""
    rows = _people(work, course_id, team).subquery()
    key = rows.c.course_id if by == "course" else rows.c.team
    name = rows.c.course if by == "course" else rows.c.team
    query = select(key, name, func.count(), func.sum(rows.c.completed), func.sum(rows.c.late)).group_by(key, name).order_by(name, key)
    return [Tally(k, n, people, int(done), int(late)) for k, n, people, done, late in work.db.execute(query.limit(limit).offset(offset))]


def people(work: Work, limit: int, offset: int = 0, *, course_id: int | None = None, team: str | None = None) -> list:
    """(course, learner_id, name, email, team, completed_on or None, late) of everybody who takes a course, by course and name."""
    rows = _people(work, course_id, team).subquery()
    query = select(rows).order_by(rows.c.course, rows.c.course_id, rows.c.name, rows.c.learner_id).limit(limit).offset(offset)
    return list(work.db.execute(query))


def as_csv(work: Work, *, course_id: int | None = None, team: str | None = None) -> bytes:
    """All of it, person by person, for a spreadsheet."""
    rows = people(work, MOST_ROWS, course_id=course_id, team=team)
    header = ("course", "name", "email", "team", "completed_on", "late")
    return exporting.table(header, ((r.course, r.name, r.email, r.team, _text(r.completed_on), "yes" if r.late else "no") for r in rows))


def _text(day: date | str | None) -> str:
    return str(day) if day else ""


def _people(work: Work, course_id: int | None, team: str | None) -> Select:
    """A row for each person and course that they take, or have completed."""
    here = Course.organisation_id == work.organisation_id
    members = select(TrainingGroup.course_id, GroupMember.learner_id).join(GroupMember, GroupMember.group_id == TrainingGroup.id)
    inside = select(LiveSession.course_id, Enrolment.learner_id).join(Enrolment, Enrolment.live_session_id == LiveSession.id)
    inside = inside.where(
        LiveSession.series_id.is_(None), LiveSession.organisation_id == work.organisation_id, Enrolment.status.not_in(OUT)
    )
    members = members.where(TrainingGroup.organisation_id == work.organisation_id)
    standing = and_(C_.kind == CompletionKind.COURSE, C_.undone_at.is_(None))
    had = select(C_.course_id, C_.learner_id).where(C_.organisation_id == work.organisation_id, standing)
    if course_id is not None:
        members = members.where(TrainingGroup.course_id == course_id)
        inside, had = inside.where(LiveSession.course_id == course_id), had.where(C_.course_id == course_id)
    take = union(members, inside, had).subquery()
    last = (
        select(func.max(C_.completed_on))
        .where(C_.learner_id == take.c.learner_id, C_.course_id == take.c.course_id, standing)
        .scalar_subquery()
    )
    late = exists().where(
        E_.learner_id == take.c.learner_id, E_.state == OPEN, E_.day < today(work), E_.milestone_id == M_.id, M_.course_id == take.c.course_id,
        M_.kind == MilestoneKind.COMPLETION_DEADLINE,
    )  # fmt: skip
    query = (
        select(
            Course.id.label("course_id"), Course.name.label("course"), Learner.id.label("learner_id"), Learner.name.label("name"),
            Learner.email.label("email"), func.coalesce(Learner.team, "").label("team"), last.label("completed_on"),
            case((last.is_not(None), 1), else_=0).label("completed"), case((and_(last.is_(null()), late), 1), else_=0).label("late"),
        )
        .select_from(take)
        .join(Course, Course.id == take.c.course_id)
        .join(Learner, Learner.id == take.c.learner_id)
        .where(here, Learner.left_at.is_(None))
    )  # fmt: skip
    if team is not None:
        query = query.where(func.coalesce(Learner.team, "") == team)
    return query
