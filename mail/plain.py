"""Of several messages those that are plainly an answer, judged in a few statements together; by the same evidence as `mail.replies_in`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from feedserver.imip.incoming import Incoming
from feedserver.itip.delegation import DELEGATED
from feedserver.itip.ordering import Reply
from feedserver.services import answering, circling
from feedserver.services.answering_plain import Settled, Standing, plainly, standings, write_all
from feedserver.services.house import House
from feedserver.services.work import Work
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
    wanted = {read.message_id: read.incoming.objects[0].uid for read in _alone(group)}
    if not wanted:
        return list(group)
    known = standings(db, set(wanted.values()), house.clock())
    M = InboundMessage
    columns = (M.id, M.organisation_id, M.envelope_from, M.received_at)
    query = select(*columns).where(M.id.in_(wanted), M.outcome == PENDING, M.judged_at.is_(None)).order_by(M.id).with_for_update()
    rows = {row.id: row for row in db.execute(query)}
    works: dict[int, Work] = {}
    settled: list[Settled] = []
    others: list[Read] = []
    for read in group:
        row, standing = rows.get(read.message_id), known.get(wanted.get(read.message_id, ""))
        found = None
        if row is not None and standing is not None and row.organisation_id == standing.who.organisation_id:
            work = works.get(row.organisation_id) or works.setdefault(row.organisation_id, house.work(db, row.organisation_id, "mail"))
            found = _judged(replace(work, actor=f"mail:{row.id}"), row, read.incoming, standing, settings)
        if found is None or (others and found.plain.in_line):
            others.append(read)
        else:
            settled.append(found)
    write_all(db, settled)
    _proved(settled, settings)
    return others


def _proved(settled: Sequence[Settled], settings: Settings) -> None:
    """As `mail.incoming` notes it of an answer that counts."""
    first = {one.work.organisation_id: one.work for one in reversed(settled) if one.verdict.outcome == answering.APPLIED}
    for work in first.values() if not settings.captures else ():
        circling.proved(work)


def _alone(group: Sequence[Read]) -> list[Read]:
    """Replies with one answer of one ATTENDEE; of an entry or a sender with more than one message in the group none, so that their order is kept."""
    uids = Counter(uid for read in group for uid in {one.uid for one in read.incoming.objects})
    senders = Counter(read.incoming.sender for read in group)
    return [
        read for read in group if _is_simple(read.incoming) and uids[read.incoming.objects[0].uid] == senders[read.incoming.sender] == 1
    ]


def _is_simple(incoming: Incoming) -> bool:
    """One object that answers; others of the same entry may speak of single dates, as Cyrus adds the dates of a series that nobody answered."""
    if incoming.kind != "reply" or sum(not one.recurrence_text for one in incoming.objects) != 1:
        return False
    uid = incoming.objects[0].uid
    return bool(uid) and all(
        one.component == "VEVENT" and one.uid == uid and len(one.attendees) == 1 and bool(one.attendees[0].address)
        for one in incoming.objects
    )


def _judged(work: Work, row, incoming: Incoming, standing: Standing, settings: Settings) -> Settled | None:
    """None where one of the objects is not plain."""
    who, plain, comment = standing.who, None, ""
    decisions, evidence = [], []
    for one in incoming.objects:
        attendee = one.attendees[0]
        if one.recurrence_text:
            decision = answering.no_such_date(who, one, attendee.partstat)
        elif plain := plainly(standing, Reply.of(one, attendee.partstat, int(row.received_at.timestamp())), work.now):
            decision, comment = plain.decision, one.comment
        else:
            return None
        trust = assess(
            incoming, one, attendee, enrolled=who.email_key, aliases=who.aliases, trusted_senders=settings.trusted_reply_senders,
            delegates=who.delegates, authserv_id=settings.trusted_authserv_id, organizer=work.organisation.mailbox_address,
            envelope_from=row.envelope_from, profile=work.organisation.trust_profile,
        )  # fmt: skip
        if trust.wants or not trust.speaks or attendee.partstat == DELEGATED:
            return None
        decisions.append(decision)
        evidence.append({"uid": "known", "trust": trust.reason_code, **trust.evidence, "decision": decision.code})
    verdict = answering.together(decisions)
    verdict.evidence.update(incoming=incoming.to_dict(), decisions=evidence)
    return Settled(row.id, incoming.kind, incoming.sender, incoming.subject, row.received_at, comment, plain, verdict, work)
