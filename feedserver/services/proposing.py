"""Proposals: another time (COUNTER), another person (DELEGATED), somebody who was not invited. Each waits for a decision.

None of them changes a status by itself, whatever PARTSTAT it carries. Letting somebody else come is in `substituting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, func, select

from ..addresses import canonical
from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..store.proposals import Proposal
from ..store.sessions import LiveSession
from ..training.statuses import EnrolmentStatus
from . import enrolling, notifying, receiving, telling
from .finding import find, locked_session
from .receiving import Verdict
from .rendering import Kind
from .work import Work

if TYPE_CHECKING:
    from ..itip.counter import ProposedTime  # the reading of calendars is loaded only where it is done

COUNTER, DELEGATION, GUEST = "counter", "delegation", "guest"
OPEN, ACCEPTED, REFUSED, SUBSTITUTED = "open", "accepted", "refused", "substituted"
HOLD, REFUSE = "hold", "refuse"
POLICIES = (HOLD, REFUSE)
P_ = Proposal


@dataclass(frozen=True)
class Said:
    """What came with a proposal: in which message, about which SEQUENCE, with which PARTSTAT and words; `automatic`: it is never answered to its sender."""

    inbound_id: int
    sequence: int | None = None
    partstat: str = ""
    comment: str = ""
    automatic: bool = False


def propose_time(work: Work, session: LiveSession, entry: CalendarEntry, said: Said, time: ProposedTime | None) -> bool:
    """Keep a COUNTER of the entry's learner, who is told the other dates of the course, once for each SEQUENCE. False: it was there before."""
    start, end = (time.start, time.end) if time else (None, None)
    mine = (P_.entry_id == entry.id, P_.kind == COUNTER)
    same = (P_.starts_at.is_not_distinct_from(start), P_.ends_at.is_not_distinct_from(end), P_.sequence.is_not_distinct_from(said.sequence))
    forget(work, said.inbound_id)
    if work.db.scalar(select(P_.id).where(*mine, *same, P_.state.in_((OPEN, REFUSED))).limit(1)) is not None:
        return False
    _replace(work, *mine)
    _add(work, session, entry, said, kind=COUNTER, starts_at=start, ends_at=end)
    _tell_other_dates(work, session, entry)
    return True


def propose_guest(work: Work, session: LiveSession, entry: CalendarEntry, said: Said, kind: str, email: str, name: str) -> Proposal:
    """Keep that somebody else wants to come. Where the session takes no guests, it is refused at once."""
    forget(work, said.inbound_id)
    about = (P_.enrolment_id == entry.enrolment_id, P_.kind.in_((DELEGATION, GUEST)), P_.state == OPEN)
    same = work.db.scalars(select(P_).where(*about, P_.guest_email == email).limit(1)).first()
    if same is not None:
        # Who delegates and who is delegated to each send a mail of their own: one proposal.
        kind = DELEGATION if DELEGATION in (kind, same.kind) else kind
        said = Said(said.inbound_id, said.sequence, said.partstat or same.partstat, said.comment or same.comment, said.automatic)
        name = name or same.guest_name
    gone = P_.guest_email == email if kind == GUEST else (P_.guest_email == email) | (P_.kind == DELEGATION)
    _replace(work, *about, gone)
    proposal = _add(work, session, entry, said, kind=kind, guest_email=email, guest_name=name)
    if session.guests == REFUSE:
        _decided(work, proposal, REFUSED, by="policy")
        _tell_refused(work, session, entry, proposal, said.automatic, once=True)
    return proposal


def let_go(work: Work, inbound_id: int) -> None:
    """The message that proposed it was decided on otherwise: nothing of it waits any more."""
    for proposal in work.db.scalars(select(P_).where(P_.inbound_id == inbound_id, P_.state == OPEN)).all():
        _decided(work, proposal, REFUSED)


def waiting(work: Work, *which: ColumnElement[bool], limit: int = 50) -> tuple[int, Sequence[Any]]:
    """(how many wait for a decision, rows of `Proposal`, `LiveSession`, `Learner`), of what the reader may see; the oldest first."""
    query = (
        select(P_, LiveSession, Learner, func.count().over().label("number"))
        .join(LiveSession, LiveSession.id == P_.live_session_id)
        .join(Enrolment, Enrolment.id == P_.enrolment_id)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(P_.organisation_id == work.organisation_id, P_.state == OPEN, *which)
        .order_by(P_.id)
        .limit(limit)
    )
    rows = work.db.execute(query).all()
    return (rows[0].number if rows else 0), rows


