"""Was that you? A reply whose UID is good but whose sender does not fit: the enrolled address is asked once, and what it says holds.

Never asked is the sender itself, and nobody is asked more than three times a day (security: whoever was forwarded an invitation could make us write).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import tokens
from ..addresses import canonical
from ..errors import Conflict
from ..imip.catalogues import language
from ..imip.kinds import UNCLEAR_SENDER
from ..store import keys
from ..store.enrolments import Enrolment
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.verdicts import SenderQuestion
from ..training.statuses import Answer
from . import answering, knowing, rejudging, telling
from .answering import QUARANTINED, WORDS, Holder
from .finding import find, locked_session
from .receiving import Verdict, write
from .rendering import Kind
from .work import Work

MOST_A_DAY = 3
YES, NO = "yes", "no"
MESSAGE = "message"
DENIED = "sender_denied"
Q_ = SenderQuestion


def ask(work: Work, who: Holder, message: InboundMessage, partstat: str, *, kind: str, sender: str, attendee: str = "") -> str:
    """Ask the enrolled address, unless it was asked before, or often enough; returns what an administrator is told of it, "" for nothing.

    `kind` is what a Yes would make known (`SenderQuestion`), `sender` and `attendee` are the strange addresses, canonical.
    """
    learner = find(work, Learner, who.learner_id, lock=True)
    before = work.db.scalars(_before(who, kind, sender).order_by(Q_.id.desc()).limit(1)).first()
    if before is not None:
        return _said(before, learner)
    today = select(func.count()).where(Q_.learner_id == learner.id, Q_.asked_at > work.now - timedelta(days=1))
    if learner.left_at is not None or learner.address_problem or work.db.scalar(today) >= MOST_A_DAY:
        return ""
    session = locked_session(work, who.live_session_id)
    if session.ends_at <= work.now or session.status != "scheduled":
        return ""
    question = SenderQuestion(
        organisation_id=work.organisation_id, learner_id=learner.id, enrolment_id=who.enrolment_id, inbound_id=message.id, kind=kind,
        sender_key=sender, attendee_key=attendee, public_id=tokens.new_id(), partstat=partstat, asked_at=work.now,
    )  # fmt: skip
    work.db.add(question)
    say = language(learner.locale)
    extra = {"address": sender or say(UNCLEAR_SENDER), "answer": _word(partstat, say), "question": question.public_id}
    telling.tell_learner(work, session, work.db.get_one(Enrolment, who.enrolment_id), Kind.CONFIRM_SENDER, extra=extra)
    work.record(
        "asked about a sender", live_session_id=session.id, enrolment_id=who.enrolment_id, learner_id=learner.id, inbound_id=message.id
    )
    return f" {learner.name} is asked whether it was them."


def question_of(db: Session, token: str) -> SenderQuestion | None:
    """The question that a link in our mail opens; None for a token that is not ours."""
    public_id = tokens.read(tokens.CONFIRM, token, keys.usable(db).values())
    return db.scalars(select(Q_).where(Q_.public_id == public_id)).first() if public_id else None


def is_open(question: SenderQuestion, message: InboundMessage) -> bool:
    """Whether an answer still does something."""
    return question.answered_at is None and message.outcome in (QUARANTINED, "pending")


def answer(work: Work, question_id: int, mine: bool) -> InboundMessage:
    """The person says whether it was them. Yes makes the sender known for good and lets what waits of it count; No keeps it without effect."""
    question = find(work, SenderQuestion, question_id, lock=True)
    message = find(work, InboundMessage, question.inbound_id, lock=True)
    work.db.refresh(question)
    work.db.refresh(message)
    if not is_open(question, message):
        raise Conflict("This has been settled already.")
    question.answered_at, question.answer = work.now, YES if mine else NO
    learner = work.db.get_one(Learner, question.learner_id)
    work.record(
        f"sender {'confirmed' if mine else 'denied'}", enrolment_id=question.enrolment_id, learner_id=learner.id, inbound_id=message.id
    )
    return _theirs(work, question, message, learner) if mine else _not_theirs(work, question, message, learner)


def strange_of(message: InboundMessage) -> dict | None:
    """Who a held reply is strange by, as judging noted it: kind (alias or delegate), sender, attendee; None where nobody can be made known."""
    decisions = (message.evidence or {}).get("decisions")
    noted = [one.get("strange") for one in decisions if isinstance(one, dict)] if isinstance(decisions, list) else []
    return next((one for one in noted if isinstance(one, dict) and one.get("kind") in knowing.KINDS and one.get("sender")), None)


def know_sender(work: Work, inbound_id: int, address: str) -> str:
    """An administrator says that the strange address of a held reply is the learner's, or may answer for them; what waits of it is judged again."""
    message = find(work, InboundMessage, inbound_id, lock=True)
    work.db.refresh(message)
    strange = strange_of(message)
    if message.outcome != QUARANTINED or message.learner_id is None or strange is None or strange["sender"] != address:
        raise Conflict("This has been settled already, or was judged anew meanwhile. Look at it again.")
    learner = find(work, Learner, message.learner_id, lock=True)
    known = [one for one in (strange["sender"], strange.get("attendee")) if one]
    for one in known:
        knowing.know(work, learner, one, strange["kind"])
    rejudging.of_sender(work, learner.id, [*known, canonical(message.sender)])
    who = f"{address} may answer on behalf of {learner.name}" if strange["kind"] == knowing.DELEGATE else f"{address} is {learner.name}"
    return f"From now on {who}. What waited of it is judged again."


def _theirs(work: Work, question: SenderQuestion, message: InboundMessage, learner: Learner) -> InboundMessage:
    known = [one for one in (question.sender_key, question.attendee_key) if one] if question.kind != MESSAGE else []
    for address in known:
        knowing.know(work, learner, address, question.kind)
    work.db.flush()
    # It is vouched for by the one person whose answer it is, whatever its proof lacks; the rest of that sender is judged by what is known now.
    if message.outcome == QUARANTINED:
        answering.apply_by_hand(work, message.id, f"{learner.name} says that it was them.")
    if known:
        rejudging.of_sender(work, learner.id, [*known, canonical(message.sender)])
    return message


def _not_theirs(work: Work, question: SenderQuestion, message: InboundMessage, learner: Learner) -> InboundMessage:
    if message.outcome == QUARANTINED:
        reason = (
            f"{learner.name} says that it was not them. It came from {question.sender_key or 'an unclear sender'}. Nothing was changed."
        )
        write(message, None, Verdict(QUARANTINED, DENIED, reason), work.now, by=work.actor)
    work.db.flush()
    return message


def _before(who: Holder, kind: str, sender: str):
    """Questions that stand in for this one: of a stranger any, ever; of the own address (its proof lacks) one about the same session."""
    query = select(SenderQuestion).where(Q_.learner_id == who.learner_id, Q_.sender_key == sender)
    if kind == MESSAGE and sender in who.known:
        return query.where(Q_.enrolment_id == who.enrolment_id, (Q_.answer.is_(None)) | (Q_.answer == NO))
    return query


def _said(question: SenderQuestion, learner: Learner) -> str:
    if question.answer is None:
        return f" {learner.name} has been asked whether it was them."
    return f" {learner.name} said before that {'it was' if question.answer == YES else 'it was not'} them."


def _word(partstat: str, say) -> str:
    return say(WORDS[Answer(partstat)]) if partstat in set(Answer) else partstat
