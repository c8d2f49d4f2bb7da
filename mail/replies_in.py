"""REPLY (RFC 5546 3.2.3): each object is judged alone, and counts only where UID, ATTENDEE and From fit."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from feedserver.imip.incoming import Incoming
from feedserver.itip.attendees import Attendee
from feedserver.itip.parse import ItipObject
from feedserver.itip.reply import AttendeeProblem, attendee_of
from feedserver.services import answering, asking, rejudging
from feedserver.services.answering import Decision, Holder
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage
from feedserver.store.verdicts import VerdictRow

from . import proposals_in
from .signatures import SignaturesWanted
from .trust import Trust, assess


def reply(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """What a reply ends in."""
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
    if (held := proposals_in.somebody_else(work, message, incoming, one, who, settings)) is not None:
        return held
    # Whose answer it is of several, an administrator may say; no program in our corpus answers for more than one.
    attendee = AttendeeProblem.MULTIPLE if len(one.attendees) > 1 else attendee_of(one, who.known)
    if isinstance(attendee, AttendeeProblem):
        return Decision("quarantined", attendee.value, _ATTENDEE[attendee], *mine), {"uid": "known", "attendee": attendee.value}
    trust = weigh(work, message, incoming, one, attendee, settings, enrolled=who.email_key, aliases=who.aliases, delegates=who.delegates)
    evidence = {"uid": "known", "trust": trust.reason_code, **trust.evidence}
    if not trust.speaks:
        asked = _asked(work, who, message, incoming, attendee.partstat, trust)
        return Decision("quarantined", trust.reason_code, f"{trust.reason} Nothing was changed.{asked}", *mine), evidence
    decision = answering.let_it_count(work, message, one, attendee.partstat, who)
    return decision, evidence | {"decision": decision.code}


def weigh(
    work: Work, message: InboundMessage, incoming: Incoming, one: ItipObject, attendee: Attendee, settings: Settings, *,
    enrolled: str, aliases: frozenset[str] = frozenset(), delegates: frozenset[str] = frozenset(),
) -> Trust:  # fmt: skip
    """Whether the sender may speak for `enrolled`, by the organisation's profile; raises `SignaturesWanted` where a signature has to be checked first."""
    trust = assess(
        incoming, one, attendee, enrolled=enrolled, aliases=aliases, trusted_senders=settings.trusted_reply_senders,
        delegates=delegates, authserv_id=settings.trusted_authserv_id, organizer=work.organisation.mailbox_address,
        envelope_from=message.envelope_from, profile=work.organisation.trust_profile, patient=not _waited(work, message),
    )  # fmt: skip
    if trust.wants:
        raise SignaturesWanted(trust.wants)
    return trust


def _asked(work: Work, who: Holder, message: InboundMessage, incoming: Incoming, partstat: str, trust: Trust) -> str:
    """Whether it was them, asked of the enrolled address alone; never because of a machine that answers by itself (RFC 3834)."""
    automatic = incoming.null_sender or incoming.auto_submitted == "auto-replied"
    if not trust.ask or trust.strange is None or automatic:
        return ""
    one = trust.strange
    return asking.ask(work, who, message, partstat, kind=one.kind, sender=one.sender, attendee=one.attendee)


def _waited(work: Work, message: InboundMessage) -> bool:
    """Whether the DNS has had its second chance with this message."""
    before = select(VerdictRow.id).where(VerdictRow.inbound_id == message.id, VerdictRow.reason_code == rejudging.UNPROVED)
    return work.db.scalar(before.limit(1)) is not None


_ATTENDEE = {
    AttendeeProblem.MISSING: "The reply names nobody who answers.",
    AttendeeProblem.MULTIPLE: "The reply names several people; it cannot be told who answers.",
    AttendeeProblem.UNREADABLE: "The address of who answers cannot be read.",
}
