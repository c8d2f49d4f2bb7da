"""A thousand replies in any order, repeated, between edits: each order ends as a model says that knows nothing of the product's own rules.

Which replies end alike in every order (`commuting`): those that say a DTSTAMP of their own, after the question and before they arrived, to a version
that was sent; no edit comes between, and no two of one person in the same second say different things. The last answer by DTSTAMP then holds. The
status agrees too where that answer is Yes or No: Maybe leaves whatever status it finds, so there the order of arrival shows, as the answer table has
it. A missing, copied or lying DTSTAMP counts as the time of arrival (design decision 3): those replies end as the model says for their order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from tests import replies
from tests.support.world import MAILBOX, NOW, START, World

HOUR, BEGUN = 3600, int(NOW.timestamp())
CLIENTS = ("google", "thunderbird", "apple_mail", "sabre", "exchange")
# What the table of the contract says of people who were invited to a session without an end of seats.
TABLE = {
    ("Invited", "ACCEPTED"): "Registered", ("Invited", "DECLINED"): "Declined", ("Registered", "DECLINED"): "Declined", ("Declined", "ACCEPTED"): "Registered",
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A reply before it is written; `start` is the number of the version whose start it echoes."""

    who: int
    partstat: str
    sequence: int | None
    start: int
    stamp: int | None
    client: str = "google"


@dataclass
class Model:
    """One person's entry as design decision 3 and the answer table have it. `told` gets what was mailed, `hear` what came back."""

    status: str = "Invited"
    partstat: str = "NEEDS-ACTION"
    asked: int = 0
    asked_at: int = 0
    starts: dict[int, int] = field(default_factory=dict)
    stamps: set[int] = field(default_factory=set)
    last: tuple[int, int, str] | None = None

    def told(self, sequence: int, stamp: int, start: int) -> None:
        """A REQUEST went out; a new start asks again."""
        if not self.starts or (sequence > max(self.starts) and start != self.starts[max(self.starts)]):
            self.asked, self.asked_at = sequence, stamp
        self.starts[sequence] = start
        self.stamps.add(stamp)

    def hear(self, partstat: str, sequence: int | None, start: int, stamp: int | None, arrived: int) -> str:
        """A reply; returns its outcome."""
        if partstat == "NEEDS-ACTION":
            return "unchanged"
        if sequence is None:
            sequence = max((n for n, told in self.starts.items() if told == start), default=-1)
        if sequence > max(self.starts):
            return "quarantined"
        if sequence < self.asked:
            return "stale"
        if stamp is None or stamp <= self.asked_at or stamp in self.stamps or stamp > arrived:
            stamp = arrived
        if self.last and self.last[0] >= self.asked:
            if stamp < self.last[1]:
                return "stale"
            if stamp == self.last[1] and partstat == self.last[2]:
                return "unchanged"
        self.last, self.partstat = (sequence, stamp, partstat), partstat
        before, self.status = self.status, TABLE.get((self.status, partstat), self.status)
        return "applied" if before != self.status else "unchanged"


@dataclass
class Play:
    """People in sessions of the product, and beside each the model."""

    world: World
    people: int
    sessions: list[int] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = [f"P{n}" for n in range(self.people)]
        self.sessions = [self.world.session(*names[k::4]) for k in range(4)]
        self.models = [Model() for _ in names]
        mails = {mail.who: mail for mail in self.world.mails()}
        self.uids = [mails[name].uid for name in names]
        self.starts = [mails["P0"].start]
        for mail in mails.values():
            self.told(mail)

    def told(self, mail) -> None:
        self.models[self.uids.index(mail.uid)].told(mail.sequence, mail.dtstamp, int(mail.start.timestamp()))

    def edit(self, **values) -> None:
        """All sessions; the next hour begins."""
        self.world.moment = NOW + timedelta(seconds=HOUR * len(self.starts))
        for session in self.sessions:
            self.world.edit(session, settled=False, **values)
        self.world.advance(21)
        start = values.get("start")
        self.starts.append(start.replace(tzinfo=replies.BERLIN) if start else self.starts[-1])
        for mail in self.world.mails():
            self.told(mail)

    def arrive(self, said: list[Said]) -> None:
        """In this order, at most one of a person in a hand; each outcome is what the model says."""
        for hand in hands(said):
            self.world.moment += timedelta(seconds=len(hand) % 3)
            arrived = int(self.world.moment.timestamp())
            got = self.world.receive_all([self.written(one) for one in hand])
            for one, message in zip(hand, got, strict=True):
                expected = self.models[one.who].hear(one.partstat, one.sequence, int(self.start(one).timestamp()), one.stamp, arrived)
                assert message.outcome == expected, (one, message.reason, self.models[one.who])
            for mail in self.world.mails():
                self.told(mail)

    def start(self, one: Said) -> datetime:
        return self.starts[min(one.start, len(self.starts) - 1)]

    def written(self, one: Said) -> bytes:
        stamp = datetime.fromtimestamp(one.stamp, UTC) if one.stamp is not None else None
        return replies.reply(
            one.client, uid=self.uids[one.who], attendee=f"p{one.who}@corp.example", partstat=one.partstat, sequence=one.sequence, dtstamp=stamp,
            dtstart=self.start(one), organizer=MAILBOX,
        )  # fmt: skip

    def ends(self) -> list[tuple[str, str]]:
        """(status, PARTSTAT) of each, as the product has it."""
        query = select(CalendarEntry.uid, Enrolment.status, CalendarEntry.partstat).join(Enrolment, Enrolment.entry_id == CalendarEntry.id)
        found = {uid: (status, partstat) for uid, status, partstat in self.world.look(lambda work: work.db.execute(query).all())}
        return [found[uid] for uid in self.uids]


