"""Of several messages those that are plainly an answer, judged in a few statements together; by the same evidence as `mail.replies_in`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from feedserver.imip.incoming import Incoming
from feedserver.itip.ordering import Reply
from feedserver.itip.parse import ItipObject
from feedserver.services import answering
from feedserver.services.answering_plain import Settled, Standing, plainly, standings, write_all
from feedserver.services.house import House
from feedserver.settings import Settings
from feedserver.store.inbox import PENDING, InboundMessage

from .trust import assess


@dataclass(frozen=True, slots=True)
class Read:
    """A message in the worker's hands, and what it says."""

    message_id: int
    raw: bytes
    tries: int
    incoming: Incoming


def settle(house: House, db: Session, group: Sequence[Read], settings: Settings) -> list[Read]:
    """Let the plain answers take effect; returns the others, in order."""
    wanted = {read.message_id: read.incoming.objects[0] for read in _alone(group)}
    if not wanted:
        return list(group)
    known = standings(db, {one.uid for one in wanted.values()}, house.clock())
    M = InboundMessage
    columns = (M.id, M.organisation_id, M.envelope_from, M.received_at)
    query = select(*columns).where(M.id.in_(wanted), M.outcome == PENDING, M.judged_at.is_(None)).order_by(M.id).with_for_update()
    rows = {row.id: row for row in db.execute(query)}
    settled: dict[int, Settled] = {}
    for read in group:
        one, row = wanted.get(read.message_id), rows.get(read.message_id)
        standing = known.get(one.uid) if one else None
        if row is not None and standing is not None and row.organisation_id == standing.who.organisation_id:
            found = _judged(house, db, row, read.incoming, one, standing, settings)
            settled |= {read.message_id: found} if found else {}
    write_all(db, list(settled.values()))
    return [read for read in group if read.message_id not in settled]


def _alone(group: Sequence[Read]) -> list[Read]:
    """Replies with one object and one ATTENDEE; of an entry or a sender with more than one message in the group none, so that their order is kept."""
    uids = Counter(uid for read in group for uid in {one.uid for one in read.incoming.objects})
    senders = Counter(read.incoming.sender for read in group)
    return [
        read for read in group if _is_simple(read.incoming) and uids[read.incoming.objects[0].uid] == senders[read.incoming.sender] == 1
    ]


def _is_simple(incoming: Incoming) -> bool:
    if incoming.kind != "reply" or len(incoming.objects) != 1:
        return False
    one = incoming.objects[0]
    return (
        one.component == "VEVENT"
        and bool(one.uid)
        and not one.recurrence_text
        and len(one.attendees) == 1
        and bool(one.attendees[0].address)
    )


def _judged(house: House, db: Session, row, incoming: Incoming, one: ItipObject, standing: Standing, settings: Settings) -> Settled | None:
    attendee, who = one.attendees[0], standing.who
    plain = plainly(standing, Reply.of(one, attendee.partstat, int(row.received_at.timestamp())))
    if plain is None:
        return None
    work = house.work(db, who.organisation_id, f"mail:{row.id}")
    trust = assess(
        incoming, one, attendee, enrolled=who.email_key, aliases=who.aliases, trusted_senders=settings.trusted_reply_senders,
        delegates=who.delegates, authserv_id=settings.trusted_authserv_id, organizer=work.organisation.mailbox_address,
        envelope_from=row.envelope_from, profile=work.organisation.trust_profile,
    )  # fmt: skip
    if trust.wants or not trust.speaks:
        return None
    decision = plain.decision
    verdict = answering.together([decision])
    evidence = {"uid": "known", "trust": trust.reason_code, **trust.evidence, "decision": decision.code}
    verdict.evidence.update(incoming=incoming.to_dict(), decisions=[evidence])
    return Settled(row.id, incoming.kind, incoming.sender, incoming.subject, row.received_at, one.comment, plain, verdict, work)
