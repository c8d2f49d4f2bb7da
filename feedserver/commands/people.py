"""Commands about learners: many in from a file, one person's data out, one person gone."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import IntegrityError

from .. import tokens
from ..errors import NotFound, Unavailable
from ..services import importing, importing_completions, importing_onboardings, leaving, personal_data
from ..services.feed_reading import FeedReader
from ..services.feeding import FeedRequest, answer
from ..services.house import House
from ..services.importing import Person, Refusal, Tally
from ..services.learning import FIELDS
from ..services.table_file import TableFile
from ..services.work import Work
from ..store import keys
from . import parts

BATCH = 1000
# A transaction of a batch is short, and as long a pause follows, so that a server beside it gets its turns.
PAUSE = 1.0
_TRIES = 5
_org = click.option("--org", help="The organisation; the first by default.")


@click.group("import")
def import_group() -> None:
    """Bring data in."""


@import_group.command("learners")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_org
def import_learners(file: Path, org: str | None) -> None:
    """Add or change learners from a CSV file; idempotent by e-mail, sends no mail. Columns as in POST /learners, only email,name required."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    with file.open("rb") as stream, _progress(file.stat().st_size) as (moved, say):
        table = TableFile(stream, FIELDS, importing.REQUIRED)
        tally = Tally()
        for batch in batches(table):
            _add(tally, _take(house, number, batch), say)
            moved(stream.tell())
    click.echo(f"{tally.added} added, {tally.changed} changed, {tally.unchanged} unchanged, {len(tally.refused)} refused")
    sys.exit(1 if tally.refused else 0)


def batches(table: TableFile) -> Iterator[list[Person | Refusal]]:
    """The lines, checked, a thousand at a time; one that repeats an address or an external_id of the file is refused."""
    lines = importing.read_lines(table)
    while batch := list(itertools.islice(lines, BATCH)):
        yield batch


def _take(house: House, organisation_id: int, batch: list[Person | Refusal]) -> Tally:
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


@click.group("export")
def export_group() -> None:
    """Get data out."""


@export_group.command("learner")
@click.argument("email")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A zip with data.json, all mail as .eml and the feeds as .ics."
)
@_org
def export_learner(email: str, out: Path | None, org: str | None) -> None:
    """All that is held about one person: JSON on standard output, or with the mail and the feeds in a zip."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    text, files = house.run(number, "command", lambda work: _collect(work, house, email, with_files=out is not None))
    if out is None:
        click.echo(text)
        return
    with out.open("wb") as stream:
        out.chmod(0o600)
        write_zip(stream, text, files)
    click.echo(str(out))


def _collect(work: Work, house: House, email: str, *, with_files: bool) -> tuple[str, list[tuple[str, bytes]]]:
    learner = leaving.learner_of(work, email)
    if learner is None:
        raise NotFound(f"There is no learner {email[:80]!r} in this organisation.")
    text = json.dumps(personal_data.of_learner(work, learner), ensure_ascii=False, indent=2)
    files = [*personal_data.mails(work, learner), *_feeds(work, house, personal_data.feeds(work, learner))] if with_files else []
    work.record("data exported", learner_id=learner.id)
    return text, files


def _feeds(work: Work, house: House, feeds: Iterable) -> Iterator[tuple[str, bytes]]:
    reader = FeedReader(house.database, house.base_url)
    secrets = keys.usable(work.db)
    for feed in feeds:
        if feed.key_id in secrets:
            token = tokens.sign(tokens.FEED, feed.public_id, secrets[feed.key_id])
            yield f"feeds/{feed.id}.ics", answer(FeedRequest("GET", token), work.now, reader).body


def write_zip(stream: BinaryIO, text: str, files: Iterable[tuple[str, bytes]]) -> None:
    """data.json and the files beside it."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", text)
        for name, data in files:
            archive.writestr(name, data)


@click.group("erase")
def erase_group() -> None:
    """Erase data for good."""


@erase_group.command("learner")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_org
def erase_learner(email: str, yes: bool, org: str | None) -> None:
    """Erase one person: coming sessions are cancelled for them, then name, addresses, tokens, answers and mail go."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    if not yes:
        click.confirm(f"Erase all that is held about {email}? It cannot be undone.", abort=True)
    done = house.run(number, "command", lambda work: leaving.erase(work, email))
    click.echo("Erased. The history keeps numbers alone; copies in backups go when those do.")
    if done.on_their_way:
        click.echo(
            f"{done.on_their_way} cancellations are on their way and keep the address until they left: the worker clears it within an hour after."
        )
    if done.unjudged:
        click.echo(f"{done.unjudged} messages were not judged yet; run this again when they are.")
    if done.signs_in:
        click.echo("This address also signs in to the web UI: that is another role, and was left.")


COMMANDS = (import_group, export_group, erase_group)


@import_group.command("completions")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_org
def import_completions(file: Path, org: str | None) -> None:
    """Note who has completed what from a CSV file; columns email, course and, if wanted, completed_on, kind, reference, note."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    with file.open("rb") as stream, _progress(file.stat().st_size) as (moved, say):
        table = iter(TableFile(stream, importing_completions.COLUMNS, importing_completions.REQUIRED))
        tally = Tally()
        while batch := list(itertools.islice(table, BATCH)):
            _add(tally, house.run(number, "command", lambda work, some=batch: importing_completions.take(work, some)), say)
            moved(stream.tell())
    click.echo(f"{tally.added} noted, {tally.unchanged} on record already, {len(tally.refused)} refused")
    sys.exit(1 if tally.refused else 0)


@import_group.command("onboardings")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_org
def import_onboardings(file: Path, org: str | None) -> None:
    """Let people start a plan from a CSV file; columns email, plan (its name or id), start_date."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    with file.open("rb") as stream, _progress(file.stat().st_size) as (moved, say):
        table = iter(TableFile(stream, importing_onboardings.COLUMNS, importing_onboardings.REQUIRED))
        tally = Tally()
        while batch := list(itertools.islice(table, 50)):
            _add(tally, house.run(number, "command", lambda work, some=batch: importing_onboardings.take(work, some)), say)
            moved(stream.tell())
    click.echo(f"{tally.added} started, {tally.changed} moved, {tally.unchanged} left as they are, {len(tally.refused)} refused")
    sys.exit(1 if tally.refused else 0)
