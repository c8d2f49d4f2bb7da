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
    """A text that somebody wrote, or a form of mail that may hide an answer which we cannot read."""
    code = next((defect for defect in incoming.defects if defect in _HIDDEN), "human")
    return Verdict("human", code, _HIDDEN.get(code, _TEXT), learner_id=learner_of(work, incoming))


_TEXT = "Somebody wrote to us. It changes nothing by itself; read it."
_HIDDEN = {
    "winmail_dat": "Outlook sent its own form (winmail.dat), which may hide an answer that cannot be read: ask the person, or set the status by hand.",
    "smime_encrypted": "It is encrypted (S/MIME) and cannot be read: ask the person to answer without encryption, or set the status by hand.",
    "pgp_encrypted": "It is encrypted (OpenPGP) and cannot be read: ask the person to answer without encryption, or set the status by hand.",
    "partial_message": "It is one piece of a message that was cut up on its way (message/partial), and cannot be read.",
}
