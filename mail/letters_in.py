"""Mail that is no calendar mail: what machines answer by themselves, and what people write."""

from __future__ import annotations

from feedserver.imip.incoming import Incoming
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage

from .whose import learner_of


def automatic(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """Never answered, and never an answer (RFC 3834)."""
    return Verdict(
        "auto_reply", incoming.kind, "An automatic answer; it is no answer to an invitation.", learner_id=learner_of(work, incoming)
    )


def human(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """A text that somebody wrote."""
    return Verdict("human", "human", "Somebody wrote to us. It changes nothing by itself; read it.", learner_id=learner_of(work, incoming))
