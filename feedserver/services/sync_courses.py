"""Courses and teams as another system lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select, update

from ..addresses import canonical
from ..errors import Conflict, Invalid
from ..store.audiences import AudienceFeed
from ..store.courses import Course
from ..store.destinations import Destination
from ..store.learners import Learner
from ..store.sync import Team
from . import following, grouping
from .sync_rows import CREATED, UNCHANGED, UPDATED, Outcome, Row, attempt, done
from .work import Work

_COURSE = ("name", "description", "url", "counts", "self_paced")
_QUIET = {"synchronize_session": False}


def take_courses(work: Work, rows: Sequence[Row]) -> dict[int, Outcome]:
    """Outcomes by place. A course is known by `external_id`, by `id`, or by its name where exactly one has it and no system has named it."""
    outcomes: dict[int, Outcome] = {}
    known = _courses(work, rows)
    for row in rows:
        with attempt(work, row, outcomes):
            outcomes[row.place] = _course(work, row, known.get(row.external_id) or unnamed(known, row))
    return outcomes


def unnamed(known: dict, row: Row) -> Any:
    """The one that the row links by `id`, or means by its name."""
    if "id" not in row.values:
        return known.get(("name", row.values.get("name")))
    found = known.get(row.values["id"])
    if found is None:
        raise Invalid(f"There is no {row.values['id']} that no system has named yet.", field="id")
    return found


def _courses(work: Work, rows: Sequence[Row]) -> dict:
    """By external_id; those that no system has named by id, and by ("name", name) where only one has it."""
    names = [row.values["name"] for row in rows if "name" in row.values]
    ids = [row.values["id"] for row in rows if "id" in row.values]
    which = [Course.external_id.in_([row.external_id for row in rows])]
    which.append(Course.external_id.is_(None) & or_(Course.name.in_(names), Course.id.in_(ids)))
    query = select(Course).where(Course.organisation_id == work.organisation_id, or_(*which))
    found: dict = {}
    for course in work.db.scalars(query.order_by(Course.id)):
        if course.external_id is not None:
            found[course.external_id] = course
            continue
        found[course.id] = course
        name = ("name", course.name)
        found[name] = None if name in found else course
    return found


def _course(work: Work, row: Row, course: Course | None) -> Outcome:
    given = {name: value for name, value in row.values.items() if name in _COURSE}
    if course is None:
        if "name" not in given:
            raise Invalid("No course is known by this external_id; a new one needs it.", field="name")
        made = grouping.create_course(work, {**given, "external_id": row.external_id})
        return done(row, CREATED, made.id, given)
    changes = {name: value for name, value in {**given, "external_id": row.external_id}.items() if getattr(course, name) != value}
    if changes:
        grouping.edit_course(work, course.id, changes)
    return done(row, UPDATED if changes else UNCHANGED, course.id, changes)


def take_teams(work: Work, rows: Sequence[Row]) -> dict[int, Outcome]:
    """Outcomes by place. Another name goes to the team's people and calendars, another manager to those who had the one before, or none."""
    outcomes: dict[int, Outcome] = {}
    mine = select(Team).where(Team.organisation_id == work.organisation_id, Team.external_id.in_([row.external_id for row in rows]))
    known = {team.external_id: team for team in work.db.scalars(mine)}
    for row in rows:
        with attempt(work, row, outcomes):
            outcomes[row.place] = _team(work, row, known.get(row.external_id))
    return outcomes


def _team(work: Work, row: Row, team: Team | None) -> Outcome:
    given = {name: value for name, value in row.values.items() if name != "external_id"}
    if team is None and "name" not in given:
        raise Invalid("No team is known by this external_id; a new one needs it.", field="name")
    changes = {name: value for name, value in given.items() if team is None or getattr(team, name) != value}
    if "name" in changes:
        same = select(Team.external_id).where(Team.organisation_id == work.organisation_id, Team.name == changes["name"])
        if (other := work.db.scalar(same)) is not None:
            raise Conflict(f"The team {other[:60]!r} has this name.", field="name")
    if team is None:
        team = Team(organisation_id=work.organisation_id, external_id=row.external_id, created_at=work.now, **given)
        work.db.add(team)
        work.db.flush()
        _follow(work, team, team.name, None, {"manager_email": team.manager_email} if team.manager_email else {})
        work.record("team created", detail={"team_id": team.id})
        return done(row, CREATED, team.id, changes)
    if not changes:
        return done(row, UNCHANGED, team.id)
    before, manager = team.name, team.manager_email
    for name, value in changes.items():
        setattr(team, name, value)
    team.version += 1
    people = _follow(work, team, before, manager, changes)
    work.record("team edited", detail={"team_id": team.id, "changes": sorted(changes), "people": people})
    return done(row, UPDATED, team.id, changes)


def _follow(work: Work, team: Team, name: str, manager: str | None, changes: dict[str, Any]) -> int:
    """Its people have its name, and its manager unless they have another; how many that changes."""
    here = (Learner.organisation_id == work.organisation_id, Learner.team == name)
    theirs = func.coalesce(func.lower(Learner.manager_email), "").in_(("", canonical(manager or "")))
    moved: set[int] = set()
    edits = {"manager_email": (theirs, {"manager_email": team.manager_email}), "name": (Learner.id > 0, {"team": team.name})}
    for which, values in (edit for field, edit in edits.items() if field in changes):
        ids = list(work.db.scalars(select(Learner.id).where(*here, which).order_by(Learner.id).with_for_update()))
        edit = update(Learner).where(*here, which).values(**values, version=Learner.version + 1)
        work.db.execute(edit.execution_options(**_QUIET))
        moved.update(ids)
    if "name" in changes and name != team.name:
        _rename_subjects(work, name, team.name)
    following.moved(work.db, *moved)
    return len(moved)


def _rename_subjects(work: Work, before: str, now: str) -> None:
    """What is chosen by the team's name stays chosen: calendars of it, and collections and channels elsewhere."""
    feeds = (AudienceFeed.organisation_id == work.organisation_id, AudienceFeed.audience == "team", AudienceFeed.subject == before)
    work.db.execute(update(AudienceFeed).where(*feeds).values(subject=now, version=AudienceFeed.version + 1).execution_options(**_QUIET))
    for one in work.db.scalars(select(Destination).where(Destination.organisation_id == work.organisation_id)):
        chosen = one.settings
        if (chosen.get("subject_kind"), chosen.get("subject")) == ("team", before):
            one.settings = {**chosen, "subject": now}
        elif chosen.get("team") == before:
            one.settings = {**chosen, "team": now}
    work.db.flush()
