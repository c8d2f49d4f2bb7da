"""Answers to a day to note: it asked for none (RSVP=FALSE), though many programs show the buttons all the same. They change nothing."""

from __future__ import annotations

from collections.abc import Callable

from feedserver.imip.incoming import Incoming
from feedserver.services import milestones
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage

Handler = Callable[[Work, InboundMessage, Incoming, Settings], Verdict]


def unless_a_day_to_note(handler: Handler) -> Handler:
    """The handler, but for what is about days to note alone."""

    def handle(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
        uids = {one.uid for one in incoming.objects}
        found = milestones.owners(work, [uid for uid in uids if uid]) if uids else {}
        if not uids or set(found) != uids:
            return handler(work, message, incoming, settings)
        reason = "It answers a day to note, which asks for no answer and stays in the calendar until it is done. Nothing was changed."
        return Verdict("unchanged", "milestone", reason, learner_id=min(found.values()), evidence={"decisions": [{"uid": "milestone"}]})

    return handle
