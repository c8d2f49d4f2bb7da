"""Commands about one learner: all that is held, out; the person, gone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from .. import tokens
from ..errors import NotFound
from ..services import leaving, personal_data
from ..services.feed_reading import FeedReader
from ..services.feeding import FeedRequest, answer
from ..services.house import House
from ..services.work import Work
from ..store import keys
from . import parts

_org = click.option("--org", help="The organisation; the first by default.")


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


COMMANDS = (export_group, erase_group)
