"""Bringing in a file of learners from a page: looked at first, then piece by piece, with what came of it (S60, S62).

Nothing is mailed before somebody presses "send": the preview says how many invitations the group makes. A piece is one transaction; what was
done is noted in it, so whoever goes on after an interruption does nothing twice.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import undefer

from ..addresses import canonical
from ..errors import Conflict, Invalid
from ..store.courses import TrainingGroup
from ..store.imports import DONE, READY, RUNNING, ImportJob
from ..store.learners import Learner
from . import channelling, grouping, importing
from .finding import find
from .importing import Person, Refusal
from .learning import FIELDS
from .table_file import TableFile
from .work import Work

LARGEST = 2 * 1024 * 1024
MOST_LINES = 20_000
PIECE = 500
STOPPED_AFTER = timedelta(seconds=30)
_MOST_SHOWN = 500
_KEPT = timedelta(days=7)


def prepare(work: Work, data: bytes, *, group_id: int | None = None, welcome: bool = False) -> ImportJob:
    """Look at a file: what would be added, changed and refused, stored as a job that waits for its button. Raises `Invalid`."""
    if len(data) > LARGEST:
        raise Invalid("The file is larger than 2 MiB; `python -m feedserver import learners` takes any size.", field="file")
    if group_id is not None:
        find(work, TrainingGroup, group_id)
    if welcome and not work.organisation.welcome:
        raise Conflict("Welcome mails are turned off; the settings of the organisation turn them on.", field="welcome")
    lines = _lines(data)
    if len(lines) > MOST_LINES:
        raise Invalid(f"That is {len(lines):,} lines; a page takes {MOST_LINES:,}. The command takes any number.", field="file")
    if not lines:
        raise Invalid("The file has no line besides the names of its columns.", field="file")
    work.db.execute(delete(ImportJob).where(ImportJob.organisation_id == work.organisation_id, ImportJob.created_at < work.now - _KEPT))
    job = ImportJob(
        organisation_id=work.organisation_id, actor=work.actor, body=data, group_id=group_id, welcome=welcome, lines=len(lines), created_at=work.now
    )  # fmt: skip
    people = [one for one in lines if isinstance(one, Person)]
    refused = [one for one in lines if isinstance(one, Refusal)]
    job.added = job.changed = job.unchanged = 0
    for at in range(0, len(people), 1000):
        tally = importing.compare(work, people[at : at + 1000])
        job.added, job.changed, job.unchanged = job.added + tally.added, job.changed + tally.changed, job.unchanged + tally.unchanged
        refused += tally.refused
    job.refused = _shown(refused)
    if group_id is not None:
        job.joined = _would_join(work, group_id, people)
        job.mailed = job.joined * grouping.coming(work, group_id)
    work.db.add(job)
    work.db.flush()
    return job


def start(work: Work, job_id: int) -> ImportJob:
    """Carry it out, or go on where it stopped; `piece` does the work. One that is done stays so."""
    job = of(work, job_id)
    if job.state == READY:
        job.state, job.refused = RUNNING, []
        job.added = job.changed = job.unchanged = job.joined = job.mailed = 0
        work.record("import started", detail={"import_id": job.id, "lines": job.lines})
    job.alive_at = work.now
    work.db.flush()
    return job


def piece(work: Work, job_id: int) -> bool:
    """The next lines, in one transaction; False once nothing is left. Safe to call twice at once: the second waits for the first."""
    query = select(ImportJob).where(ImportJob.id == job_id, ImportJob.organisation_id == work.organisation_id)
    job = work.db.scalars(query.with_for_update().options(undefer(ImportJob.body)).execution_options(populate_existing=True)).first()
    if job is None or job.state != RUNNING:
        return False
    lines = _lines(job.body)[job.at_line : job.at_line + PIECE]
    people = [one for one in lines if isinstance(one, Person)]
    tally = importing.learning_many(work, people)
    bad = {one.line for one in tally.refused}
    job.refused = [*job.refused, *_shown([*(one for one in lines if isinstance(one, Refusal)), *tally.refused])][:_MOST_SHOWN]
    job.added, job.changed, job.unchanged = job.added + tally.added, job.changed + tally.changed, job.unchanged + tally.unchanged
    ids = _ids(work, [one for one in people if one.line not in bad])
    if job.group_id is not None and work.db.get(TrainingGroup, job.group_id) is not None:
        joined, sent = grouping.add_members(work, job.group_id, ids)
        job.joined, job.mailed = job.joined + joined, job.mailed + sent
    if job.welcome and work.organisation.welcome:
        channelling.welcome(work, ids)
    job.at_line += len(lines)
    job.alive_at = work.now
    if job.at_line >= job.lines:
        job.state, job.finished_at, job.body = DONE, work.now, b""
        work.record("import done", detail={"import_id": job.id, "added": job.added, "changed": job.changed})
    work.db.flush()
    return job.state == RUNNING


def of(work: Work, job_id: int) -> ImportJob:
    """The job, without its file; raises `NotFound`."""
    return find(work, ImportJob, job_id)


def stopped(work: Work, job: ImportJob) -> bool:
    """Whether it runs no more though it is not done: its process ended, and the button takes it up again."""
    return job.state == RUNNING and (job.alive_at is None or job.alive_at < work.now - STOPPED_AFTER)


def _lines(data: bytes) -> list[Person | Refusal]:
    return list(importing.read_lines(TableFile(io.BufferedReader(io.BytesIO(data)), FIELDS, importing.REQUIRED)))


def _shown(refused: Sequence[Refusal]) -> list[list]:
    return [[one.line, one.reason] for one in sorted(refused, key=lambda one: one.line)][:_MOST_SHOWN]


def _ids(work: Work, people: Sequence[Person]) -> list[int]:
    """The learners of these lines who are here, in the order of the file."""
    keys = [canonical(one.values["email"]) for one in people]
    found: dict[str, int] = {}
    for at in range(0, len(keys), 1000):
        mine = (Learner.organisation_id == work.organisation_id, Learner.left_at.is_(None), Learner.email_key.in_(keys[at : at + 1000]))
        found |= dict(work.db.execute(select(Learner.email_key, Learner.id).where(*mine)).all())
    return [found[key] for key in keys if key in found]


def _would_join(work: Work, group_id: int, people: Sequence[Person]) -> int:
    """How many of these are not in the group yet."""
    members = set(grouping.members(work, group_id))
    known = len([i for i in _ids(work, people) if i in members])
    return len(people) - known