def times(session: LiveSession, proposal: Proposal) -> dict[str, Any]:
    """The proposed time as fields of the session: wall-clock times in its zone. Raises `Conflict` where the proposal says no time that is certain."""
    if proposal.starts_at is None:
        raise Conflict("The proposal says no time that is certain; look at the message, and edit the session by hand.")
    zone = ZoneInfo(session.timezone)
    start = proposal.starts_at.astimezone(zone)
    end = (proposal.ends_at or proposal.starts_at + (session.ends_at - session.starts_at)).astimezone(zone)
    return {"start": start.replace(tzinfo=None, fold=0), "end": end.replace(tzinfo=None, fold=0), "fold": start.fold}


def decline(work: Work, proposal_id: int, note: str = "") -> Proposal:
    """The session stays where it is: DECLINECOUNTER to whoever proposed, then the present state where their calendar may say something else."""
    proposal, session = to_decide(work, proposal_id, COUNTER)
    enrolment, entry = work.db.get_one(Enrolment, proposal.enrolment_id), work.db.get_one(CalendarEntry, proposal.entry_id)
    telling.tell_learner(work, session, enrolment, Kind.COUNTER_DECLINED, note=note, entry=entry)
    older = proposal.sequence is not None and proposal.sequence < entry.sequence
    other = proposal.partstat not in ("", "NEEDS-ACTION", entry.partstat)
    if (older or other) and entry.ended_at is None:
        notifying.tell(work, session, entry, Kind.AGAIN, bump=False)
    return close(
        work, proposal, REFUSED, Verdict("unchanged", "counter_declined", "The proposal was declined; whoever proposed it was told.")
    )


def accept(work: Work, proposal_id: int) -> Proposal:
    """The session was moved because of it."""
    proposal, _session = to_decide(work, proposal_id, COUNTER)
    return close(work, proposal, ACCEPTED, Verdict("applied", "counter_accepted", "The session was moved because of this proposal."))


def refuse(work: Work, proposal_id: int) -> Proposal:
    """Nobody else comes: the place stays with the invited one, and who asked for it is told."""
    proposal, session = to_decide(work, proposal_id, DELEGATION, GUEST)
    entry, message = work.db.get_one(CalendarEntry, proposal.entry_id), work.db.get_one(InboundMessage, proposal.inbound_id)
    told = _tell_refused(work, session, entry, proposal, _is_automatic(message))
    more = " They were told." if told else " Nobody was told: it was no mail that may be answered, or that has been done."
    return close(work, proposal, REFUSED, Verdict("unchanged", "guest_refused", f"Nobody else comes in their place.{more}"))


def to_decide(work: Work, proposal_id: int, *kinds: str) -> tuple[Proposal, LiveSession]:
    """The proposal and its session, held for this transaction. Raises `NotFound`; `Conflict` where there is nothing to decide, or not so."""
    session = locked_session(work, find(work, Proposal, proposal_id).live_session_id)
    proposal = find(work, Proposal, proposal_id, lock=True)
    work.db.refresh(proposal)
    if proposal.state != OPEN:
        raise Conflict(f"This was decided already: {proposal.state}.", extra={"state": proposal.state})
    if proposal.kind not in kinds:
        what = (
            "another time: move the session there, or decline it" if proposal.kind == COUNTER else "another person: substitute, or refuse"
        )
        raise Conflict(f"What is proposed is {what}.", extra={"kind": proposal.kind})
    return proposal, session


def close(work: Work, proposal: Proposal, state: str, verdict: Verdict) -> Proposal:
    """Decided: it waits no more, nor does the message that it came in."""
    _decided(work, proposal, state)
    message = work.db.get_one(InboundMessage, proposal.inbound_id)
    receiving.write(message, None, verdict, work.now, by=work.actor)
    work.record(
        f"proposal {state}", live_session_id=proposal.live_session_id, enrolment_id=proposal.enrolment_id, learner_id=message.learner_id,
        inbound_id=message.id, detail={"kind": proposal.kind},
    )  # fmt: skip
    work.db.flush()
    return proposal


