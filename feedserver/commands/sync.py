"""`sync`: brings in, as often as it is run, the whole list that an HR or learning system writes out, and says what became of it."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

import click

from ..services import sync_rows, syncing
from ..services.house import House
from ..services.sync_rows import REFUSED, Outcome, Reader, Row
from ..services.syncing import Wish
from ..services.table_file import TableFile
from ..store.sync import KINDS
from . import parts

ACTOR = "sync"
_LEAVING_AT_ONCE = 20
"""Each takes somebody off all that is coming."""


@click.command("sync")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--absent", type=click.Choice(("keep", "leave")), default="keep", help="Learners who are not in the file: keep, or they leave."
)
@click.option(
    "--most-leaving", type=click.IntRange(0), help="How many may leave so; a tenth of all by default. More than that: nothing is done."
)
@click.option("--clear-empty", is_flag=True, help="An empty cell clears the field; by default it leaves it as it is.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as PUT /sync answers it.")
@click.option("--org", help="The organisation; the first by default.")
def sync(
    kind: str, file: Path, absent: str, most_leaving: int | None, clear_empty: bool, dry_run: bool, as_json: bool, org: str | None
) -> None:  # fmt: skip
    """Bring learners, teams, courses, sessions or enrolments up to date from a CSV file with the fields of PUT /sync."""
    if absent == "leave" and kind != "learners":
        raise click.UsageError("--absent leave is for learners.")
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    rows = read(kind, file, empty_clears=clear_empty)
    run_id, outcomes = take(house, number, kind, rows, Wish(dry_run, absent == "leave", most_leaving))
    run = house.run(number, ACTOR, lambda work: syncing.finish(work, run_id))
    for one in outcomes:
        if one.outcome == REFUSED:
            click.echo(f"line {one.place} ({one.external_id or 'no name'}): {one.reason}", err=True)
    if run.held_back:
        click.echo(run.held_back, err=True)
    counts = {name: getattr(run, name) for name in ("created", "updated", "unchanged", "refused", "gone")}
    if as_json:
        rows_of = [dataclasses.asdict(one) for one in outcomes]
        click.echo(
            json.dumps({"run_id": run.id, "dry_run": dry_run, **counts, "held_back": run.held_back, "rows": rows_of}, ensure_ascii=False)
        )
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items() if name != "gone" or count))
    sys.exit(1 if run.refused or run.held_back else 0)


def read(kind: str, file: Path, *, empty_clears: bool = False) -> list[Row | Outcome]:
    """The rows of a CSV file; raises `Invalid` for a header that names what there is not, or lacks what a row needs."""
    reader = Reader(kind)
    with file.open("rb") as stream:
        table = TableFile(stream, list(sync_rows.KINDS[kind]), sync_rows.KEYS[kind])
        return [reader.read_cells(line, cells, empty_clears=empty_clears) for line, cells in table]


def take(house: House, organisation_id: int, kind: str, rows: list[Row | Outcome], wish: Wish) -> tuple[int, list[Outcome]]:
    """(the run, every outcome), in transactions of `syncing.PART` rows with pauses as long, so that a server beside it gets its turns.

    Whether too many would leave is looked at before anything is done.
    """

    def start(work) -> tuple[int, list[tuple[int, str]]]:
        gone, held_back = syncing.leavers(work, rows, wish)
        run = syncing.begin(work, kind, wish)
        run.held_back = held_back
        return run.id, gone

    run_id, gone = house.run(organisation_id, ACTOR, start)
    outcomes: list[Outcome] = []
    for some in syncing.parts(rows):
        began = time.monotonic()
        outcomes += house.run(organisation_id, ACTOR, lambda work, some=some: syncing.part(work, run_id, some))
        time.sleep(time.monotonic() - began)
    last = max((row.place for row in rows), default=0)
    for some in syncing.parts(gone, _LEAVING_AT_ONCE):
        done = house.run(organisation_id, ACTOR, lambda work, some=some, at=last: syncing.part_of_leavers(work, run_id, some, at))
        outcomes, last = [*outcomes, *done], last + len(done)
    return run_id, outcomes


COMMANDS = (sync,)
