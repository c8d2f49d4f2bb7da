"""Lists from other systems: rows by the names that those systems give, each taken or refused by itself, and what came of each list."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema
from sqlalchemy import select

from ...services import sync_rows, syncing
from ...services.finding import find
from ...services.syncing import Report, Wish
from ...services.work import Work
from ...store.sync import SyncRun
from . import paging
from .fields import WHOLE, Body, Out, RowId
from .paging import Page
from .routing import Call, route

MOST = 5000
LARGEST = 8 * 1024 * 1024
Outcome = Literal["created", "updated", "unchanged", "refused"]


def _items(kind: str) -> Any:
    """Rows of this kind, read one by one: what is wrong with one refuses that one alone."""
    needed, fields = sync_rows.KEYS[kind], sync_rows.KINDS[kind]
    words = (
        f"Each an object with {', '.join(f'`{name}`' for name in needed)} and any of: {', '.join(f'`{n}`' for n in fields if n not in needed) or 'nothing else'}. "
        "A field that is absent stays as it is, null clears it. A row with anything wrong is refused by itself."
    )
    schema = {"type": "array", "maxItems": MOST, "items": {"type": "object"}, "description": words}
    return Annotated[list[dict[str, Any]], Field(max_length=MOST), WithJsonSchema(schema, mode="validation")]


class Sync(Body):
    """What every list can be asked for."""

    dry_run: bool = False


class SyncLearners(Sync):
    """Learners by `external_id`. With `absent: leave` whoever was named before and is not in `items` leaves; where that were more than `most_leaving` (a
    tenth of them, unless said) nothing is done and 409 says how many. `dry_run` answers what would be done.
    """

    items: _items("learners")
    absent: Literal["keep", "leave"] = "keep"
    most_leaving: Annotated[int, Field(ge=0, le=10_000_000), WHOLE] | None = None


class SyncTeams(Sync):
    """Teams by `external_id`; another name or manager goes to their people."""

    items: _items("teams")


class SyncCourses(Sync):
    """Courses by `external_id`; `id` links one that is here already, and so does its name where only one has it."""

    items: _items("courses")


class SyncSessions(Sync):
    """Sessions by `external_id`; `id` links one that is here already. `status: cancelled` cancels, for good."""

    items: _items("sessions")


class SyncEnrolments(Sync):
    """Who is in which session; `status: Cancelled` takes off. A status acts when the list says another one than it said last."""

    items: _items("enrolments")


class SyncRowOut(Out):
    """What became of a row: `place` counts from 1, `changes` names fields, `reason` says why it was refused, or what else to know."""

    place: int
    external_id: str
    outcome: Outcome
    id: int | None
    changes: list[str]
    reason: str | None


class SyncOut(Out):
    """What came of a list. `gone` of those updated left since the list does not name them; `held_back` says why nobody was taken to have left."""

    run_id: RowId
    dry_run: bool
    created: int
    updated: int
    unchanged: int
    refused: int
    gone: int
    held_back: str | None
    rows: list[SyncRowOut]


class SyncRunOut(Out):
    """A list that was sent, kept for 30 days."""

    id: RowId
    kind: Literal["learners", "teams", "courses", "sessions", "enrolments"]
    actor: str
    dry_run: bool
    created: int
    updated: int
    unchanged: int
    refused: int
    gone: int
    held_back: str | None
    started_at: datetime
    finished_at: datetime | None


class OneSyncRunOut(SyncRunOut):
    """The same with what was made or changed, `[external_id, id, fields]`, and what was refused, `[place, external_id, reason]`: the first 500 of each."""

    changes: list[list[Any]]
    refusals: list[list[Any]]


def show(report: Report) -> SyncOut:
    """A report as it is answered."""
    run = report.run
    counts = {name: getattr(run, name) for name in ("dry_run", "created", "updated", "unchanged", "refused", "gone", "held_back")}
    return SyncOut(run_id=run.id, rows=[SyncRowOut(**dataclasses.asdict(one)) for one in report.outcomes], **counts)


def _take(work: Work, kind: str, call: Call) -> SyncOut:
    given = call.body
    leave, most = getattr(given, "absent", "keep") == "leave", getattr(given, "most_leaving", None)
    return show(syncing.take(work, kind, given.items, Wish(given.dry_run, leave, most)))


@route("PUT", "/sync/learners", body=SyncLearners, answer=SyncOut, problems=(409,), largest=LARGEST)
def sync_learners(work: Work, call: Call) -> SyncOut:
    """Bring learners up to date. The same list again changes nothing and mails nobody; up to 5,000 rows a call."""
    return _take(work, "learners", call)


@route("PUT", "/sync/teams", body=SyncTeams, answer=SyncOut, largest=LARGEST)
def sync_teams(work: Work, call: Call) -> SyncOut:
    """Bring teams up to date. Send them before the learners that name them by `team_external_id`."""
    return _take(work, "teams", call)


@route("PUT", "/sync/courses", body=SyncCourses, answer=SyncOut, largest=LARGEST)
def sync_courses(work: Work, call: Call) -> SyncOut:
    """Bring courses up to date. Send them before their sessions."""
    return _take(work, "courses", call)


@route("PUT", "/sync/sessions", body=SyncSessions, answer=SyncOut, largest=LARGEST)
def sync_sessions(work: Work, call: Call) -> SyncOut:
    """Bring sessions up to date. A change goes out after the settle time, as an edit by hand does."""
    return _take(work, "sessions", call)


@route("PUT", "/sync/enrolments", body=SyncEnrolments, answer=SyncOut, largest=LARGEST)
def sync_enrolments(work: Work, call: Call) -> SyncOut:
    """Bring enrolments up to date. Who is invited and finds no seat waits; what people answered stays until the list says something new."""
    return _take(work, "enrolments", call)


@route("GET", "/sync/runs", query=paging.Query, answer=Page[SyncRunOut])
def list_sync_runs(work: Work, call: Call) -> Page[SyncRunOut]:
    """List what was sent, latest first."""
    query = select(SyncRun).where(SyncRun.organisation_id == work.organisation_id)
    rows, following = paging.by_id(work.db, query, SyncRun.id, call.query, newest_first=True)
    return Page[SyncRunOut](items=[SyncRunOut.model_validate(row, from_attributes=True) for row in rows], next=following)


@route("GET", "/sync/runs/<id:sync_run_id>", answer=OneSyncRunOut, problems=(404,))
def get_sync_run(work: Work, call: Call) -> OneSyncRunOut:
    """One list that was sent, with what it changed and what was refused."""
    return OneSyncRunOut.model_validate(find(work, SyncRun, call.path["sync_run_id"]), from_attributes=True)
