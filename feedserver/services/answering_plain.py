"""Plain answers, many in a few statements: a first Yes of somebody invited, whatever changes no status, and a No to a seat that nobody waits for.

None of them takes a seat or touches anybody else, so their order among others' answers does not matter but where a freed seat is one of few
(`Plain.in_line`). The rules are those of `answering`, which takes one answer at a time; everything that is not plainly of this kind is left to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, insert, null, or_, select, update
from sqlalchemy.orm import Session

from ..itip import ordering
from ..itip.ordering import Held, LastReply, Reply
from ..store.enrolments import Enrolment
from ..store.entries import SHOWN, CalendarEntry
from ..store.history import HistoryEntry
from ..store.inbox import InboundMessage
from ..store.learners import ALIAS, DELEGATE, Learner, LearnerAlias
from ..store.milestones import Milestone
from ..store.outbox import Delivery
from ..store.sessions import LiveSession, Revision, Seats
from ..store.verdicts import VerdictRow
from ..training.offers import kept_until
from ..training.statuses import TABLE, Answer, EnrolmentStatus
from . import notifying, seating, telling
from .answering import APPLIED, UNCHANGED, WORDS, Decision, Holder
from .dispatching import bump_feeds
from .following import touched
from .receiving import FIRST, Verdict
from .work import Work

S = EnrolmentStatus
E_ = CalendarEntry


@dataclass(frozen=True, slots=True)
class Seat:
    """What giving up a seat means: whether it is one of few, whether others follow (a waiting list, days that the course sets), how long it is kept."""

    counted: bool
    followed: bool
    starts_at: datetime
    hold_minutes: int
    lock_minutes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What an answer meets: whose it is, the status, what was answered before, until when a place is offered, what orders replies, the seat."""

    who: Holder
    status: EnrolmentStatus
    was: str
    offer_until: datetime | None
    held: Held
    seat: Seat


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer that may be written as it stands: `new` is the status where it changes, `kept` until when a seat given up stays theirs."""

    standing: Standing
    answer: Answer
    dtstamp: int
    new: EnrolmentStatus | None
    kept: datetime | None = None

    @property
    def in_line(self) -> bool:
        """Whether it frees a seat that somebody who answered before may want: then whatever came before it is judged first."""
        return self.new is S.DECLINED and self.kept is None and self.standing.seat.counted

    @property
    def decision(self) -> Decision:
        """In the words of `answering`."""
        who, before, word = self.standing.who, self.standing.status, WORDS[self.answer]
        mine = (who.enrolment_id, who.learner_id)
        if self.new is None:
            return Decision(UNCHANGED, "no_change", f"{word} is noted; the status stays {before}.", *mine)
        return Decision(APPLIED, "status_changed", f"{word}: {before} became {self.new}.", *mine)


@dataclass(slots=True)
class Settled:
    """A message with its answer, and the verdict on it."""

    message_id: int
    kind: str
    sender: str
    subject: str
    received_at: datetime
    comment: str
    plain: Plain
    verdict: Verdict
    work: Work


def standings(db: Session, uids: Collection[str], now: datetime) -> dict[str, Standing]:
    """UID -> how it stands, for entries whose answers can be plain; their sessions are held for the transaction."""
    L = LiveSession
    sessions = select(L.id).where(L.id.in_(select(E_.live_session_id).where(E_.uid.in_(uids)))).order_by(L.id)
    db.execute(sessions.with_for_update()).all()
    waited_for = exists().where(Enrolment.live_session_id == L.id, Enrolment.status == S.WAITING_LIST)
    days = exists().where(Milestone.course_id == L.course_id, Milestone.cancelled_at.is_(None))
    query = (
        select(
            E_.uid, E_.organisation_id, E_.id, E_.enrolment_id, E_.learner_id, E_.live_session_id, E_.sequence, E_.dtstamp, E_.asked_sequence,
            E_.asked_dtstamp, E_.partstat, E_.reply_sequence, E_.reply_dtstamp, Learner.name, Learner.email_key, Enrolment.status,
            Enrolment.partstat.label("was"), Enrolment.offer_until, Revision.starts_at, L.starts_at.label("begins"), L.hold_minutes, L.lock_minutes,
            Seats.capacity, or_(waited_for.correlate(L), days.correlate(L)).label("followed"),
        )
        .join(Learner, Learner.id == E_.learner_id)
        .join(Enrolment, and_(Enrolment.id == E_.enrolment_id, Enrolment.entry_id == E_.id))
        .join(L, L.id == E_.live_session_id)
        .join(Seats, Seats.live_session_id == L.id)
        .join(Revision, Revision.id == E_.revision_id)
        .where(
            E_.uid.in_(uids), E_.ended_at.is_(None), E_.mailed, E_.feed_state == SHOWN, E_.asked_sequence == E_.sequence, Enrolment.hold_until.is_(None),
            L.status == "scheduled", L.ends_at > now, L.settle_at.is_(None), L.draft.is_(False), L.series_id.is_(None), L.entry_mode.is_(None), L.own_entry,
        )
    )  # fmt: skip
    rows = db.execute(query).all()
    known = _addresses(db, [row.learner_id for row in rows])
    stamps = told_stamps(db, [row.id for row in rows])
    return {row.uid: _standing(row, known.get(row.learner_id, {}), stamps.get(row.id, frozenset())) for row in rows}


def told_stamps(db: Session, entry_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """Every DTSTAMP that a message about these entries went out with."""
    found: dict[int, set[int]] = {}
    query = select(Delivery.entry_id, Delivery.dtstamp).where(Delivery.entry_id.in_(entry_ids), Delivery.sequence.is_not(None))
    for entry_id, dtstamp in db.execute(query) if entry_ids else ():
        found.setdefault(entry_id, set()).add(dtstamp)
    return {entry_id: frozenset(stamps) for entry_id, stamps in found.items()}


def plainly(standing: Standing, reply: Reply, now: datetime) -> Plain | None:
    """The answer where it is plain; None where `answering` has to look at it."""
    # Which older version a start was told with is not known here.
    tells = reply.sequence is not None or reply.dtstart in standing.held.starts.values()
    if not tells or reply.partstat not in _ANSWERS:
        return None
    judged = ordering.judge(standing.held, reply)
    if judged.verdict is not ordering.Verdict.CURRENT or judged.sequence != standing.held.sequence:
        return None
    answer = _ANSWERS[reply.partstat]
    new = TABLE[standing.status].after(answer)
    if new in (None, standing.status):
        return Plain(standing, answer, judged.dtstamp, None)
    if (standing.status, new) == (S.INVITED, S.REGISTERED):
        return Plain(standing, answer, judged.dtstamp, new)
    seat = standing.seat
    if new is not S.DECLINED or not TABLE[standing.status].seat or seat.followed:
        return None
    return Plain(standing, answer, judged.dtstamp, new, kept_until(now, seat.starts_at, seat.hold_minutes, seat.lock_minutes))


def write_all(db: Session, settled: Sequence[Settled]) -> None:
    """Let them take effect and put their verdicts on record, in the transaction of `db`."""
    changed = [one for one in settled if one.plain.new is not None]
    _many(db, _ENTRIES, [_of_entry(one) for one in settled])
    _many(db, _ANSWERED, [_of_enrolment(one) for one in settled if one.plain.new is None])
    _many(db, _CHANGED, [_of_enrolment(one) | {"to": one.plain.new, "kept": one.plain.kept} for one in changed])
    # By the session, not past it: what is written to the history is seen there by those who tell of it (`noting`).
    history = [row for one in settled for row in _history(one)]
    if history:
        db.execute(insert(HistoryEntry.__table__), history)
    _many(db, _MESSAGES, [_of_message(one) for one in settled])
    _many(db, insert(VerdictRow.__table__), [_of_verdict(one) for one in settled])
    coming = [one for one in changed if one.plain.new is not S.DECLINED]
    if coming:
        bump_feeds(coming[0].work, E_.id.in_([one.plain.standing.who.entry_id for one in coming]))
    declined: dict[int, list[Settled]] = {}
    for one in changed:
        if one.plain.new is S.DECLINED:
            declined.setdefault(one.plain.standing.who.live_session_id, []).append(one)
    for session_id, those in sorted(declined.items()):
        _give_up(session_id, those)


def _give_up(session_id: int, those: Sequence[Settled]) -> None:
    """Those who said No to one session: their seats, their feeds, and the notice that a seat was given up."""
    work = those[0].work
    session = work.db.get_one(LiveSession, session_id)
    kept = {one.plain.standing.who.enrolment_id: one.plain.kept for one in those}
    if freed := sum(until is None for until in kept.values()):
        seating.give_back(work, session, freed)
    touched(work.db, session_id)
    notifying.freeze(work, session)
    notifying.show(work, session, E_.enrolment_id.in_(kept))
    telling.released(work, session, kept)


def _standing(row: Any, known: Mapping[str, frozenset[str]], stamps: frozenset[int]) -> Standing:
    who = Holder(
        row.organisation_id, row.id, row.enrolment_id, row.learner_id, row.live_session_id, row.name, row.email_key,
        known.get(ALIAS, frozenset()), known.get(DELEGATE, frozenset()),
    )  # fmt: skip
    last = LastReply(row.reply_sequence or 0, row.reply_dtstamp, row.partstat) if row.reply_dtstamp is not None else None
    held = Held(
        row.sequence, row.dtstamp, row.asked_sequence, row.asked_dtstamp, {row.sequence: int(row.starts_at.timestamp())}, last, stamps
    )
    seat = Seat(row.capacity is not None, bool(row.followed), row.begins, row.hold_minutes, row.lock_minutes)
    return Standing(who, S(row.status), row.was, row.offer_until, held, seat)


def _addresses(db: Session, learner_ids: list[int]) -> dict[int, dict[str, frozenset[str]]]:
    found: dict[int, dict[str, frozenset[str]]] = {}
    query = select(LearnerAlias.learner_id, LearnerAlias.kind, LearnerAlias.address_key).where(LearnerAlias.learner_id.in_(learner_ids))
    for learner_id, kind, key in db.execute(query) if learner_ids else ():
        kinds = found.setdefault(learner_id, {})
        kinds[kind] = kinds.get(kind, frozenset()) | {key}
    return found


_ANSWERS = {answer.value: answer for answer in Answer}
_E, _N, _M = E_.__table__, Enrolment.__table__, InboundMessage.__table__
_ENTRIES = (
    update(_E)
    .where(_E.c.id == bindparam("key"))
    .values(reply_sequence=bindparam("at"), reply_dtstamp=bindparam("stamp"), partstat=bindparam("said"), reconfirm=False)
)
_ANSWERED = (
    update(_N)
    .where(_N.c.id == bindparam("key"))
    .values(partstat=bindparam("said"), responded_at=bindparam("at"), comment=bindparam("words"), updated_at=bindparam("now"))
)
_CHANGED = _ANSWERED.values(
    status=bindparam("to"), version=_N.c.version + 1, hold_until=bindparam("kept"), offer_until=null(), queued_at=null(), note=null()
)
_JUDGED = ("kind", "sender", "subject", "outcome", "reason_code", "reason", "enrolment_id", "learner_id", "judged_at", "evidence")
_MESSAGES = update(_M).where(_M.c.id == bindparam("key")).values({name: bindparam(f"new_{name}") for name in _JUDGED})


def _many(db: Session, statement: Any, rows: list[dict]) -> None:
    if rows:
        db.connection().execute(statement, rows)


def _of_entry(one: Settled) -> dict:
    plain = one.plain
    return {"key": plain.standing.who.entry_id, "at": plain.standing.held.sequence, "stamp": plain.dtstamp, "said": plain.answer.value}


def _of_enrolment(one: Settled) -> dict:
    at = min(one.work.now, one.received_at.replace(microsecond=0))
    key = one.plain.standing.who.enrolment_id
    return {"key": key, "said": one.plain.answer.value, "at": at, "words": one.comment or None, "now": one.work.now}


def _history(one: Settled) -> list[dict]:
    standing, answer = one.plain.standing, one.plain.answer
    until = standing.offer_until
    common = {
        "organisation_id": one.work.organisation_id, "at": one.work.now, "actor": one.work.actor, "live_session_id": standing.who.live_session_id,
        "enrolment_id": standing.who.enrolment_id, "learner_id": standing.who.learner_id, "inbound_id": one.message_id,
    }  # fmt: skip
    said = {"answer": answer.value, "status": standing.status, "was": standing.was, "offer_until": until and until.isoformat()}
    rows = [{**common, "verb": "answered", "detail": said}]
    if one.plain.new is not None:
        rows.append({**common, "verb": "answered " + WORDS[answer], "detail": {"from": standing.status, "to": one.plain.new}})
    return rows


def _of_message(one: Settled) -> dict:
    verdict = one.verdict
    return {
        "key": one.message_id, "new_kind": one.kind, "new_sender": one.sender, "new_subject": one.subject, "new_outcome": verdict.outcome,
        "new_reason_code": verdict.code, "new_reason": verdict.reason, "new_enrolment_id": verdict.enrolment_id, "new_learner_id": verdict.learner_id,
        "new_judged_at": one.work.now, "new_evidence": verdict.evidence,
    }  # fmt: skip


def _of_verdict(one: Settled) -> dict:
    verdict = one.verdict
    evidence = {name: value for name, value in verdict.evidence.items() if name != "incoming"}
    return {
        "inbound_id": one.message_id, "judged_at": one.work.now, "by": FIRST, "outcome": verdict.outcome, "reason_code": verdict.code,
        "reason": verdict.reason, "evidence": evidence,
    }  # fmt: skip
