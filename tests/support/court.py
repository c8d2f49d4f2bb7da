"""One small organisation that judges messages, each as if it were the first that comes: what it does is rolled back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import update

from feedserver.imip.incoming import Incoming
from feedserver.services import receiving
from feedserver.services.receiving import Received, Verdict
from feedserver.settings import Settings
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.sessions import Revision
from mail.children import ParserPool
from mail.incoming import decide
from tests.support.world import MAILBOX, World

__all__ = ["LEA", "MAILBOX", "UID", "Court", "answered"]
LEA, TOM = "lea@corp.example", "tom@corp.example"
UID = "4f0c2a9be1d64a7a9c1c9a2d5e3b7f10@training.localhost"
Given = Callable[["Court", object, CalendarEntry, Incoming], None]


class Undone(Exception):
    """Ends a transaction that was only a question."""


class Court:
    """Lea and Tom are invited to a session on 1 December, ten o'clock in Berlin; Lea's entry has the UID `UID`."""

    def __init__(self, url: str) -> None:
        self.world = World(url)
        self.session_id = self.world.session("Lea", "Tom")
        self.world.mails()
        self.enrolment_id = self.world.enrolment(self.session_id, "Lea").id
        self.entry_id = self.world.entry(self.session_id, "Lea").id
        self.world.database.run(lambda db: db.execute(update(CalendarEntry).where(CalendarEntry.id == self.entry_id).values(uid=UID)))
        self.pool = ParserPool()

    def ends(self, raw: bytes, given: Given | None = None, settings: Settings | None = None) -> tuple[str, Verdict, str, str]:
        """Kind, verdict, and what Lea's enrolment then says: PARTSTAT ("" while she has not answered) and status.

        `given` changes beforehand what we hold.
        """
        incoming = self.pool.read(raw)
        try:
            with self.world.database.write() as db:
                work = self.world.house.work(db, self.world.organisation_id, "test")
                if given:
                    given(self, db, db.get_one(CalendarEntry, self.entry_id), incoming)
                    db.flush()
                (number,) = receiving.store(db, [Received(raw, "test", recipients=(MAILBOX,))], self.world.moment)
                verdict = decide(work, db.get_one(InboundMessage, number), incoming, settings or Settings())
                enrolment = db.get_one(Enrolment, self.enrolment_id, populate_existing=True)
                said = enrolment.partstat if enrolment.partstat != "NEEDS-ACTION" else ""
                found = (incoming.kind, verdict, said, enrolment.status)
                raise Undone
        except Undone:
            return found

    def __enter__(self) -> Court:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()
        self.world.close()


def answered(court: Court, db, entry: CalendarEntry, incoming: Incoming) -> None:
    """What we hold is what the message answers: the version that it names, or the start that it echoes."""
    one = next((o for o in incoming.objects if not o.recurrence_text), None)
    if one is None:
        return
    entry.sequence = entry.asked_sequence = one.sequence or 0
    if one.sequence is None and one.dtstart is not None:
        start = datetime.fromtimestamp(one.dtstart, UTC)
        db.execute(update(Revision).where(Revision.id == entry.revision_id).values(starts_at=start))
