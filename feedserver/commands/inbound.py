"""Commands about mail that comes in: take one message from standard input, judge a folder of messages."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from mail.incoming import decide

from ..errors import FeedserverError
from ..imip.extract import read
from ..services import receiving
from ..services.house import House, utc_now
from ..services.receiving import Received, Verdict
from ..settings import Settings
from ..store.inbox import InboundMessage
from . import parts

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
    """Say of each message file (.eml, .ics) how it would end: name, outcome, reason. Writes nothing."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    outcomes: Counter[str] = Counter()
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".eml", ".ics")):
        verdict = judged(house, found, number, message_of(path))
        outcomes[verdict.outcome] += 1
        click.echo(f"{path.relative_to(folder)}\t{verdict.outcome}\t{verdict.reason}")
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "No messages.")


def message_of(path: Path) -> bytes:
    """The bytes of a message file; a bare .ics becomes a mail with that one part."""
    data = path.read_bytes()
    if path.suffix.lower() == ".ics":
        return b"MIME-Version: 1.0\r\nContent-Type: text/calendar; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + data
    return data


def judged(house: House, found: Settings, organisation_id: int, data: bytes) -> Verdict:
    """How this message would end, in a transaction that is rolled back."""

    class Undone(Exception):
        pass

    incoming = read(data)
    try:
        with house.database.write() as db:
            work = house.work(db, organisation_id, "judge")
            message = InboundMessage(id=0, received_at=work.now, via="judge", envelope_from="", envelope_to=[], sha256="", raw=b"")
            verdict = decide(work, message, incoming, found)
            raise Undone
    except Undone:
        return verdict


COMMANDS = (ingest, judge)
