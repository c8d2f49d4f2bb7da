"""What people press besides Yes and No: another time (COUNTER), the present state (REFRESH), another person (DELEGATED); RFC 5546 3.2.3, 3.2.6, 3.2.7."""

from __future__ import annotations

from collections.abc import Iterable

from feedserver.addresses import canonical
from feedserver.imip.incoming import Incoming
from feedserver.itip.attendees import Attendee
from feedserver.itip.counter import proposed_time
from feedserver.itip.delegation import instead
from feedserver.itip.parse import ItipObject
from feedserver.itip.reply import AttendeeProblem, attendee_of
from feedserver.services import answering, asking, notifying, proposing
from feedserver.services.answering import Decision, Holder
from feedserver.services.finding import locked_session
from feedserver.services.proposing import Said
from feedserver.services.receiving import Verdict
from feedserver.services.rendering import Kind
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import ALIAS
from feedserver.store.sessions import LiveSession

from .signatures import SignaturesWanted
from .trust import Trust, assess
from .whose import holder_of


def counter(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """A proposal changes nothing by itself, whatever PARTSTAT it carries."""
    one, who = _named(work, incoming)
    if one is None or who is None:
        return Verdict("rejected", "uid_unknown", "A proposal for another time, but for nothing that we sent.")
    mine = (who.enrolment_id, who.learner_id)
    attendee = attendee_of(one, who.known)
    if attendee is AttendeeProblem.MISSING:
        attendee = Attendee(who.email_key)
    if isinstance(attendee, AttendeeProblem):
        return Verdict(
            "quarantined", attendee.value, "They propose another time, but it cannot be told who does. Nothing was changed.", *mine
        )
    trust = _assess(work, message, incoming, one, attendee, who, settings)
    _want([trust])
    evidence = {"decisions": [{"uid": "known", "trust": trust.reason_code, **trust.evidence}]}
    if not trust.speaks:
        reason = f"A proposal for another time. {trust.reason} Nothing was changed, and nobody was told."
        return Verdict("quarantined", trust.reason_code, reason, *mine, evidence=evidence)
    session, entry = _hold(work, who)
    if _is_past(work, session, entry):
        reason = "They propose another time for something that is over, cancelled, or no longer in their calendar. It is noted."
        return Verdict("unchanged", "session_over", reason, *mine, evidence=evidence)
    said = Said(message.id, one.sequence, attendee.partstat, one.comment)
    if not proposing.propose_time(work, session, entry, said, proposed_time(one)):
        return Verdict("unchanged", "proposed_before", "The same proposal once more; nothing changes.", *mine, evidence=evidence)
    reason = "They propose another time. Their status stays as it is: move the session there, or decline."
    return Verdict("quarantined", "counter", reason, *mine, evidence=evidence)


def somebody_else(
    work: Work, message: InboundMessage, incoming: Incoming, one: ItipObject, who: Holder, settings: Settings
) -> tuple[Decision, dict] | None:
    """A reply that wants somebody else to come is held for a decision, or refused by the session's policy; None for every other reply.

    The invited one may name whom they like. A guest speaks for nobody but the address that the mail plainly came from.
    """
    if message.judged_at is not None:
        # Once more: what it said may be an answer by now, its sender's address having become known.
        proposing.forget(work, message.id)
    found = instead(one, who.known)
    if found is None:
        return None
    guest = found.guest
    invited = _assess(work, message, incoming, one, found.named_by, who, settings) if found.named_by else None
    own = _assess(work, message, incoming, one, guest, who, settings, as_guest=True) if guest.partstat else None
    _want((invited, own))
    by_invited = invited is not None and invited.speaks
    by_guest = own is not None and own.speaks and own.reason_code == "trusted" and canonical(incoming.sender) == canonical(guest.address)
    if not (by_invited or by_guest):
        return None
    session, entry = _hold(work, who)
    trust = invited if by_invited else _assess(work, message, incoming, one, guest, who, settings)
    evidence = {"uid": "known", "trust": trust.reason_code, **trust.evidence}
    mine = (who.enrolment_id, who.learner_id)
    if _is_past(work, session, entry):
        return Decision(
            "unchanged", "session_over", "Somebody else would come, but this invitation no longer holds. It is noted.", *mine
        ), evidence
    machine = proposing.automatic(message, incoming.auto_submitted, incoming.null_sender)
    if session.guests == proposing.REFUSE and machine and not by_invited:
        # It cannot be refused where nobody can be told: it may be the invited one's own other address.
        return None
    kind = proposing.DELEGATION if by_invited or found.is_delegation else proposing.GUEST
    said = Said(message.id, one.sequence, guest.partstat, one.comment, machine)
    name = guest.name or ("" if by_invited else incoming.sender_name)
    proposal = proposing.propose_guest(work, session, entry, said, kind, guest.address, name)
    what = f"They want {guest.address} to come instead" if by_invited else f"{guest.address} answers, who was not invited under this entry"
    if proposal.state == proposing.REFUSED:
        return Decision("unchanged", "guest_refused", f"{what}. The session takes no guests, so nobody comes instead.", *mine), evidence
    asked = ""
    if kind == proposing.GUEST and not machine:
        asked = asking.ask(work, who, message, guest.partstat, kind=ALIAS, sender=canonical(guest.address))
    code = "delegated" if by_invited else trust.reason_code
    return Decision("quarantined", code, f"{what}. Nothing was changed: let them come instead, or refuse.{asked}", *mine), evidence


def refresh(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """REFRESH (RFC 5546 3.2.6): the present state once more, to the enrolled address alone, once per SEQUENCE."""
    who = holder_of(work, incoming)
    if who is None:
        return Verdict("rejected", "uid_unknown", "It asks for something that we did not send.")
    mine = (who.enrolment_id, who.learner_id)
    session, entry = _hold(work, who)
    if entry.righted_sequence == entry.sequence:
        return Verdict("unchanged", "refreshed_before", "They ask for the present state, which they were sent already.", *mine)
    ended = entry.ended_at is not None
    sent = notifying.tell(work, session, entry, Kind.STALE_CANCEL if ended else Kind.AGAIN, bump=ended)
    entry.righted_sequence = entry.sequence
    if not sent:
        reason = "They ask for the present state, but nothing goes out for it: it is over, turned off, or shown in the feed alone."
        return Verdict("unchanged", "nothing_to_refresh", reason, *mine)
    return Verdict("unchanged", "refreshed", "They asked for the present state and were sent it.", *mine)


def _named(work: Work, incoming: Incoming) -> tuple[ItipObject | None, Holder | None]:
    """The first object that names an entry of this organisation, and who holds that."""
    for one in incoming.objects:
        who = answering.holder(work.db, one.uid) if one.uid else None
        if who is not None and who.organisation_id == work.organisation_id:
            return one, who
    return None, None


def _hold(work: Work, who: Holder) -> tuple[LiveSession, CalendarEntry]:
    session = locked_session(work, who.live_session_id)
    return session, work.db.get_one(CalendarEntry, who.entry_id, populate_existing=True)


def _is_past(work: Work, session: LiveSession, entry: CalendarEntry) -> bool:
    return entry.ended_at is not None or session.status == "cancelled" or session.ends_at <= work.now


def _assess(
    work: Work, message: InboundMessage, incoming: Incoming, one: ItipObject, attendee: Attendee, who: Holder, settings: Settings,
    as_guest: bool = False,
) -> Trust:  # fmt: skip
    """What speaks for and against the sender as the one invited or, `as_guest`, as the attendee named, for whom nobody else may speak."""
    speak = (attendee.address, frozenset(), frozenset(), frozenset())
    enrolled, aliases, delegates, senders = (
        speak if as_guest else (who.email_key, who.aliases, who.delegates, settings.trusted_reply_senders)
    )
    return assess(
        incoming, one, attendee, enrolled=enrolled, aliases=aliases, delegates=delegates, trusted_senders=senders,
        authserv_id=settings.trusted_authserv_id, organizer=work.organisation.mailbox_address, envelope_from=message.envelope_from,
        profile=work.organisation.trust_profile, patient=message.judged_at is None,
    )  # fmt: skip


def _want(judged: Iterable[Trust | None]) -> None:
    """Raises for what signatures have to be checked first, all at once: they are asked for a single time."""
    if wants := {number for trust in judged if trust for number in trust.wants}:
        raise SignaturesWanted(tuple(sorted(wants)))
