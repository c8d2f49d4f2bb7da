"""An answer becomes a status: the reply is judged against the entry, the answer table applied, and what the calendar then shows put right.

Nobody is left with "accepted" and no seat (design decision 4): every reply whose effect differs from what the person now sees is answered
with the message that puts the entry right, once per entry and SEQUENCE, with words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select, update

from ..errors import Conflict
from ..imip.incoming import Incoming
from ..itip import ordering
from ..itip.ordering import Held, LastReply, Reply
from ..itip.ordering import Verdict as Order
from ..itip.parse import ItipObject
from ..itip.reply import AttendeeProblem, attendee_of
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.inbox import InboundMessage
from ..store.learners import ALIAS, DELEGATE, Learner, LearnerAlias
from ..store.outbox import Delivery
from ..store.sessions import LiveSession, Revision
from ..training.statuses import TABLE, Answer, EnrolmentStatus
from . import answering_dates, enrolling, notifying, proposing, series_people
from .finding import find, locked_session
from .receiving import Verdict, write
from .rendering import Kind
from .work import Work

S = EnrolmentStatus
APPLIED, UNCHANGED, STALE, QUARANTINED = "applied", "unchanged", "stale", "quarantined"
# When the objects of one mail end differently, the first of these names it.
RANK = (APPLIED, QUARANTINED, STALE, UNCHANGED, "rejected")
WORDS = {Answer.YES: "Yes", Answer.NO: "No", Answer.MAYBE: "Maybe"}


@dataclass(frozen=True)
class Decision:
    """What became of a reply: `outcome` of the contract, a code for programs, a reason in plain words for the administrator."""

    outcome: str
    code: str
    reason: str
    enrolment_id: int | None = None
    learner_id: int | None = None


@dataclass(frozen=True)
class Holder:
    """Whose entry a UID names, every address that speaks for that person, and of those who may answer on their behalf."""

    organisation_id: int
    entry_id: int
    enrolment_id: int
    learner_id: int
    live_session_id: int
    learner_name: str
    email_key: str
    aliases: frozenset[str]
    delegates: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """The enrolled address and its aliases, canonical."""
        return self.aliases | {self.email_key}


def holder(db, uid: str) -> Holder | None:
    """The holder of a UID (128 random bits: who knows it was given the invitation), in any organisation."""
    row = db.execute(
        select(CalendarEntry, Learner.name, Learner.email_key)
        .join(Learner, Learner.id == CalendarEntry.learner_id)
        .where(CalendarEntry.uid == uid)
    ).first()
    if row is None:
        return None
    entry, name, email_key = row
    known = db.execute(select(LearnerAlias.address_key, LearnerAlias.kind).where(LearnerAlias.learner_id == entry.learner_id)).all()
    aliases, delegates = (frozenset(key for key, kind in known if kind == wanted) for wanted in (ALIAS, DELEGATE))
    ids = (entry.organisation_id, entry.id, entry.enrolment_id, entry.learner_id, entry.live_session_id)
    return Holder(*ids, name, email_key, aliases, delegates)


def answer_by_reply(work: Work, who: Holder, reply: Reply, *, comment: str = "", inbound_id: int | None = None) -> Decision:
    """Apply a reply that may speak for the holder (trust is judged before)."""
    session, enrolment, entry = _hold(work, who.live_session_id, who.enrolment_id, who.entry_id)
    if reply.partstat not in ("", "NEEDS-ACTION") and _answer_of(reply) is None:
        return _unknown_answer(enrolment.id, enrolment.learner_id, reply.partstat)
    verdict = ordering.judge(_held(work, entry), reply)
    decide = _VERDICTS.get(verdict.verdict)
    if decide is not None:
        return decide(work, session, enrolment, entry, reply, verdict)
    answer = Answer(reply.partstat)
    entry.reply_sequence, entry.reply_dtstamp = verdict.sequence, verdict.dtstamp
    behind = verdict.sequence < entry.sequence
    decision = _answer(work, session, enrolment, entry, answer, comment=comment, inbound_id=inbound_id, at=_moment(work, reply.received_at))
    if behind and answer == Answer.NO and entry.ended_at is None:
        _crossed(work, session, entry)
    return decision


def let_it_count(work: Work, message: InboundMessage, one: ItipObject, partstat: str, who: Holder) -> Decision:
    """One object of a reply that may speak for the holder takes effect, as far as it is one that we can answer to."""
    mine = (who.enrolment_id, who.learner_id)
    if one.component != "VEVENT":
        return Decision("rejected", "component", f"It answers a {one.component}; we send VEVENTs alone.", *mine)
    reply = Reply.of(one, partstat, int(message.received_at.timestamp()))
    if one.recurrence_text:
        return _one_date(work, who, one, reply, message.id)
    return answer_by_reply(work, who, reply, comment=one.comment, inbound_id=message.id)


def _one_date(work: Work, who: Holder, one: ItipObject, reply: Reply, inbound_id: int) -> Decision:
    session, _, entry = _hold(work, who.live_session_id, who.enrolment_id, who.entry_id)
    mine = (who.enrolment_id, who.learner_id)
    if not session.is_series:
        return no_such_date(who, one, reply.partstat)
    if reply.partstat not in ("", "NEEDS-ACTION") and _answer_of(reply) is None:
        return _unknown_answer(*mine, reply.partstat)
    date = answering_dates.find_date(work, session.id, one.recurrence_id)
    if date is None and answering_dates.was_date(work, session, one.recurrence_id):
        why = f"It answers a date of the series as it was before ({one.recurrence_text}): it is at another time now, or in another series."
        return Decision(STALE, "stale_answer", why, *mine)
    if date is None:
        return Decision(
            QUARANTINED, "recurrence_unknown", f"It answers a date that the series does not have ({one.recurrence_text}).", *mine
        )
    if entry.ended_at is not None:
        return Decision(UNCHANGED, "entry_ended", "It answers a date of a series that was taken back; nothing changes.", *mine)
    return Decision(*answering_dates.answer_date(work, date, entry, who.learner_id, reply, one.comment, inbound_id), *mine)


def no_such_date(who: Holder, one: ItipObject, partstat: str) -> Decision:
    """An object about one date of a series (RECURRENCE-ID), for a session that is none."""
    mine = (who.enrolment_id, who.learner_id)
    if partstat not in ("", "NEEDS-ACTION", *Answer):
        return _unknown_answer(*mine, partstat)
    why = f"It answers one date of a series, but this session has one date ({one.recurrence_text})."
    return Decision(QUARANTINED, "recurrence_unknown", why, *mine)


def together(decisions: list[Decision]) -> Verdict:
    """The verdict on a message whose objects were judged one by one: what weighs most names it, all that matters is said."""
    best = min(decisions, key=lambda d: RANK.index(d.outcome))
    reasons = dict.fromkeys(d.reason for d in decisions if d.outcome in (best.outcome, QUARANTINED))
    return Verdict(best.outcome, best.code, " ".join(reasons), best.enrolment_id, best.learner_id)


def apply_by_hand(work: Work, inbound_id: int, because: str = "Applied by hand.") -> InboundMessage:
    """A person says that a quarantined reply counts: the same rules, but who sent it is no longer asked."""
    message = find(work, InboundMessage, inbound_id, lock=True)
    if message.outcome != QUARANTINED or message.kind != "reply" or not message.evidence:
        raise Conflict(f"Only a reply in quarantine can be applied; this is {message.kind or 'not read yet'}, {message.outcome}.")
    decisions = []
    for one in Incoming.from_json(json.dumps(message.evidence["incoming"])).objects:
        who = holder(work.db, one.uid) if one.uid else None
        if who is None or who.organisation_id != work.organisation_id:
            continue
        attendee = attendee_of(one, who.known)
        if not isinstance(attendee, AttendeeProblem):
            decisions.append(let_it_count(work, message, one, attendee.partstat, who))
    if not decisions:
        raise Conflict(
            "It cannot be applied: it names no entry of ours, or not one person who answers. Discard it, or set the status by hand."
        )
    verdict = together(decisions)
    proposing.let_go(work, message.id)
    work.record("reply applied by hand", enrolment_id=verdict.enrolment_id, learner_id=verdict.learner_id, inbound_id=message.id)
    write(message, None, replace(verdict, reason=f"{because} {verdict.reason}"), work.now, by=work.actor)
    work.db.flush()
    return message


def answer_on_page(work: Work, enrolment_id: int, answer: Answer) -> Decision:
    """The learner presses Yes, No or Maybe on their own page: the same rules, the newest answer."""
    enrolment = find(work, Enrolment, enrolment_id)
    if enrolment.entry_id is None:
        raise Conflict("There is nothing to answer here.")
    session, enrolment, entry = _hold(work, enrolment.live_session_id, enrolment.id, enrolment.entry_id)
    if entry.ended_at is not None:
        raise Conflict("This session is no longer in your calendar; there is nothing to answer.")
    entry.reply_sequence, entry.reply_dtstamp = entry.sequence, max(work.stamp(), entry.reply_dtstamp or 0)
    shown, sequence = entry.partstat, entry.sequence
    decision = _answer(work, session, enrolment, entry, answer, comment="", inbound_id=None, at=work.now)
    work.db.refresh(entry)
    # A calendar that still says the opposite is put right by what it was told last: the same entry, with the answer of now.
    if {shown, answer.value} == {Answer.YES.value, Answer.NO.value} and entry.ended_at is None and entry.sequence == sequence:
        notifying.tell(work, session, entry, Kind.AGAIN)
    return decision


def _answer(
    work: Work, session: LiveSession, enrolment: Enrolment, entry: CalendarEntry, answer: Answer, *, comment, inbound_id, at
) -> Decision:
    """One row of the answer table, the record of what was said, and the entry put right where it would say something else."""
    before, was, until = EnrolmentStatus(enrolment.status), enrolment.partstat, enrolment.offer_until
    # The invitation that a full session took back is still what a person on the list answers to.
    listed = entry.ended_as == "waiting" and TABLE[before].listed
    if entry.id == enrolment.entry_id or listed:
        enrolment.partstat, enrolment.responded_at, enrolment.updated_at = answer.value, at, work.now
        enrolment.comment = comment or None
    entry.partstat, entry.reconfirm = answer.value, False
    if listed:
        work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True).partstat = answer.value
    single = {"dates": series_people.otherwise(work, session, enrolment)} if session.is_series else {}
    work.record(
        "answered", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id, inbound_id=inbound_id,
        detail={"answer": answer.value, "status": before, "was": was, "offer_until": until and until.isoformat(), **single},
    )  # fmt: skip
    work.db.flush()
    word, mine = WORDS[answer], (enrolment.id, enrolment.learner_id)
    if entry.ended_at is not None and not (listed and answer == Answer.NO):
        righted = _put_right(work, session, entry, Kind.STALE_CANCEL) if answer != Answer.NO else False
        more = " They were told once more that it is taken back." if righted else ""
        return Decision(UNCHANGED, "entry_ended", f"{word} to an invitation that was taken back; nothing changes.{more}", *mine)
    if session.status == "cancelled" or session.ends_at <= work.now:
        why = "is cancelled" if session.status == "cancelled" else "is over"
        return Decision(UNCHANGED, "session_over", f"{word}, but the session {why}: noted, the status stays {before}.", *mine)
    new = TABLE[before].after(answer)
    if new is None or new == before:
        return Decision(UNCHANGED, "no_change", f"{word} is noted; the status stays {before}.", *mine)
    if session.is_series and answering_dates.answer_rest(work, session, enrolment.learner_id, answer):
        return Decision(
            APPLIED, "dates_declined", f"{word} to all dates but those that were answered singly; the status stays {before}.", *mine
        )
    kept = enrolment.hold_until is not None
    if TABLE[new].seat and not TABLE[before].seat and not kept and not _seat_for(work, session, enrolment.learner_id):
        return _found_full(work, session, enrolment, mine, inbound_id)
    enrolling.change(work, session, enrolment, new, "answered " + word, inbound_id=inbound_id, own=True)
    return Decision(APPLIED, "status_changed", f"{word}: {before} became {new}.", *mine)


def _seat_for(work: Work, session: LiveSession, learner_id: int) -> bool:
    if session.series_id is not None and not session.seats_per_date:
        return series_people.has_seat(work, session, learner_id)
    return enrolling.seating.free_seats(work, session) > 0


def _crossed(work: Work, session: LiveSession, entry: CalendarEntry) -> None:
    """A No to an older version crossed a newer message that carried another answer: the calendar may have taken that back, so it is told the No."""
    if not notifying.tell(work, session, entry, Kind.AGAIN):
        return
    entry.reply_sequence = entry.sequence
    work.db.flush()


def _found_full(work: Work, session: LiveSession, enrolment: Enrolment, mine: tuple, inbound_id: int | None) -> Decision:
    """A Yes that found the session full: on the waiting list, and the entry is taken back with the place in words."""
    ahead = work.db.scalar(select(func.count()).where(Enrolment.live_session_id == session.id, Enrolment.status == S.WAITING_LIST))
    place = ahead + 1
    enrolling.change(
        work, session, enrolment, S.WAITING_LIST, "answered Yes, full", ending=Kind.FULL, inbound_id=inbound_id, extra={"position": str(place)}
    )  # fmt: skip
    return Decision(
        APPLIED,
        "found_full",
        f"Yes, but the session is full: on the waiting list, place {place}; the entry was taken back with words.",
        *mine,
    )


def _stale(work: Work, session: LiveSession, enrolment: Enrolment, entry: CalendarEntry, reply: Reply, verdict) -> Decision:
    """An answer to what is no longer asked: no consent to the new time; who said Yes is sent what holds now."""
    word = WORDS.get(_answer_of(reply), reply.partstat)
    work.record(
        "answered the old date", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id,
        detail={"answer": reply.partstat, "sequence": verdict.sequence, "asked": entry.asked_sequence},
    )  # fmt: skip
    kind = Kind.STALE_CANCEL if entry.ended_at is not None else Kind.UPDATE
    righted = reply.partstat != Answer.NO and _put_right(work, session, entry, kind, seen=_revision_at(work, entry, verdict.sequence))
    more = " They were sent what holds now." if righted else ""
    reason = f"{word} to version {verdict.sequence}, but version {entry.asked_sequence} was asked since: kept, the status stays {enrolment.status}.{more}"
    return Decision(STALE, "stale_answer", reason, enrolment.id, enrolment.learner_id)


def _older(_work, _session, enrolment, _entry, _reply, _verdict) -> Decision:
    return Decision(
        STALE,
        "older_answer",
        "A later answer of the same person is already recorded; this one changes nothing.",
        enrolment.id,
        enrolment.learner_id,
    )


def _duplicate(_work, _session, enrolment, _entry, _reply, _verdict) -> Decision:
    return Decision(UNCHANGED, "duplicate", "The same answer once more; nothing changes.", enrolment.id, enrolment.learner_id)


def _future(_work, _session, enrolment, entry, _reply, verdict) -> Decision:
    reason = (
        f"It answers version {verdict.sequence}, but we have sent only up to version {entry.sequence}: not ours. Look at it and decide."
    )
    return Decision(QUARANTINED, "future_sequence", reason, enrolment.id, enrolment.learner_id)


def _no_answer(_work, _session, enrolment, _entry, _reply, _verdict) -> Decision:
    return Decision(
        UNCHANGED, "no_answer", "It says neither Yes, No nor Maybe; an earlier answer stays.", enrolment.id, enrolment.learner_id
    )


def _unknown_answer(enrolment_id: int, learner_id: int, partstat: str) -> Decision:
    reason = f"{partstat} is not Yes, No or Maybe (somebody may have passed the invitation on): held for a decision."
    return Decision(QUARANTINED, "partstat_unknown", reason, enrolment_id, learner_id)


_VERDICTS = {Order.STALE: _stale, Order.OLDER: _older, Order.DUPLICATE: _duplicate, Order.FUTURE: _future, Order.NO_ANSWER: _no_answer}


def _answer_of(reply: Reply) -> Answer | None:
    return Answer(reply.partstat) if reply.partstat in set(Answer) else None


def _put_right(work: Work, session: LiveSession, entry: CalendarEntry, kind: Kind, seen: int | None = None) -> bool:
    """Send the message that puts the entry right, once per entry and SEQUENCE; False where that has been done."""
    if entry.righted_sequence == entry.sequence:
        return False
    sent = notifying.tell(work, session, entry, kind, bump=entry.ended_at is not None, seen=seen)
    work.db.execute(update(CalendarEntry).where(CalendarEntry.id == entry.id).values(righted_sequence=CalendarEntry.sequence))
    work.db.refresh(entry)
    return sent > 0


def _hold(work: Work, session_id: int, enrolment_id: int, entry_id: int) -> tuple[LiveSession, Enrolment, CalendarEntry]:
    session = locked_session(work, session_id)
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    return session, enrolment, work.db.get_one(CalendarEntry, entry_id, populate_existing=True)


def _revision_at(work: Work, entry: CalendarEntry, sequence: int) -> int | None:
    """The revision that the message with this SEQUENCE told, if one was sent."""
    query = (
        select(Revision.id)
        .join(Delivery, Delivery.live_session_id == Revision.live_session_id)
        .where(Delivery.entry_id == entry.id, Delivery.sequence == sequence, Revision.frozen_at <= Delivery.created_at)
        .order_by(Revision.number.desc())
        .limit(1)
    )
    return work.db.scalar(query)


def _held(work: Work, entry: CalendarEntry) -> Held:
    told = (
        select(Delivery.sequence, Revision.starts_at, Delivery.dtstamp)
        .join_from(Delivery, Revision, Revision.live_session_id == Delivery.live_session_id)
        .where(Delivery.entry_id == entry.id, Delivery.sequence.is_not(None), Revision.frozen_at <= Delivery.created_at)
        .order_by(Delivery.sequence, Revision.number)
    )
    rows = work.db.execute(told).all()
    starts = {row.sequence: int(row.starts_at.timestamp()) for row in rows}
    starts[entry.sequence] = int(work.db.get_one(Revision, entry.revision_id).starts_at.timestamp())
    last = None
    if entry.reply_dtstamp is not None:
        last = LastReply(entry.reply_sequence or 0, entry.reply_dtstamp, entry.partstat)
    stamps = frozenset(row.dtstamp for row in rows)
    return Held(entry.sequence, entry.dtstamp, entry.asked_sequence, entry.asked_dtstamp, starts, last, stamps)


def _moment(work: Work, epoch: int) -> datetime:
    return min(work.now, datetime.fromtimestamp(epoch, UTC))
