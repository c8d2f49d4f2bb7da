"""Answers settled many at a time end as they would one by one: same statuses, entries, history, verdicts and feeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.history import HistoryEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import FeedVersion
from feedserver.store.outbox import Delivery, MailSkeleton
from feedserver.store.sessions import Seats
from feedserver.store.verdicts import VerdictRow
from mail import judging
from tests import replies
from tests.support import databases
from tests.support.world import MAILBOX, World

PEOPLE = [f"P{n}" for n in range(len(replies.CLIENTS))]
SAID = ("ACCEPTED", "TENTATIVE", "DECLINED")
# Random or counted anew in each database.
_OWN = {"id", "uid", "raw", "sha256", "batch", "entry_id", "page_id", "skeleton_id"}


def everything(world: World) -> dict[str, list]:
    """Every column of what an answer touches, but those that are made at random."""
    rows = {}
    for row in (Enrolment, CalendarEntry, HistoryEntry, InboundMessage, VerdictRow, FeedVersion, Seats, Delivery):
        columns = [c for c in row.__table__.columns if c.name not in _OWN]
        found = world.look(lambda work, c=columns, t=row.__table__: work.db.execute(select(*c).order_by(*t.primary_key)).all())
        rows[row.__name__] = sorted(masked(one, world) for one in found)
    words = (
        select(Delivery.recipient, MailSkeleton.body)
        .join(MailSkeleton, MailSkeleton.id == Delivery.skeleton_id)
        .where(Delivery.method.is_(None))
    )
    rows["notices"] = sorted(masked(one, world) for one in world.look(lambda work: work.db.execute(words).all()))
    return rows


def masked(row, world: World) -> str:
    text = repr(tuple(row))
    for number, uid in enumerate(world.uids):
        text = text.replace(uid, f"uid-{number}")
    return text


def answered(url: str, monkeypatch: pytest.MonkeyPatch, together: bool, **seats) -> dict[str, list]:
    """A session, three answers of everybody with the program they have, and all that is known afterwards; before the third no seat is free."""
    world = World(url)
    with monkeypatch.context() as patch:
        if not together:
            patch.setattr(judging.plain, "settle", lambda _house, _db, group, _settings: list(group))
        world.session(*PEOPLE, **seats)
        mails = sorted(world.mails(), key=lambda m: PEOPLE.index(m.who))
        world.uids = [m.uid for m in mails]
        for turn in range(3):
            world.moment = world.moment.replace(minute=5 + turn)
            if turn == 2 and "capacity" in seats:
                world.do(lambda work: work.db.execute(update(Seats).values(capacity=Seats.taken)))
            # Who comes back comes before those who leave.
            order = sorted(range(len(mails)), key=lambda n, turn=turn: said(n, turn))
            world.receive_all(answer(world, mails[n], n, turn) for n in order)
        seen = everything(world)
    world.close()
    return seen


def said(number: int, turn: int) -> str:
    return SAID[(number + turn) % 3]


def answer(world: World, mail, number: int, turn: int) -> bytes:
    return replies.reply(
        replies.CLIENTS[number], uid=mail.uid, attendee=mail.to, partstat=said(number, turn), dtstamp=world.moment, dtstart=mail.start, organizer=MAILBOX,
        comment="Late" if number % 2 else None, message_id=f"{number}-{turn}",
    )  # fmt: skip


@pytest.mark.parametrize("seats", [{}, {"capacity": len(PEOPLE)}, {"hold_minutes": 30}], ids=["any number", "few", "kept for a while"])
def test_many_at_once_end_as_one_by_one(tmp_path: Path, monkeypatch, seats):
    together = answered(databases.sqlite_copy(tmp_path / "together.db"), monkeypatch, True, **seats)
    apart = answered(databases.sqlite_copy(tmp_path / "apart.db"), monkeypatch, False, **seats)
    assert together == apart
    assert len(together["VerdictRow"]) == 3 * len(PEOPLE)


def test_an_answer_among_many_proves_that_the_mailbox_works(tmp_path: Path):
    world = World(databases.sqlite_copy(tmp_path / "mailbox.db"))
    world.judging.settings = replace(world.judging.settings, smtp_url="smtp://relay.example")
    world.session("Lea", "Tom")
    world.receive_all(answer(world, mail, n, 0) for n, mail in enumerate(world.mails()))
    assert world.look(lambda work: work.organisation.mailbox_proved_at) == world.moment
    assert world.count(HistoryEntry, HistoryEntry.verb == "mailbox proved") == 1
    world.close()
