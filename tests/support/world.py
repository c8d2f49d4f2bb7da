"""A small organisation with its people, its outbox and its inbox, in one process and without a network.

Mail leaves by the worker's own claiming and filling into the captured messages, and comes back through its own judging; only the parsing
child is left out. `moment` is the clock of everything.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

from sqlalchemy import func, select

from feedserver.itip.answer import read_invitation
from feedserver.services import enrolling, grouping, learning, offering, receiving, scheduling, series
from feedserver.services.house import House
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store import claims
from feedserver.store.base import Base
from feedserver.store.database import Database
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.history import HistoryEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import OPEN, CapturedMessage, Delivery
from feedserver.store.sessions import LiveSession, Seats
from feedserver.vault import Vault
from mail.judging import Judging
from mail.outgoing import Outgoing
from tests import replies
from tests.support.in_process import InProcess

NOW = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)
START = datetime(2026, 12, 1, 10)
MAILBOX = "training@localhost"


@dataclass(frozen=True)
class Mail:
    """A message as it reached somebody: `who` is the first name, `words` the plain text, `partstat` what it asks or carries."""

    who: str
    to: str
    kind: str
    method: str
    uid: str
    sequence: int
    dtstamp: int
    partstat: str
    start: datetime | None
    subject: str
    words: str
    raw: bytes


class World:
    """Sessions are on 1 December at ten in Berlin; edits settle for 20 seconds."""

    def __init__(self, url: str, settle: int = 20) -> None:
        self.moment = NOW
        self.database = Database(url)
        self.house = House(self.database, "https://t.example", timedelta(seconds=settle), lambda: self.moment, Vault(("k" * 32,)))
        with self.database.write() as db:
            mailbox = {"mailbox_name": "Training", "mailbox_address": MAILBOX, "mailbox_key": MAILBOX}
            organisation = Organisation(name="Acme", **mailbox, timezone="Europe/Berlin", created_at=NOW)
            db.add(organisation)
            db.flush()
            self.organisation_id = organisation.id
        settings = Settings()
        self.outgoing = Outgoing(self.house, settings, threading.Event())
        self.judging = Judging(self.house, settings, threading.Event(), lambda: self.outgoing.worker_id)
        self.judging.pool = InProcess()
        self.course_id = self.do(lambda work: grouping.create_course(work, {"name": "Safety"}).id)
        self.people: dict[str, int] = {}
        self._read = 0
        self.notices: list[Mail] = []

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    # -- what people do --------------------------------------------------------------------------

    def do(self, verb: Callable[[Work], Any], actor: str = "admin:test") -> Any:
        """A verb in a write transaction of its own."""
        return self.house.run(self.organisation_id, actor, verb)

    def look(self, look: Callable[[Work], Any]) -> Any:
        """Look without changing anything."""
        return self.house.read(self.organisation_id, "admin:test", look)

    def advance(self, seconds: float) -> None:
        """Time passes, and the worker publishes what has settled and passes on what nobody took."""
        self.moment += timedelta(seconds=seconds)
        with self.database.read() as db:
            due = scheduling.due(db, self.moment)
        for organisation_id, session_id in due:
            self.house.run(organisation_id, "system", lambda work, s=session_id: scheduling.publish_due(work, s))
        with self.database.read() as db:
            late = offering.due(db, self.moment)
        for organisation_id, session_id in late:
            self.house.run(organisation_id, "system", lambda work, s=session_id: offering.lapse_due(work, s))

    def person(self, name: str, **values: Any) -> int:
        """The learner of this first name, made where there is none yet."""
        if name not in self.people:
            values = {"email": f"{name.lower()}@corp.example", "name": name} | values
            self.people[name] = self.do(lambda work: learning.create_learner(work, values).id)
        return self.people[name]

    def group(self, *names: str, name: str = "Group") -> int:
        """A training group of these people."""
        ids = [self.person(one) for one in names]
        return self.do(lambda work: grouping.create_group(work, self.course_id, name, ids).id)

    def session(self, *invited: str, group_id: int | None = None, **values: Any) -> int:
        """A session to which a group of these people is invited, in this order."""
        if invited:
            group_id = self.group(*invited, name=f"Group {self.count(LiveSession)}")
        values = {"title": "Fire safety", "start": START, "timezone": "Europe/Berlin", **values}
        values.setdefault("end", values["start"] + timedelta(hours=1))
        return self.do(lambda work: scheduling.create_session(work, self.course_id, values, group_id).id)

    def series(self, recurrence: str, **values: Any) -> int:
        """A series in Berlin, of an hour each date; its head."""
        values = {
            "title": "Weekly",
            "start": START,
            "end": START + timedelta(hours=1),
            "timezone": "Europe/Berlin",
            "recurrence": recurrence,
            **values,
        }
        return self.do(lambda work: series.create(work, self.course_id, values).id)

    def edit(self, session_id: int, settled: bool = True, **values: Any) -> None:
        """Edit a session and, unless told otherwise, let the settle time pass."""
        if "start" in values:
            values.setdefault("end", values["start"] + timedelta(hours=1))
        self.do(lambda work: scheduling.edit_session(work, session_id, values))
        if settled:
            self.advance(21)

    def cancel(self, session_id: int, reason: str = "") -> None:
        """The whole session."""
        self.do(lambda work: scheduling.cancel_session(work, session_id, reason))

    def enrol(self, session_id: int, name: str, status: str = "Invited", **options: Any) -> int:
        """By hand; returns the enrolment."""
        learner_id = self.person(name)
        return self.do(lambda work: enrolling.enrol(work, session_id, learner_id, status, **options).id)

    def register(self, session_id: int, name: str) -> int:
        """The person registers; returns the enrolment."""
        learner_id = self.person(name)
        return self.do(lambda work: enrolling.register(work, session_id, learner_id).id)

    def set_status(self, session_id: int, name: str, status: str, **options: Any) -> None:
        """An administrator changes it by hand."""
        enrolment_id = self.enrolment(session_id, name).id
        self.do(lambda work: enrolling.set_status(work, enrolment_id, status, **options))

    def remove(self, session_id: int, name: str) -> None:
        """Take this person off."""
        enrolment_id = self.enrolment(session_id, name).id
        self.do(lambda work: enrolling.remove(work, enrolment_id))

    # -- what is seen ----------------------------------------------------------------------------

    def status(self, session_id: int, name: str) -> str:
        """The enrolment's status."""
        return self.enrolment(session_id, name).status

    def enrolment(self, session_id: int, name: str) -> Enrolment:
        """The row."""
        query = select(Enrolment).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == self.people[name])
        return self.look(lambda work: work.db.scalars(query).one())

    def entry(self, session_id: int, name: str) -> CalendarEntry:
        """The entry that is now, or was last, in this person's calendar."""
        entry_id = self.enrolment(session_id, name).entry_id
        return self.look(lambda work: work.db.get_one(CalendarEntry, entry_id))

    def line(self, session_id: int) -> list[str]:
        """First names on the waiting list, the first first."""
        query = (
            select(Learner.name)
            .join(Enrolment, Enrolment.learner_id == Learner.id)
            .where(Enrolment.live_session_id == session_id, Enrolment.status == "Waiting List")
            .order_by(Enrolment.queued_at, Enrolment.id)
        )
        return self.look(lambda work: list(work.db.scalars(query)))

    def seats(self, session_id: int) -> Seats:
        """Its seats."""
        return self.look(lambda work: work.db.get_one(Seats, session_id))

    def count(self, row: type[Base], *where: Any) -> int:
        """How many rows there are."""
        return self.look(lambda work: work.db.scalar(select(func.count()).select_from(row).where(*where)))

    def verbs(self, session_id: int) -> list[str]:
        """What the history tells of a session."""
        query = select(HistoryEntry.verb).where(HistoryEntry.live_session_id == session_id).order_by(HistoryEntry.id)
        return self.look(lambda work: list(work.db.scalars(query)))

    def deliveries(self, *where: Any) -> list[Delivery]:
        """Rows of the outbox, oldest first."""
        return self.look(lambda work: list(work.db.scalars(select(Delivery).where(*where).order_by(Delivery.id))))

    # -- mail ------------------------------------------------------------------------------------

    def claim(self, limit: int = 100) -> list[claims.Claimed]:
        """A worker takes what is due into its hands, and has not sent it yet."""
        worker_id = self.worker()
        return self.database.run(lambda db: claims.claim(db, worker_id, self.moment, limit))

    def worker(self) -> int:
        """The worker of this world, alive now."""
        if not self.outgoing.worker_id:
            self.outgoing.worker_id = self.database.run(lambda db: claims.enter(db, "test", self.moment))
        return self.outgoing.worker_id

    def mails(self) -> list[Mail]:
        """Let everything that is due leave; what has arrived since the last look and carries an entry. The rest is in `notices`."""
        self.worker()
        while self.outgoing._claim():
            pass
        query = (
            select(CapturedMessage, Delivery.kind)
            .join(Delivery, Delivery.id == CapturedMessage.delivery_id)
            .where(CapturedMessage.id > self._read)
            .order_by(CapturedMessage.id)
        )
        rows = self.look(lambda work: work.db.execute(query).all())
        self._read = max([self._read, *(row.CapturedMessage.id for row in rows)])
        arrived = [opened(row.CapturedMessage.raw, row.kind) for row in rows]
        self.notices += [mail for mail in arrived if not mail.method]
        return [mail for mail in arrived if mail.method]

    def mail(self) -> Mail:
        """The one mail that has arrived."""
        (one,) = self.mails()
        return one

    def answer(self, mail: Mail, partstat: str = "ACCEPTED", *, client: str = "thunderbird", **values: Any) -> InboundMessage:
        """The person answers this mail with their mail program, now, unless `dtstamp`, `sequence` or another value says otherwise."""
        values = {
            "uid": mail.uid, "attendee": mail.to, "sequence": mail.sequence, "dtstamp": self.moment, "organizer": MAILBOX,
            "cn": mail.who, "dtstart": mail.start, **values,
        }  # fmt: skip
        return self.receive(replies.reply(client, partstat=partstat, **values))

    def receive(self, raw: bytes, *recipients: str) -> InboundMessage:
        """A message comes in and is judged."""
        (one,) = self.receive_all([raw], *recipients)
        return one

    def receive_all(self, raws: Iterable[bytes], *recipients: str) -> list[InboundMessage]:
        """Messages come in, one after the other, and are judged."""
        arrived = [receiving.Received(raw, "smtp", recipients=recipients or (MAILBOX,)) for raw in raws]
        ids = self.database.run(lambda db: receiving.store(db, arrived, self.moment))
        self.worker()
        while self.judging.once():
            pass
        return self.look(lambda work: [work.db.get_one(InboundMessage, i) for i in ids])

    @property
    def outbox_is_empty(self) -> bool:
        """Whether every delivery has ended in a final state."""
        return self.count(Delivery, Delivery.state.in_(OPEN)) == 0


def opened(raw: bytes, kind: str = "") -> Mail:
    """A message as a mail program reads it."""
    message = message_from_bytes(raw, policy=policy.default)
    words = message.get_body(("plain",)).get_content()
    part = next((p for p in message.walk() if p.get_content_type() == "text/calendar"), None)
    calendar = part.get_payload(decode=True) if part else b""
    card = read_invitation(calendar) if part else None
    stamp = re.search(rb"^DTSTAMP:(\w+)", calendar, re.M)
    to = message["To"].addresses[0]
    start = card.start.replace(tzinfo=replies.BERLIN if card.timezone != "UTC" else UTC) if card and card.start else None
    return Mail(
        who=to.display_name,
        to=to.addr_spec,
        kind=kind,
        method=card.method if card else "",
        uid=card.uid if card else "",
        sequence=card.sequence if card else 0,
        dtstamp=int(datetime.strptime(stamp[1].decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) if stamp else 0,
        partstat=card.partstat if card else "",
        start=start,
        subject=str(message["Subject"]),
        words=words,
        raw=raw,
    )