def _add(work: Work, session: LiveSession, entry: CalendarEntry, said: Said, **values: Any) -> Proposal:
    proposal = Proposal(
        organisation_id=work.organisation_id, inbound_id=said.inbound_id, live_session_id=session.id, enrolment_id=entry.enrolment_id, entry_id=entry.id,
        sequence=said.sequence, partstat=said.partstat, comment=said.comment, created_at=work.now, **values,
    )  # fmt: skip
    work.db.add(proposal)
    work.record(
        f"{proposal.kind} proposed",
        live_session_id=session.id,
        enrolment_id=entry.enrolment_id,
        learner_id=entry.learner_id,
        inbound_id=said.inbound_id,
    )
    work.db.flush()
    return proposal


def _decided(work: Work, proposal: Proposal, state: str, by: str = "") -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, by or work.actor, work.now
    work.db.flush()


def forget(work: Work, inbound_id: int) -> None:
    """A message that is judged once more says anew what it says."""
    work.db.execute(delete(P_).where(P_.inbound_id == inbound_id, P_.state == OPEN))


def _replace(work: Work, *which: ColumnElement[bool]) -> None:
    for older in work.db.scalars(select(P_).where(*which, P_.state == OPEN)).all():
        _decided(work, older, REFUSED)
        message = work.db.get_one(InboundMessage, older.inbound_id)
        receiving.write(
            message, None, Verdict("unchanged", "proposal_replaced", "A later message about the same took its place; see there."), work.now
        )


def _tell_other_dates(work: Work, session: LiveSession, entry: CalendarEntry) -> None:
    """Words alone, once for each entry and SEQUENCE, so that two machines never talk to one another for ever."""
    kinds = (Kind.OTHER_DATES.value, Kind.PROPOSAL_NOTED.value)
    before = select(Delivery.id).where(
        Delivery.enrolment_id == entry.enrolment_id,
        Delivery.kind.in_(kinds),
        Delivery.sequence == entry.sequence,
        Delivery.created_at >= entry.created_at,
    )
    if work.db.scalar(before.limit(1)) is not None:
        return
    there = select(Enrolment.live_session_id).where(
        Enrolment.learner_id == entry.learner_id, Enrolment.status.not_in((EnrolmentStatus.CANCELLED, EnrolmentStatus.DECLINED))
    )
    mine = set(work.db.scalars(there))
    others = [other for other in enrolling.other_sessions(work, session) if other.id not in mine]
    kind = Kind.OTHER_DATES if others else Kind.PROPOSAL_NOTED
    telling.tell_learner(work, session, work.db.get_one(Enrolment, entry.enrolment_id), kind, sequence=entry.sequence, others=others)


def _tell_refused(work: Work, session: LiveSession, entry: CalendarEntry, proposal: Proposal, automatic: bool, once: bool = False) -> bool:
    """Who delegated has the entry put right; a guest gets a short mail. `once`: nobody looks on, so at most once for each SEQUENCE."""
    if proposal.kind == GUEST:
        return not automatic and _tell_guest(work, session, proposal)
    if entry.ended_at is not None or (once and entry.righted_sequence == entry.sequence):
        return False
    sent = notifying.tell(work, session, entry, Kind.NOT_PASSED_ON, bump=False, extra={"address": proposal.guest_email})
    entry.righted_sequence = entry.sequence
    return bool(sent)


def _tell_guest(work: Work, session: LiveSession, proposal: Proposal) -> bool:
    """Once for each guest and session. That the mail came from the guest's own address was seen to before the proposal was kept."""
    email = canonical(proposal.guest_email or "")
    if email in receiving.mailboxes(work.db):
        return False
    before = select(Delivery.id).where(
        Delivery.live_session_id == session.id, Delivery.kind == Kind.GUEST_REFUSED.value, func.lower(Delivery.recipient) == email
    )
    if work.db.scalar(before.limit(1)) is not None:
        return False
    return telling.tell_guest(work, session, work.db.get_one(Enrolment, proposal.enrolment_id), email)


def _is_automatic(message: InboundMessage) -> bool:
    """Whether a machine sent it, or nobody can tell any more (RFC 3834)."""
    incoming = (message.evidence or {}).get("incoming")
    return incoming is None or automatic(message, incoming["auto_submitted"], incoming["null_sender"])


def automatic(message: InboundMessage, auto_submitted: str, null_sender: bool) -> bool:
    """Whether answering this message to its sender could begin a loop: it says that a machine sent it, or came with the null sender."""
    wire = message.via in ("smtp", "lmtp") and not message.envelope_from
    return wire or null_sender or auto_submitted not in ("", "no")
