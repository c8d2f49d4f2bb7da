"""Answers settled many at a time end as they would one by one: same statuses, entries, history, verdicts and feeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.history import HistoryEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import FeedVersion
from feedserver.store.verdicts import VerdictRow
from mail import judging
from tests import replies
from tests.support import databases
from tests.support.world import MAILBOX, World

PEOPLE = [f"P{n}" for n in range(2 * len(replies.CLIENTS))]
SAID = ("ACCEPTED", "TENTATIVE", "DECLINED")
# Random or counted anew in each database.
_OWN = {"id", "uid", "raw", "sha256", "batch", "entry_id", "page_id"}


def everything(world: World) -> dict[str, list]:
    """Every column of what an answer touches, but those that are made at random."""
    rows = {}
    for row in (Enrolment, CalendarEntry, HistoryEntry, InboundMessage, VerdictRow, FeedVersion):
        columns = [c for c in row.__table__.columns if c.name not in _OWN]
        found = world.look(lambda work, c=columns, t=row.__table__: work.db.execute(select(*c).order_by(*t.primary_key)).all())
        rows[row.__name__] = sorted(masked(one, world) for one in found)
    return rows


def masked(row, world: World) -> str:
    text = repr(tuple(row))
    for number, uid in enumerate(world.uids):
        text = text.replace(uid, f"uid-{number}")
    return text


def answered(url: str, monkeypatch: pytest.MonkeyPatch, together: bool) -> dict[str, list]:
    """A session, two answers of everybody with the program they have, and all that is known afterwards."""
    world = World(url)
    with monkeypatch.context() as patch:
        if not together:
            patch.setattr(judging.plain, "settle", lambda _house, _db, group, _settings: list(group))
        world.session(*PEOPLE)
        mails = sorted(world.mails(), key=lambda m: PEOPLE.index(m.who))
        world.uids = [m.uid for m in mails]
        for turn in range(2):
            world.moment = world.moment.replace(minute=5 + turn)
            world.receive_all(answer(world, mail, n, turn) for n, mail in enumerate(mails))
        seen = everything(world)
    world.close()
    return seen


def answer(world: World, mail, number: int, turn: int) -> bytes:
    client, said = replies.CLIENTS[number % len(replies.CLIENTS)], SAID[(number // len(replies.CLIENTS) + turn) % 3]
    return replies.reply(
        client, uid=mail.uid, attendee=mail.to, partstat=said, dtstamp=world.moment, dtstart=mail.start, organizer=MAILBOX, comment="Late" if number % 2 else None,
        message_id=f"{number}-{turn}",
    )  # fmt: skip


def test_many_at_once_end_as_one_by_one(tmp_path: Path, monkeypatch):
    together = answered(databases.sqlite_copy(tmp_path / "together.db"), monkeypatch, True)
    apart = answered(databases.sqlite_copy(tmp_path / "apart.db"), monkeypatch, False)
    assert together == apart
    assert len(together["VerdictRow"]) == 2 * len(PEOPLE)
