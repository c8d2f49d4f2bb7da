"""What people press besides Yes and No: another time (COUNTER), the present state (REFRESH); RFC 5546 3.2.6 and 3.2.7."""

from __future__ import annotations

from feedserver.imip.incoming import Incoming
from feedserver.services import notifying
from feedserver.services.finding import locked_session
from feedserver.services.receiving import Verdict
from feedserver.services.rendering import Kind
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage

from .whose import holder_of


def counter(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """A proposal changes nothing by itself, whatever PARTSTAT it carries."""
    who = holder_of(work, incoming)
    if who is None:
        return Verdict("rejected", "uid_unknown", "A proposal for another time, but for nothing that we sent.")
    reason = "They propose another time. Their status stays as it is; look at it and decide."
    return Verdict("quarantined", "counter", reason, who.enrolment_id, who.learner_id)


def refresh(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """REFRESH (RFC 5546 3.2.6): the present state once more, to the enrolled address alone, once per SEQUENCE."""
    who = holder_of(work, incoming)
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
