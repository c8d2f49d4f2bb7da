"""One ordinary function: a message and its envelope in, a verdict out (design: mail).

Only a REPLY whose UID, ATTENDEE and From fit changes anything; every other message ends in a visible outcome with a reason in plain words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import select

from feedserver import tokens
from feedserver.addresses import canonical
from feedserver.imip.incoming import Incoming
from feedserver.itip.parse import ItipObject
from feedserver.itip.reply import AttendeeProblem, attendee_of
from feedserver.services import answering, bouncing, notifying
from feedserver.services.answering import Decision, Holder
from feedserver.services.finding import locked_session
from feedserver.services.receiving import Verdict
from feedserver.services.rendering import Kind
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store import keys
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner

from .dsn import BounceClass, classify_bounce
from .trust import assess

_BOUNCE = re.compile(r"\+b-([0-9]+-[a-z2-7]{26})@", re.I)
_OUTSIDE = {
    "request": "an invitation from outside",
    "cancel": "a cancellation from outside",
    "publish": "a published calendar",
    "add": "an addition from outside",
    "declinecounter": "an answer to a proposal that we never made",
}


def decide(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """Judge one message and let it take effect, in the transaction of `work`."""
    handler = _HANDLERS.get(incoming.kind, _rejected)
    verdict = handler(work, message, incoming, settings)
    return replace(verdict, evidence={"incoming": json.loads(incoming.to_json()), **verdict.evidence})


def _reply(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    judged = [_one_reply(work, message, incoming, one, settings) for one in incoming.objects]
    if not judged:
        return Verdict("rejected", "no_object", "It calls itself a reply but holds no calendar object.")
    return replace(answering.together([decision for decision, _ in judged]), evidence={"decisions": [evidence for _, evidence in judged]})


def _one_reply(work: Work, message: InboundMessage, incoming: Incoming, one: ItipObject, settings: Settings) -> tuple[Decision, dict]:
    who = answering.holder(work.db, one.uid) if one.uid else None
    if who is None or who.organisation_id != work.organisation_id:
        return Decision("rejected", "uid_unknown", "No entry of ours has this UID: it answers something that we did not send."), {
            "uid": "unknown"
        }
    mine = (who.enrolment_id, who.learner_id)
    # Whose answer it is of several, an administrator may say; no program in our corpus answers for more than one.
    attendee = AttendeeProblem.MULTIPLE if len(one.attendees) > 1 else attendee_of(one, who.known)
    if isinstance(attendee, AttendeeProblem):
        return Decision("quarantined", attendee.value, _ATTENDEE[attendee], *mine), {"uid": "known", "attendee": attendee.value}
    trust = assess(
        incoming, one, attendee, enrolled=who.email_key, aliases=who.aliases, trusted_senders=settings.trusted_reply_senders,
        authserv_id=settings.trusted_authserv_id, organizer=work.organisation.mailbox_address, envelope_from=message.envelope_from,
    )  # fmt: skip
    evidence = {"uid": "known", "trust": trust.reason_code, **trust.evidence}
    if not trust.speaks:
        return Decision("quarantined", trust.reason_code, f"{trust.reason} Nothing was changed.", *mine), evidence
    decision = answering.let_it_count(work, message, one, attendee.partstat, who)
    return decision, evidence | {"decision": decision.code}


_ATTENDEE = {
    AttendeeProblem.MISSING: "The reply names nobody who answers.",
    AttendeeProblem.MULTIPLE: "The reply names several people; it cannot be told who answers.",
    AttendeeProblem.UNREADABLE: "The address of who answers cannot be read.",
}


def _counter(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    who = _holder_of(work, incoming)
    if who is None:
        return Verdict("rejected", "uid_unknown", "A proposal for another time, but for nothing that we sent.")
    reason = "They propose another time. Their status stays as it is; look at it and decide."
    return Verdict("quarantined", "counter", reason, who.enrolment_id, who.learner_id)


def _refresh(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """REFRESH (RFC 5546 3.2.6): the present state once more, to the enrolled address alone, once per SEQUENCE."""
    who = _holder_of(work, incoming)
    if who is None:
        return Verdict("rejected", "uid_unknown", "It asks for something that we did not send.")
    session = locked_session(work, who.live_session_id)
    entry = work.db.get_one(CalendarEntry, who.entry_id, populate_existing=True)
    if entry.righted_sequence == entry.sequence:
        return Verdict(
            "unchanged",
            "refreshed_before",
            "They ask for the present state, which they were sent already.",
            who.enrolment_id,
            who.learner_id,
        )
    ended = entry.ended_at is not None
    notifying.tell(work, session, entry, Kind.STALE_CANCEL if ended else Kind.AGAIN, bump=ended)
    entry.righted_sequence = entry.sequence
    return Verdict("unchanged", "refreshed", "They asked for the present state and were sent it.", who.enrolment_id, who.learner_id)


def _bounce(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    kind = classify_bounce(incoming.bounce) if incoming.bounce else BounceClass.TRANSIENT
    words = (incoming.bounce.diagnostic or incoming.bounce.status) if incoming.bounce else ""
    delivery_id = _bounced_delivery(work, message)
    delivery = None
    if delivery_id is not None and kind not in (BounceClass.SUCCESS, BounceClass.DELIVERY_DELAYED):
        delivery = bouncing.bounced(work, delivery_id, kind.value, words or kind.value)
    said = {
        BounceClass.SUCCESS: "A report that a mail arrived.",
        BounceClass.DELIVERY_DELAYED: "A mail is delayed; the other side goes on trying.",
    }
    reason = said.get(kind) or f"A mail came back ({kind.value}). {words}".strip()
    if delivery_id is None:
        reason += " It bears no token of ours, so nobody's address is blamed for it."
    learner = delivery.learner_id if delivery else None
    return Verdict("bounce", kind.value, reason[:1000], delivery.enrolment_id if delivery else None, learner, delivery_id)


def _complaint(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    return Verdict("bounce", "complaint", "Somebody marked one of our mails as unwanted.", delivery_id=_bounced_delivery(work, message))


def _automatic(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    return Verdict(
        "auto_reply", incoming.kind, "An automatic answer; it is no answer to an invitation.", learner_id=_learner(work, incoming)
    )


def _human(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    return Verdict("human", "human", "Somebody wrote to us. It changes nothing by itself; read it.", learner_id=_learner(work, incoming))


def _broken(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    return Verdict("rejected", "broken", incoming.reason or "It cannot be read.")


def _rejected(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    what = _OUTSIDE.get(incoming.kind, f"a message of kind {incoming.kind}")
    return Verdict(
        "rejected", incoming.kind, f"It is {what}. We send such, we take none; nothing was changed.", learner_id=_learner(work, incoming)
    )


_HANDLERS: dict[str, Callable[[Work, InboundMessage, Incoming, Settings], Verdict]] = {
    "reply": _reply,
    "counter": _counter,
    "refresh": _refresh,
    "bounce": _bounce,
    "complaint": _complaint,
    "receipt": _automatic,
    "auto_reply": _automatic,
    "human": _human,
    "broken": _broken,
}


def _holder_of(work: Work, incoming: Incoming) -> Holder | None:
    for one in incoming.objects:
        who = answering.holder(work.db, one.uid) if one.uid else None
        if who is not None and who.organisation_id == work.organisation_id:
            return who
    return None


def _bounced_delivery(work: Work, message: InboundMessage) -> int | None:
    usable = keys.all_of(work.db)
    for address in message.envelope_to or ():
        found = _BOUNCE.search(address)
        if found and (delivery_id := tokens.read_bounce_token(found.group(1).lower(), usable)) is not None:
            return delivery_id
    return None


def _learner(work: Work, incoming: Incoming) -> int | None:
    if not incoming.sender:
        return None
    query = select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.email_key == canonical(incoming.sender))
    return work.db.scalar(query)
