"""Mail that is no calendar mail: what machines answer by themselves, and what people write."""

from __future__ import annotations

import re

from feedserver.addresses import canonical
from feedserver.imip.fields import fields_of, split
from feedserver.imip.incoming import Incoming
from feedserver.services import forwarding
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery, message_id

from . import verbs
from .whose import learner_of

_OURS = re.compile(r"<([0-9]{1,18})(\.[0-9]{1,12}\.feedserver@[^\s<>]{1,255})>")


def automatic(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """Never answered, and never an answer (RFC 3834)."""
    return _automatic(work, incoming, incoming.kind, "An automatic answer; it is no answer to an invitation.")


def human(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """A text that somebody wrote, or a form of mail that may hide an answer which we cannot read: kept, linked and passed on."""
    if machine := _machine(work, message, incoming):
        return _automatic(work, incoming, *machine)
    return verbs.handle(work, message, incoming, settings) or letter(work, message, incoming)


def letter(work: Work, message: InboundMessage, incoming: Incoming) -> Verdict:
    """What a person wrote stays on Today until somebody has read it, and goes to the organisation's contact."""
    code = next((defect for defect in incoming.defects if defect in _HIDDEN), "human")
    answers = answered(work, message.raw)
    learner_id = learner_of(work, incoming)
    learner = work.db.get(Learner, learner_id) if learner_id else None
    enrolment_id = answers.enrolment_id if answers is not None and learner_id and answers.learner_id == learner_id else None
    if incoming.sender:
        done = forwarding.pass_on(
            work, message, sender=incoming.sender, name=(learner.name if learner else "") or incoming.sender_name, subject=incoming.subject,
            text=incoming.text, learner=learner, enrolment_id=enrolment_id, answers=answers,
        )  # fmt: skip
    else:
        done = "It does not say clearly who sent it, so it was not passed on."
    reason = f"{_HIDDEN.get(code, _TEXT)} {done}"
    return Verdict("human", code, reason, enrolment_id, learner_id, evidence={"answers": f"mail {answers.id} of ours"} if answers else {})


def answered(work: Work, raw: bytes) -> Delivery | None:
    """The delivery of ours that a mail answers, by In-Reply-To or References (RFC 5322 3.6.4)."""
    fields = fields_of(split(raw[: 256 * 1024])[0])
    for found in _OURS.finditer(" ".join((fields.text("in-reply-to")[:2000], fields.text("references")[-4000:]))):
        delivery = work.db.get(Delivery, int(found[1]))
        mine = delivery is not None and delivery.organisation_id == work.organisation_id
        if mine and message_id(delivery.id, delivery.dtstamp, delivery.sender) == found[1] + found[2]:
            return delivery
    return None


def _machine(work: Work, message: InboundMessage, incoming: Incoming) -> tuple[str, str] | None:
    """Why a mail that looks like a person's is a machine's: code and reason, else None."""
    if _OURS.search(incoming.message_id) or (incoming.sender and canonical(incoming.sender) == work.organisation.mailbox_key):
        return "own_mail", "It is a mail of our own that came back to us. It is neither read as an answer nor passed on."
    if any("+b-" in address for address in message.envelope_to or ()):
        # No person writes to the envelope sender; programs that answer by themselves do (RFC 3834 4).
        return "to_bounce_address", "It came to the address that only machines write to; it is no answer to an invitation."
    return None


def _automatic(work: Work, incoming: Incoming, code: str, reason: str) -> Verdict:
    return Verdict("auto_reply", code, reason, learner_id=learner_of(work, incoming))


_TEXT = "Somebody wrote to us. It changes nothing by itself; read it."
_HIDDEN = {
    "winmail_dat": "Outlook sent its own form (winmail.dat), which may hide an answer that cannot be read: ask the person, or set the status by hand.",
    "smime_encrypted": "It is encrypted (S/MIME) and cannot be read: ask the person to answer without encryption, or set the status by hand.",
    "pgp_encrypted": "It is encrypted (OpenPGP) and cannot be read: ask the person to answer without encryption, or set the status by hand.",
    "partial_message": "It is one piece of a message that was cut up on its way (message/partial), and cannot be read.",
}
