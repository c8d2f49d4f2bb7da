"""Every message that programs really sent ends as `fixtures/corpus_outcomes.csv` says: as it is, and as an answer to an invitation of ours.

The table was written from the RFCs and from what is known of the programs. `kind`, `outcome`, `code` are those of the message as it is;
`our_outcome`, `our_code`, `partstat` are what it ends in with our UID and addresses put in, "" where it names nobody's entry anyway.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from feedserver.commands.folders import message_of
from feedserver.commands.inbound import judge
from feedserver.itip.parse import ItipObject
from feedserver.services import receiving
from feedserver.services.receiving import Received, Verdict
from feedserver.settings import Settings
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.sessions import Revision
from mail.children import ParserPool
from mail.incoming import decide
from tests.support import databases, readdressed
from tests.support.world import MAILBOX, World

CORPUS = Path(__file__).parents[1] / "../shared/corpus"
TABLE = list(csv.DictReader((Path(__file__).parent / "fixtures/corpus_outcomes.csv").open(encoding="utf-8")))
pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real messages is not beside the checkout")
LEA = "lea@corp.example"
STATUS = {"ACCEPTED": "Registered", "DECLINED": "Declined"}


class Undone(Exception):
    """Ends a transaction that was only a question."""


class Court:
    """Judges messages one by one, each as if it were the first answer to the one invitation that Lea was sent."""

    def __init__(self, url: str) -> None:
        self.world = World(url)
        self.session = self.world.session("Lea")
        self.ours = readdressed.Ours(self.world.mail().uid, LEA, MAILBOX)
        self.pool = ParserPool()

    def ends(self, raw: bytes, ours: bool = False) -> tuple[str, Verdict, str, str]:
        """Kind, verdict, and what Lea's enrolment then says: PARTSTAT and status."""
        incoming = self.pool.read(raw)
        answered = next((o for o in incoming.objects if not o.recurrence_text), None)
        try:
            with self.world.database.write() as db:
                work = self.world.house.work(db, self.world.organisation_id, "test")
                enrolment = db.get_one(Enrolment, self.world.enrolment(self.session, "Lea").id)
                if ours and answered:
                    _asked(db, enrolment.entry_id, answered)
                (number,) = receiving.store(db, [Received(raw, "test", recipients=(MAILBOX,))], self.world.moment)
                verdict = decide(work, db.get_one(InboundMessage, number), incoming, Settings())
                db.flush()
                db.refresh(enrolment)
                said = enrolment.partstat if enrolment.partstat != "NEEDS-ACTION" else ""
                found = (incoming.kind, verdict, said, enrolment.status)
                raise Undone
        except Undone:
            return found

    def close(self) -> None:
        """End child and database."""
        self.pool.close()
        self.world.close()


def _asked(db, entry_id: int, answered: ItipObject) -> None:
    """What we hold is what this message answers: the version that it names, or the start that it echoes."""
    entry = db.get_one(CalendarEntry, entry_id)
    entry.sequence = entry.asked_sequence = answered.sequence or 0
    db.flush()
    if answered.sequence is None and answered.dtstart is not None:
        start = datetime.fromtimestamp(answered.dtstart, UTC)
        db.execute(update(Revision).where(Revision.id == entry.revision_id).values(starts_at=start))


def as_it_is(row: dict) -> bytes:
    path = CORPUS / row["file"]
    return message_of(path.read_bytes(), path.suffix)


def as_an_answer_to_us(row: dict, ours: readdressed.Ours) -> bytes:
    path = CORPUS / row["file"]
    if path.suffix == ".eml":
        return readdressed.mail(path.read_bytes(), ours)
    return f"From: Lea <{LEA}>\r\n".encode() + message_of(readdressed.calendar(path.read_bytes(), ours), path.suffix)


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    one = Court(databases.sqlite_copy(tmp_path_factory.mktemp("corpus") / "feedserver.db"))
    yield one
    one.close()


def test_every_message_of_the_corpus_is_in_the_table():
    there = {p.relative_to(CORPUS).as_posix() for p in CORPUS.glob("*/*") if p.parent.name != "feed"}
    assert there == {row["file"] for row in TABLE} and len(TABLE) > 300


@pytest.mark.parametrize("folder", ["reply", "counter", "request", "cancel", "dsn", "autoreply", "broken"])
def test_a_real_message_ends_as_it_should(court, folder):
    wrong = []
    for row in (r for r in TABLE if r["file"].startswith(f"{folder}/")):
        kind, verdict, partstat, status = court.ends(as_it_is(row))
        if (kind, verdict.outcome, verdict.code, partstat, status) != (row["kind"], row["outcome"], row["code"], "", "Invited"):
            wrong.append(f"{row['file']}: {kind}, {verdict.outcome}, {verdict.code}, {partstat}, {status}")
        assert verdict.reason.strip() and "\n" not in verdict.code
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", ["reply", "counter", "request", "cancel", "broken"])
def test_a_real_message_that_answers_our_invitation_ends_as_it_should(court, folder):
    wrong = []
    for row in (r for r in TABLE if r["file"].startswith(f"{folder}/") and r["our_outcome"]):
        kind, verdict, partstat, status = court.ends(as_an_answer_to_us(row, court.ours), ours=True)
        told = (kind, verdict.outcome, verdict.code, partstat, status)
        if told != (row["kind"], row["our_outcome"], row["our_code"], row["partstat"], STATUS.get(row["partstat"], "Invited")):
            wrong.append(f"{row['file']}: {', '.join(told)}: {verdict.reason}")
    assert not wrong, "\n".join(wrong)


def test_judge_says_the_same_of_the_whole_folder(court, monkeypatch):
    monkeypatch.setenv("FEEDSERVER_DATABASE_URL", str(court.world.database.engine.url))
    monkeypatch.setenv("FEEDSERVER_SECRET_KEYS", "k" * 32)
    result = CliRunner().invoke(judge, [str(CORPUS)], catch_exceptions=False)
    said = dict(line.split("\t")[:2] for line in result.stdout.splitlines() if "\t" in line)
    assert result.exit_code == 0 and re.search(r"\d+ rejected", result.stdout.splitlines()[-1])
    assert {row["file"]: row["outcome"] for row in TABLE if said.get(row["file"]) != row["outcome"]} == {}
