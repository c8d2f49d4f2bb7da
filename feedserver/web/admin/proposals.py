"""What people propose instead of answering, and the buttons that decide it; on the pages of the session and of the message, and on Today."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from ...services import proposing, substituting
from ...services.finding import find
from ...services.work import Work
from ...store.proposals import Proposal
from .desk import act, admin, look, typed


@admin.post("/proposals/<id:proposal_id>")
def decide_proposal(proposal_id: int) -> Response:
    """What one of the buttons beside a proposal says. To move the session, its edit form is saved with the proposal's number in it."""
    verb = _VERBS.get(request.form.get("do", ""), _nothing)
    proposal = look(lambda work: find(work, Proposal, proposal_id))
    if request.form.get("to") == "inbound":
        return act(lambda work: verb(work, proposal_id), "inbound", inbound_id=proposal.inbound_id)
    return act(lambda work: verb(work, proposal_id), "session", session_id=proposal.live_session_id)


def asked(session_id: int) -> Proposal | None:
    """The open proposal of another time that the edit form of this session was opened from (`?proposal=`)."""
    text = request.values.get("proposal", "")
    if not (text.isdecimal() and len(text) < 19):
        return None
    mine = (Proposal.id == int(text), Proposal.live_session_id == session_id, Proposal.kind == proposing.COUNTER)
    rows = look(lambda work: proposing.waiting(work, *mine, limit=1)[1])
    return rows[0].Proposal if rows else None


def _decline(work: Work, proposal_id: int) -> str:
    proposing.decline(work, proposal_id, typed("reason"))
    return "Declined: the session stays where it is, and whoever proposed it is told."


def _substitute(work: Work, proposal_id: int) -> str:
    proposal = substituting.substitute(work, proposal_id)
    return f"{proposal.guest_name or proposal.guest_email} comes instead: one is sent a cancellation, the other an invitation of their own."


def _refuse(work: Work, proposal_id: int) -> str:
    proposing.refuse(work, proposal_id)
    return "Refused: the place stays with the person invited."


def _nothing(_work: Work, _proposal_id: int) -> str:
    return ""


_VERBS: dict[str, Callable[[Work, int], str]] = {"decline": _decline, "substitute": _substitute, "refuse": _refuse}
