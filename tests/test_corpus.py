"""Every message that programs really sent ends as `fixtures/corpus_outcomes.csv` says: as it is, and as an answer to an invitation of ours.

The table was written from the RFCs and from what is known of the programs. `kind`, `outcome`, `code` are those of the message as it is;
`our_outcome`, `our_code`, `partstat` are what it ends in with our UID and addresses put in, "" where it names nobody's entry anyway.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedserver.commands.folders import message_of
from feedserver.commands.inbound import judge
from tests.support import databases, readdressed
from tests.support.court import LEA, MAILBOX, UID, Court, answered

CORPUS = Path(__file__).parents[1] / "../shared/corpus"
TABLE = list(csv.DictReader((Path(__file__).parent / "fixtures/corpus_outcomes.csv").open(encoding="utf-8")))
pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real messages is not beside the checkout")
OURS = readdressed.Ours(UID, LEA, MAILBOX)
STATUS = {"ACCEPTED": "Registered", "DECLINED": "Declined"}


def as_it_is(row: dict) -> bytes:
    path = CORPUS / row["file"]
    return message_of(path.read_bytes(), path.suffix)


def as_an_answer_to_us(row: dict) -> bytes:
    path = CORPUS / row["file"]
    if path.suffix == ".eml":
        return readdressed.mail(path.read_bytes(), OURS)
    return f"From: Lea <{LEA}>\r\n".encode() + message_of(readdressed.calendar(path.read_bytes(), OURS), path.suffix)


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    with Court(databases.sqlite_copy(tmp_path_factory.mktemp("corpus") / "feedserver.db")) as one:
        yield one


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
        kind, verdict, partstat, status = court.ends(as_an_answer_to_us(row), answered)
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
