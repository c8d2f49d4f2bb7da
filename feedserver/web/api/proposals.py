"""Proposals: another time, another person, or somebody who was not invited; each waits for a decision."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select

from ...services import proposing, scheduling, substituting
from ...services.finding import find
from ...services.work import Work
from ...store.proposals import Proposal
from . import paging
from .fields import Out, QueryId, RowId
from .paging import Page
from .routing import Call, route
from .session_shapes import Reason

State = Literal["open", "accepted", "refused", "substituted"]


class ProposalOut(Out):
    """One proposal. `starts_at` and `ends_at` are those of another time (`counter`); `guest_email` is who wants to come (`delegation`, `guest`).

    `partstat` came with it and was not applied; `decided_by` is `policy` where the session takes no guests.
    """

    id: RowId
    session_id: RowId
    enrolment_id: RowId
    inbound_id: RowId
    kind: Literal["counter", "delegation", "guest"]
    state: State
    starts_at: datetime | None
    ends_at: datetime | None
    comment: str
    guest_email: str | None
    guest_name: str
    partstat: str
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime


class ProposalQuery(paging.Query):
    """Which proposals."""

    state: State | None = None
    session_id: QueryId | None = None


def show(proposal: Proposal) -> ProposalOut:
    """A row as it is answered."""
    plain = {name: getattr(proposal, name) for name in ProposalOut.model_fields if name != "session_id"}
    return ProposalOut(session_id=proposal.live_session_id, **plain)


@route("GET", "/proposals", query=ProposalQuery, answer=Page[ProposalOut])
def list_proposals(work: Work, call: Call) -> Page[ProposalOut]:
    """List proposals, newest first; those that wait for a decision are `open`."""
    query = select(Proposal).where(Proposal.organisation_id == work.organisation_id)
    query = paging.narrowed(query, call.query, state=Proposal.state, session_id=Proposal.live_session_id)
    rows, following = paging.by_id(work.db, query, Proposal.id, call.query, newest_first=True)
    return Page[ProposalOut](items=[show(row) for row in rows], next=following)


@route("GET", "/proposals/<id:proposal_id>", answer=ProposalOut, problems=(404,))
def get_proposal(work: Work, call: Call) -> ProposalOut:
    """One proposal."""
    return show(find(work, Proposal, call.path["proposal_id"]))


@route("POST", "/proposals/<id:proposal_id>/accept", answer=ProposalOut, problems=(404, 409))
def accept_proposal(work: Work, call: Call) -> ProposalOut:
    """Move the session to the time that is proposed; everybody in it is told, as of any other edit."""
    proposal, session = proposing.to_decide(work, call.path["proposal_id"], proposing.COUNTER)
    scheduling.edit_session(work, session.id, proposing.times(session, proposal))
    return show(proposing.accept(work, proposal.id))


@route("POST", "/proposals/<id:proposal_id>/decline", body=Reason, body_required=False, answer=ProposalOut, problems=(404, 409))
def decline_proposal(work: Work, call: Call) -> ProposalOut:
    """The session stays where it is: whoever proposed another time is told, with the `reason` if there is one."""
    return show(proposing.decline(work, call.path["proposal_id"], call.body.reason or ""))


@route("POST", "/proposals/<id:proposal_id>/substitute", answer=ProposalOut, problems=(404, 409))
def substitute_guest(work: Work, call: Call) -> ProposalOut:
    """Let the guest come instead, on the seat of the invited one; who is not known becomes a learner."""
    return show(substituting.substitute(work, call.path["proposal_id"]))


@route("POST", "/proposals/<id:proposal_id>/refuse", answer=ProposalOut, problems=(404, 409))
def refuse_guest(work: Work, call: Call) -> ProposalOut:
    """Nobody else comes: the place stays with the invited one."""
    return show(proposing.refuse(work, call.path["proposal_id"]))
