"""Lists that other systems send, taken so that the same list again changes nothing, with a report for each row, and kept for a month.

A list is taken in parts of `PART` rows; each needs the same number of statements, however many rows are as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from ..store.learners import Learner
from ..store.organisations import Organisation
from ..store.sync import SyncRun
from . import sync_courses, sync_enrolments, sync_learners, sync_sessions
from .finding import find
from .sync_rows import CREATED, REFUSED, UNCHANGED, UPDATED, Outcome, Reader, Row
from .work import Work

PART = 1000
MOST_SHOWN = 500
KEPT = timedelta(days=30)
TAKERS: dict[str, Callable[[Work, Sequence[Row]], dict[int, Outcome]]] = {
    "learners": sync_learners.take,
    "teams": sync_courses.take_teams,
    "courses": sync_courses.take_courses,
    "sessions": sync_sessions.take,
    "enrolments": sync_enrolments.take,
}
NAMELESS = "A row names nobody, so nobody was taken to have left: it might be theirs."


@dataclass(frozen=True)
class Wish:
    """What is wanted besides: `dry_run` says what would be done and does nothing; `leave`: who is not in the list leaves, unless these are more than
    `most_leaving` (a tenth, if None).
    """

    dry_run: bool = False
    leave: bool = False
    most_leaving: int | None = None


@dataclass
class Report:
    """The run as it is kept, and every outcome in the order of the list."""

    run: SyncRun
    outcomes: list[Outcome] = field(default_factory=list)


def take(work: Work, kind: str, items: Sequence[Mapping[str, Any]], wish: Wish) -> Report:
    """A whole list in one transaction. Raises `Conflict` where more would leave than may."""
    reader = Reader(kind)
    rows = [reader.read(place, item) for place, item in enumerate(items, 1)]
    report = Report(begin(work, kind, wish))
    gone, report.run.held_back = leavers(work, rows, wish)
    for some in parts(rows):
        report.outcomes += part(work, report.run.id, some)
    for some in parts(gone):
        report.outcomes += part_of_leavers(work, report.run.id, some, len(rows))
    finish(work, report.run.id)
    return report


def begin(work: Work, kind: str, wish: Wish) -> SyncRun:
    """A new run; those of more than a month ago go."""
    hold(work)
    _ = work.key_id  # made now where there is none yet: a dry run takes back all that is made after this
    work.db.execute(delete(SyncRun).where(SyncRun.organisation_id == work.organisation_id, SyncRun.started_at < work.now - KEPT))
    run = SyncRun(
        organisation_id=work.organisation_id, kind=kind, actor=work.actor, dry_run=wish.dry_run, started_at=work.now, changes=[], refusals=[],
        created=0, updated=0, unchanged=0, refused=0, gone=0,
    )  # fmt: skip
    work.db.add(run)
    work.db.flush()
    return run


def hold(work: Work) -> None:
    """Lists of one organisation are taken one after the other, so that two at once make nothing twice."""
    work.db.execute(select(Organisation.id).where(Organisation.id == work.organisation_id).with_for_update(key_share=True))


def leavers(work: Work, rows: Iterable[Row | Outcome], wish: Wish) -> tuple[list[tuple[int, str]], str | None]:
    """((id, external_id) of everybody whom the list does not name any more, why nobody was looked for)."""
    if not wish.leave:
        return [], None
    present = sync_learners.names_of(rows)
    if "" in present:
        return [], NAMELESS
    return sync_learners.absent(work, present, wish.most_leaving), None


def part(work: Work, run_id: int, rows: Sequence[Row | Outcome]) -> list[Outcome]:
    """Take some rows of a run, in their order; what was refused on reading is passed on."""
    hold(work)
    run = find(work, SyncRun, run_id)
    readable = [row for row in rows if isinstance(row, Row)]
    found = _taken(work, run, lambda: TAKERS[run.kind](work, readable)) if readable else {}
    outcomes = [row if isinstance(row, Outcome) else found[row.place] for row in rows]
    _note(work, run, outcomes)
    return outcomes


def part_of_leavers(work: Work, run_id: int, gone: Sequence[tuple[int, str]], place: int) -> list[Outcome]:
    """Let some leave whom the list does not name; their places follow `place`."""
    hold(work)
    run = find(work, SyncRun, run_id)
    here = set(work.db.scalars(select(Learner.id).where(Learner.id.in_([learner_id for learner_id, _ in gone]))))
    still = [(learner_id, name) for learner_id, name in gone if learner_id in here]

    def all_of_them() -> list[Outcome]:
        return [sync_learners.leave(work, learner_id, name, place + n) for n, (learner_id, name) in enumerate(still, 1)]

    outcomes = _taken(work, run, all_of_them)
    run.gone += len(outcomes)
    _note(work, run, outcomes)
    return outcomes


def finish(work: Work, run_id: int) -> SyncRun:
    """The list was taken to its end."""
    run = find(work, SyncRun, run_id)
    run.finished_at = work.now
    work.db.flush()
    return run


def runs(work: Work, limit: int = 50) -> list[SyncRun]:
    """The latest runs first."""
    mine = select(SyncRun).where(SyncRun.organisation_id == work.organisation_id)
    return list(work.db.scalars(mine.order_by(SyncRun.id.desc()).limit(limit)))


def people(work: Work, learner_ids: Sequence[int]) -> list:
    """(id, name) of those of these who are still known."""
    mine = (Learner.organisation_id == work.organisation_id, Learner.id.in_(learner_ids))
    return list(work.db.execute(select(Learner.id, Learner.name).where(*mine))) if learner_ids else []


def forget(work: Work, external_id: str | None, learner_id: int, addresses: Collection[str] = ()) -> None:
    """Take an erased person, and reasons that quote one of their canonical addresses, out of what is kept of lists."""

    def quoted(reason: str) -> bool:
        return any(address in reason.lower() for address in addresses)

    for run in work.db.scalars(select(SyncRun).where(SyncRun.organisation_id == work.organisation_id)):
        changes = [one for one in run.changes if not _names(run.kind, one[0], one[1], external_id, learner_id)]
        refusals = [one for one in run.refusals if not (quoted(one[2]) or _names(run.kind, one[1], None, external_id, learner_id))]
        if (changes, refusals) != (run.changes, run.refusals):
            run.changes, run.refusals = changes, refusals
    work.db.flush()


def parts(rows: Sequence[Any], size: int = PART) -> Iterator[Sequence[Any]]:
    """The rows, so many at a time."""
    return (rows[at : at + size] for at in range(0, len(rows), size))


def _names(kind: str, name: str, row_id: int | None, external_id: str | None, learner_id: int) -> bool:
    """Whether a row of a list is about this learner."""
    if kind == "learners":
        return row_id == learner_id or (external_id is not None and name == external_id)
    return kind == "enrolments" and external_id is not None and name.endswith(f"/{external_id}")


def _taken(work: Work, run: SyncRun, act: Callable[[], Any]) -> Any:
    """What `act` gives; of a dry run all that it did is taken back."""
    if not run.dry_run:
        return act()
    trial = work.db.begin_nested()
    found = act()
    work.db.flush()
    trial.rollback()
    for one in found.values() if isinstance(found, dict) else found:
        one.id = None if one.outcome == CREATED else one.id
    return found


def _note(work: Work, run: SyncRun, outcomes: Sequence[Outcome]) -> None:
    for one in (CREATED, UPDATED, UNCHANGED, REFUSED):
        setattr(run, one, getattr(run, one) + sum(outcome.outcome == one for outcome in outcomes))
    changes = [[one.external_id, one.id, list(one.changes)] for one in outcomes if one.outcome in (CREATED, UPDATED)]
    refusals = [[one.place, one.external_id, one.reason] for one in outcomes if one.outcome == REFUSED]
    run.changes = [*run.changes, *changes][:MOST_SHOWN]
    run.refusals = [*run.refusals, *refusals][:MOST_SHOWN]
    work.db.flush()
