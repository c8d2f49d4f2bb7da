"""Commands about mail that comes in: take one message from standard input, judge a folder of messages."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from mail import signatures
from mail.children import ParserPool
from mail.incoming import decide

from ..errors import FeedserverError
from ..imip.incoming import Incoming
from ..services import receiving
from ..services.house import House, utc_now
from ..services.receiving import Received, Verdict
from ..settings import Settings
from ..store.inbox import InboundMessage
from . import folders, parts

EX_DATAERR, EX_TEMPFAIL = 65, 75
_LARGEST = 25 * 1024 * 1024
_FIELD = re.compile(rb"^(?:From |[!-9;-~]+[ \t]*:)")


@click.command()
def ingest() -> None:
    """Take one inbound message from standard input, as an MTA's pipe hands it over. Exit 0 stored, 75 try again, 65 no message."""
    data = sys.stdin.buffer.read(_LARGEST + 1)
    if not _FIELD.match(data) or len(data) > _LARGEST:
        click.echo("That is not a mail message of up to 25 MiB: it must begin with header fields.", err=True)
        sys.exit(EX_DATAERR)
    if data.startswith(b"From "):
        data = data.partition(b"\n")[2]
    try:
        house = parts.house(parts.settings())
        house.database.run(lambda db: receiving.store(db, [Received(data, "ingest")], utc_now()))
    except (SQLAlchemyError, OSError, FeedserverError) as error:
        click.echo(f"It could not be stored now ({type(error).__name__}); try again.", err=True)
        sys.exit(EX_TEMPFAIL)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--org", help="The organisation; the first by default.")
def judge(folder: Path, org: str | None) -> None:
    """Say of each message in a folder how it would end: name, outcome, reason, and a count at the end. Writes nothing.

    Takes mails and calendar files of any name, mbox files and Maildir folders, with all that lies below.
    """
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    outcomes: Counter[str] = Counter()
    paths = folders.files(folder)
    with ParserPool() as pool, _progress(len(paths)) as bar:
        for path in paths:
            for name, verdict in _of_file(house, found, number, pool, folder, path):
                outcomes[verdict.outcome] += 1
                if verdict.outcome != folders.NO_MESSAGE:
                    click.echo(f"{folders.printable(name)}\t{verdict.outcome}\t{' '.join(verdict.reason.split())}")
            bar.update(1)
    passed_over = outcomes.pop(folders.NO_MESSAGE, 0)
    counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "No messages."
    click.echo(counted + (f" ({passed_over} other files hold no message)" if passed_over else ""))


def _of_file(house: House, found: Settings, number: int, pool: ParserPool, folder: Path, path: Path):
    """The name and verdict of each message in a file."""
    shown = path.relative_to(folder).as_posix()
    try:
        for name, data in folders.messages(path, shown):
            if data is None:
                yield name, Verdict(folders.NO_MESSAGE, "", "")
            else:
                yield name, judged(house, found, number, data, pool)
    except OSError as error:
        yield shown, Verdict("unreadable", "unreadable", f"The file cannot be read: {error.strerror or type(error).__name__}.")


def judged(house: House, found: Settings, organisation_id: int, data: bytes, pool: ParserPool) -> Verdict:
    """How this message would end: read in a child that can be killed, decided in a transaction that is rolled back."""
    incoming = pool.read(data)
    try:
        try:
            return _decided(house, found, organisation_id, data, incoming)
        except signatures.SignaturesWanted as wanted:
            return _decided(house, found, organisation_id, data, signatures.checked(data, incoming, wanted.which, pool, signatures.look_up))
    except Exception as error:
        # As the worker does: what fails on our side is nobody's answer, and the rest of the folder is judged.
        return Verdict("quarantined", "our_fault", f"Judging it failed on our side ({type(error).__name__}).")


def _decided(house: House, found: Settings, organisation_id: int, data: bytes, incoming: Incoming) -> Verdict:
    class Undone(Exception):
        pass

    try:
        with house.database.write() as db:
            work = house.work(db, organisation_id, "judge")
            (message_id,) = receiving.store(db, [Received(data, "judge")], work.now)
            message = db.get_one(InboundMessage, message_id)
            message.organisation_id = organisation_id
            verdict = decide(work, message, incoming, found)
            raise Undone
    except Undone:
        return verdict


def _progress(length: int):
    # Lines and bar on one terminal would run into each other.
    hidden = sys.stdout.isatty() or not sys.stderr.isatty()
    return click.progressbar(length=length, label="Judging", file=sys.stderr, hidden=hidden)


COMMANDS = (ingest, judge)