def hands(said: list[Said]) -> list[list[Said]]:
    """Cut into pieces in which nobody speaks twice, so that what follows from one is known before the next."""
    cut: list[list[Said]] = [[]]
    for one in said:
        if any(other.who == one.who for other in cut[-1]):
            cut.append([])
        cut[-1].append(one)
    return cut


def anything(rng: random.Random, number: int, people: int) -> list[Said]:
    """Replies as they come: with and without SEQUENCE and DTSTAMP, copied, lying, from before and after a move, one in ten said twice."""

    def one() -> Said:
        version = rng.randrange(5)
        asked = BEGUN + HOUR * version + (21 if version else 0)
        honest = asked + rng.randrange(1, HOUR)
        stamp = rng.choice([honest, honest, honest, asked, None, BEGUN - 9, BEGUN + 90 * HOUR, BEGUN + 40, BEGUN + 41])
        partstat = rng.choice(["ACCEPTED", "DECLINED", "TENTATIVE"] * 3 + ["NEEDS-ACTION"])
        return Said(rng.randrange(people), partstat, rng.choice([version, version, None]), version, stamp, rng.choice(CLIENTS))

    said = [one() for _ in range(number - number // 10)]
    return said + rng.sample(said, number // 10)


def commuting(rng: random.Random, number: int, people: int) -> list[Said]:
    """Replies after a move and a new wording that end alike in any order."""
    said = {}
    for _ in range(number):
        one = Said(
            rng.randrange(people),
            rng.choice(["ACCEPTED", "DECLINED", "TENTATIVE"]),
            rng.choice([0, 1, 1, 2, None]),
            1,
            BEGUN + 3 * HOUR + rng.randrange(HOUR),
        )
        said.setdefault((one.who, one.stamp), one)
    return list(said.values())  # fmt: skip


def test_a_thousand_in_any_order_between_edits_end_as_the_model_says(database_url):
    rng = random.Random(20261121)
    play = Play(World(database_url), 60)
    number = 1000 if database_url.startswith("sqlite") else 120
    said = anything(rng, number, 60)
    rng.shuffle(said)
    edits = [
        {"start": START + timedelta(days=1)},
        {"title": "Fire safety, revised"},
        {"title": "Fire safety, once more"},
        {"start": START + timedelta(days=2)},
    ]
    fifth = number // 5
    for k in range(5):
        play.arrive(said[k * fifth : (k + 1) * fifth])
        if k < 4:
            play.edit(**edits[k])
    assert [status for status, _ in play.ends()] == [model.status for model in play.models]
    play.world.close()


def after_edits(model: Model) -> Model:
    model.told(0, BEGUN, 100)
    model.told(1, BEGUN + HOUR + 21, 200)
    model.told(2, BEGUN + 2 * HOUR + 21, 200)
    return model


def ended(said: list[Said], people: int) -> list[Model]:
    models = [after_edits(Model()) for _ in range(people)]
    for one in said:
        models[one.who].hear(one.partstat, one.sequence, 200 if one.start else 100, one.stamp, BEGUN + 5 * HOUR)
    return models


@pytest.mark.parametrize("order", range(20))
def test_the_model_ends_alike_for_a_thousand_that_commute(order):
    said = commuting(random.Random(7), 1000, 60)
    first, other = ended(said, 60), ended(random.Random(order).sample(said * 2, 2 * len(said)), 60)
    assert [m.partstat for m in first] == [m.partstat for m in other]
    sure = [n for n, model in enumerate(first) if model.partstat != "TENTATIVE"]
    assert [first[n].status for n in sure] == [other[n].status for n in sure] and len(sure) > 20


def test_the_product_ends_alike_for_what_commutes(tmp_path, sqlite_url):
    said = commuting(random.Random(7), 110, 30)
    folder, found = tmp_path / "other", []
    folder.mkdir()
    (folder / "feedserver.db").write_bytes((tmp_path / "feedserver.db").read_bytes())
    for url, order in ((sqlite_url, said), (f"sqlite:///{folder}/feedserver.db", [*reversed(said), *said[:30]])):
        play = Play(World(url), 30)
        play.edit(start=START + timedelta(days=1))
        play.edit(title="Fire safety, revised")
        play.world.moment = NOW + timedelta(hours=5)
        play.arrive(order)
        found.append(play.ends())
        play.world.close()
    first, other = found
    assert [partstat for _, partstat in first] == [partstat for _, partstat in other]
    assert [one for one in first if one[1] != "TENTATIVE"] == [one for one in other if one[1] != "TENTATIVE"]
