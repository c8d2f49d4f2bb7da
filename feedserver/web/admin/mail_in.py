"""Mail in: every message that came, what became of it and why; quarantine is applied or discarded here."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import case, func, select
from sqlalchemy.orm import defer

from ...errors import FeedserverError
from ...services import answering, asking, messages, proposing, rejudging
from ...services.finding import find
from ...services.work import Work
from ...store.circles import LOOPBACK
from ...store.enrolments import Enrolment
from ...store.inbox import OUTCOMES, InboundMessage
from ...store.learners import Learner
from ...store.proposals import Proposal
from ...store.sessions import LiveSession
from ...store.verdicts import SenderQuestion, VerdictRow
from .. import pages
from .desk import act, admin, look, may, run, search_text, typed
from .evidence import source, tables

_FEW = 50


@admin.get("/mail/in")
def mail_in() -> Response:
    """All messages, newest first."""
    outcome = request.args.get("outcome", "")
    outcome = outcome if outcome in OUTCOMES else ""
    text = search_text()
    found = look(lambda work: pages.paged(lambda n, o: _list(work, outcome, text, n, o)))
    return pages.page("admin/mail_in.html", outcome=outcome, outcomes=OUTCOMES, q=text, messages=found)


@admin.get("/mail/in/<id:inbound_id>")
def inbound(inbound_id: int) -> Response:
    """One message: its words as text alone, never its HTML."""
    return pages.page("admin/inbound.html", **look(lambda work: _one(work, inbound_id)))


@admin.get("/mail/in/<id:inbound_id>/source")
def inbound_source(inbound_id: int) -> Response:
    """The octets as they came, as a file."""
    raw = look(lambda work: find(work, InboundMessage, inbound_id).raw)
    return pages.download(raw, f"inbound-{inbound_id}.eml")


@admin.post("/mail/in/<id:inbound_id>/apply")
def apply_inbound(inbound_id: int) -> Response:
    """Somebody has looked at it: it counts."""

    def verb(work: Work) -> str:
        message = answering.apply_by_hand(work, inbound_id)
        return message.reason

    return _decide(verb, inbound_id)


@admin.post("/mail/in/<id:inbound_id>/discard")
def discard_inbound(inbound_id: int) -> Response:
    """Somebody has looked at it: it does not count."""

    def verb(work: Work) -> str:
        messages.discard(work, inbound_id)
        return "Discarded: it changes nothing, and is kept for the record."

    return _decide(verb, inbound_id)


@admin.post("/mail/in/<id:inbound_id>/judge")
def judge_inbound(inbound_id: int) -> Response:
    """Give it back to the worker, after a fix or once an address is known."""

    def verb(work: Work) -> str:
        rejudging.judge_again(work, inbound_id)
        return "It is judged again. Look at it in a moment."

    return act(verb, "inbound", inbound_id=inbound_id)


@admin.post("/mail/in/judge")
def judge_held() -> Response:
    """All that is held, but what was read as a proposal."""

    def verb(work: Work) -> str:
        count = rejudging.judge_all_again(work)
        return (
            f"{count} {'is' if count == 1 else 'are'} judged again. Look in a moment."
            if count
            else "Nothing that is held can be judged again."
        )

    return act(verb, "mail_in", outcome="quarantined")


@admin.post("/mail/in/<id:inbound_id>/know")
def know_sender(inbound_id: int) -> Response:
    """The strange address is the learner's, or may answer on their behalf: it is known from now on."""
    address = typed("address", 320)
    return _decide(lambda work: asking.know_sender(work, inbound_id, address), inbound_id)


def _decide(verb: Callable[[Work], str], inbound_id: int) -> Response:
    """Do it; from what is held one goes on to the next that is, from anything else back to the message."""
    held = look(lambda work: _around(work, find(work, InboundMessage, inbound_id)))
    going_on = held["number"] and (held["next"] or held["previous"])
    if not going_on:
        return act(verb, "inbound", inbound_id=inbound_id)
    try:
        flash(run(verb), "done")
    except FeedserverError as error:
        if error.status in (403, 404):
            raise
        flash(error.detail, "refused")
        going_on = inbound_id
    return redirect(url_for("admin.inbound", inbound_id=going_on), 303)


def _around(work: Work, one: InboundMessage) -> dict:
    """Where a held message stands among those that are: `number` of `total` counted from the newest, `previous`, `next`; all 0 for another."""
    if one.outcome != "quarantined":
        return {"number": 0, "total": 0, "previous": None, "next": None}
    I_ = InboundMessage
    held = (I_.organisation_id == work.organisation_id, I_.outcome == "quarantined")
    newer, older = func.count(case((I_.id > one.id, 1))), func.count(case((I_.id < one.id, 1)))
    next_, previous = func.max(case((I_.id < one.id, I_.id))), func.min(case((I_.id > one.id, I_.id)))
    found = work.db.execute(select(newer, older, next_, previous).where(*held)).one()
    return {"number": found[0] + 1, "total": found[0] + found[1] + 1, "next": found[2], "previous": found[3]}


def _list(work: Work, outcome: str, text: str, limit: int, offset: int) -> list[InboundMessage]:
    query = select(InboundMessage).where(InboundMessage.organisation_id == work.organisation_id)
    if outcome:
        query = query.where(InboundMessage.outcome == outcome)
    elif not text:
        # One an hour: it stands among the automatic ones.
        query = query.where(InboundMessage.reason_code != LOOPBACK)
    if text:
        query = query.where(
            InboundMessage.sender.icontains(text, autoescape=True)
            | InboundMessage.subject.icontains(text, autoescape=True)
            | InboundMessage.reason.icontains(text, autoescape=True)
        )
    query = query.options(defer(InboundMessage.raw)).order_by(InboundMessage.id.desc())
    return list(work.db.scalars(query.limit(limit).offset(offset)))


def _one(work: Work, inbound_id: int) -> dict:
    one = find(work, InboundMessage, inbound_id)
    enrolment = work.db.get(Enrolment, one.enrolment_id) if one.enrolment_id else None
    # What the worker's children read of it: pages never take strangers' mail apart.
    evidence = dict(one.evidence or {})
    incoming = evidence.pop("incoming", None) or {}
    trace = (
        select(VerdictRow)
        .where(VerdictRow.inbound_id == one.id)
        .options(defer(VerdictRow.evidence))
        .order_by(VerdictRow.id.desc())
        .limit(_FEW)
    )
    asked = select(SenderQuestion).where(SenderQuestion.inbound_id == one.id).order_by(SenderQuestion.id)
    return {
        "message": one,
        "held": _around(work, one),
        "learner": work.db.get(Learner, one.learner_id) if one.learner_id else None,
        "session": work.db.get(LiveSession, enrolment.live_session_id) if enrolment else None,
        "text": incoming.get("text", ""),
        "answers": [
            (a.get("name") or a.get("address"), a.get("partstat")) for o in incoming.get("objects", ()) for a in o.get("attendees", ())
        ],
        "evidence": tables(evidence),
        "proposals": proposing.waiting(work, Proposal.inbound_id == one.id)[1],
        "trace": list(work.db.scalars(trace)),
        "asked": list(work.db.scalars(asked)),
        "strange": asking.strange_of(one) if one.outcome == "quarantined" and one.learner_id else None,
        "again": one.outcome in rejudging.OUTCOMES and bool(one.raw),
        "source": source(one.raw) if may("inbound_source") else "",
    }
