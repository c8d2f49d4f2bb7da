"""Letting somebody come in another's place: CANCEL to the one, an entry of their own to the other, and the seat between them (RFC 5546 3.2.2.3)."""

from __future__ import annotations

from sqlalchemy import select

from ..addresses import canonical
from ..errors import Conflict
from ..ical.lines import clean_line
from ..store.enrolments import Enrolment
from ..store.learners import ALIAS, Learner, LearnerAlias
from ..store.proposals import Proposal
from ..store.sessions import LiveSession, Seats
from ..training.statuses import ATTENDANCE, TABLE, Answer, EnrolmentStatus
from . import enrolling, learning, proposing
from .finding import must_be_here
from .proposing import DELEGATION, GUEST, SUBSTITUTED
from .receiving import Verdict
from .rendering import Kind
from .work import Work

S = EnrolmentStatus


def substitute(work: Work, proposal_id: int) -> Proposal:
    """The guest takes the seat of the invited one, in one step: nobody on the waiting list gets it, and no seat is added.

    Who is not known becomes a learner. Who has said Yes is Registered, else Invited; an offer keeps its time. Raises `Conflict`.
    """
    proposal, session = proposing.to_decide(work, proposal_id, DELEGATION, GUEST)
    invited = work.db.get_one(Enrolment, proposal.enrolment_id, populate_existing=True)
    before, offered = S(invited.status), invited.offer_until
    _must_have_a_seat(work, session, before)
    guest = _guest(work, proposal, invited)
    there = _enrolment(work, session, guest)
    giver = work.db.get_one(Learner, invited.learner_id)
    over = work.db.get_one(Seats, session.id, populate_existing=True).over_capacity > 0
    enrolling.change(
        work, session, invited, S.CANCELLED, "passed on", ending=Kind.SUBSTITUTED, extra={"address": guest.email}, passing_on=False,
        detail={"to_learner": guest.id},
    )  # fmt: skip
    coming = S.REGISTERED if proposal.partstat == Answer.YES.value else S.INVITED
    enrolling.put(
        work, session, guest, there, coming, "substituted", over_capacity=over, first=Kind.INSTEAD, extra={"name": giver.name},
        offered=offered if before is S.INVITED and coming is S.INVITED and offered and offered > work.now else None,
    )  # fmt: skip
    words = "Somebody else comes in their place: they were sent a cancellation, the other an invitation of their own."
    return proposing.close(work, proposal, SUBSTITUTED, Verdict("applied", "substituted", words))


def _must_have_a_seat(work: Work, session: LiveSession, status: S) -> None:
    if session.status == "cancelled" or session.ends_at <= work.now:
        raise Conflict("The session is cancelled." if session.status == "cancelled" else "The session is over.")
    if not TABLE[status].seat or status in ATTENDANCE:
        raise Conflict(f"There is no seat to be passed on: the person invited is {status}. Refuse it, or add the guest by hand.")


def _guest(work: Work, proposal: Proposal, invited: Enrolment) -> Learner:
    key = canonical(proposal.guest_email or "")
    mine = Learner.organisation_id == work.organisation_id
    alias = select(LearnerAlias.learner_id).where(LearnerAlias.address_key == key, LearnerAlias.kind == ALIAS)
    known = work.db.scalars(
        select(Learner).where(mine, (Learner.email_key == key) | Learner.id.in_(alias)).order_by(Learner.email_key != key)
    ).first()
    if known is None:
        name = clean_line(proposal.guest_name)[:200] or key.rpartition("@")[0]
        return learning.create_learner(work, {"email": proposal.guest_email, "name": name})
    must_be_here(known)
    if known.id == invited.learner_id:
        raise Conflict("This address is known by now as one of the person invited: judge the message again, or discard it.")
    return known


def _enrolment(work: Work, session: LiveSession, guest: Learner) -> Enrolment | None:
    found = work.db.scalars(select(Enrolment).where(Enrolment.live_session_id == session.id, Enrolment.learner_id == guest.id)).first()
    if found is not None and TABLE[S(found.status)].seat:
        raise Conflict(f"{guest.name} has a seat in this session already ({found.status}). Refuse it, or take the other one off.")
    return found
