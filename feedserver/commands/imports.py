"""Commands that bring in what stands in a CSV file: learners, what they completed, what they are certified in, when they start."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import IntegrityError

from ..errors import Unavailable
from ..services import importing, importing_certificates, importing_completions, importing_onboardings
from ..services.house import House
from ..services.importing import Person, Refusal, Tally
from ..services.learning import FIELDS
from ..services.table_file import TableFile
from . import parts

BATCH = 1000
_BATCH_OF_STARTS = 50
"""Each of them plans a calendar."""
# A transaction of a batch is short, and as long a pause follows, so that a server beside it gets its turns.
PAUSE = 1.0
_TRIES = 5
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_org = click.option("--org", help="The organisation; the first by default.")


@click.group("import")
def import_group() -> None:
    """Bring data in."""


@import_group.command("learners")
@_file
@_org
def import_learners(file: Path, org: str | None) -> None:
    """Add or change learners from a CSV file; idempotent by e-mail, sends no mail. Columns as in POST /learners, only email,name required."""
    tally = _read(file, org, FIELDS, importing.REQUIRED, add_people, lines=importing.read_lines)
    _end(tally, f"{tally.added} added, {tally.changed} changed, {tally.unchanged} unchanged")


@import_group.command("completions")
@_file
@_org
def import_completions(file: Path, org: str | None) -> None:
    """Note who has completed what from a CSV file; columns email, course and, if wanted, completed_on, kind, reference, note."""
    tally = _read_by(importing_completions, file, org)
    _end(tally, f"{tally.added} noted, {tally.unchanged} on record already")


@import_group.command("certificates")
@_file
@_org
def import_certificates(file: Path, org: str | None) -> None:
    """Note who has which certificate from a CSV file; columns email, certificate and, if wanted, awarded_on, expires_on."""
    tally = _read_by(importing_certificates, file, org)
    _end(tally, f"{tally.added} awarded, {tally.unchanged} on record already")


@import_group.command("onboardings")
@_file
@_org
def import_onboardings(file: Path, org: str | None) -> None:
    """Let people start a plan from a CSV file; columns email, plan (its name or id), start_date."""
    tally = _read_by(importing_onboardings, file, org, at_once=_BATCH_OF_STARTS)
    _end(tally, f"{tally.added} started, {tally.changed} moved, {tally.unchanged} left as they are")


def add_people(house: House, organisation_id: int, batch: list[Person | Refusal]) -> Tally:
    """One transaction; again where another import added the same people meanwhile (they are then known)."""
    people = [one for one in batch if isinstance(one, Person)]
    for _ in range(_TRIES):
        began = time.monotonic()
        try:
            tally = house.run(organisation_id, "command", lambda work: importing.learning_many(work, people))
        except IntegrityError:
            continue
        time.sleep((time.monotonic() - began) * PAUSE)
        tally.refused = sorted([*tally.refused, *(one for one in batch if isinstance(one, Refusal))], key=lambda r: r.line)
        return tally
    raise Unavailable("Another import adds the same people at the same time; run it again when that is done.")


def _read_by(source: ModuleType, file: Path, org: str | None, *, at_once: int = BATCH) -> Tally:
    """The whole file through `take` of a module of its kind, one transaction for each batch."""

    def take(house: House, organisation_id: int, batch: list) -> Tally:
        return house.run(organisation_id, "command", lambda work: source.take(work, batch))

    return _read(file, org, source.COLUMNS, source.REQUIRED, take, at_once=at_once)


def _read(
    file: Path, org: str | None, columns: Sequence[str], required: Sequence[str], take: Callable[[House, int, list], Tally],
    *, lines: Callable[[TableFile], Iterable[Any]] = iter, at_once: int = BATCH,
) -> Tally:  # fmt: skip
    """The whole file through `take`, `at_once` lines each time, every refused line said with its reason."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    with file.open("rb") as stream, _progress(file.stat().st_size) as (moved, say):
        table, tally = TableFile(stream, columns, required), Tally()
        for batch in batches(lines(table), at_once):
            _add(tally, take(house, number, batch), say)
            moved(stream.tell())
    return tally


def batches(lines: Iterable[Any], at_once: int = BATCH) -> Iterator[list[Any]]:
    """The lines, `at_once` at a time."""
    rest = iter(lines)
    while batch := list(itertools.islice(rest, at_once)):
        yield batch


def _end(tally: Tally, counts: str) -> NoReturn:
    click.echo(f"{counts}, {len(tally.refused)} refused")
    sys.exit(1 if tally.refused else 0)


def _add(whole: Tally, part: Tally, say: Callable[[str], None]) -> None:
    whole.added, whole.changed, whole.unchanged = whole.added + part.added, whole.changed + part.changed, whole.unchanged + part.unchanged
    whole.refused += part.refused
    for one in part.refused:
        say(f"line {one.line}: {one.reason}")


@contextlib.contextmanager
def _progress(size: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """(moved to this octet, say a line): a bar where standard error is a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not console.is_terminal:
        yield lambda _at: None, lambda text: click.echo(text, err=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Importing", total=max(size, 1))
        yield lambda at: bar.update(task, completed=at), lambda text: bar.console.print(text)


COMMANDS = (import_group,)
