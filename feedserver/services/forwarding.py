"""What people write to the mailbox is passed on to the organisation's contact: a mail of ours, with their words quoted as text.

Once for each message, never what a machine wrote, and never in a circle: not what the contact writes, nor what answers a mail that was passed on.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from ..addresses import canonical
from ..errors import Conflict
from ..imip.verbs import mailto
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.outbox import Delivery, MailSkeleton
from . import rendering
from .dispatching import LIFETIME
from .finding import find
from .rendering import Kind
from .work import Work, new_batch

MOST_A_DAY = 10
_LINES = 200


def pass_on(
    work: Work, message: InboundMessage, *, sender: str, name: str, subject: str, text: str, learner: Learner | None, enrolment_id: int | None,
    answers: Delivery | None,
) -> str:  # fmt: skip
    """Write the mail to the contact; returns in words what was done, or why nothing was."""
    contact = work.organisation.contact_email
    if not contact:
        return "The settings name no contact address that it could be passed on to."
    if canonical(sender) in (canonical(contact), work.organisation.mailbox_key):
        return "It comes from the contact's own address, so it was not passed on."
    if answers is not None and answers.kind == Kind.FORWARDED:
        return "It answers a mail that we passed on, so it was not passed on itself."
    if _lately(work, message, sender) >= MOST_A_DAY:
        return f"More than {MOST_A_DAY} came from this address within a day, so it was not passed on: it may be a machine."
    _write(work, contact, learner, enrolment_id, sender, name or sender, subject, text)
    work.record("passed on", learner_id=learner.id if learner else None, enrolment_id=enrolment_id, inbound_id=message.id)
    return f"It was passed on to {contact}."


def mark_read(work: Work, inbound_id: int) -> InboundMessage:
    """Somebody has read what a person wrote; doing it twice changes nothing."""
    message = find(work, InboundMessage, inbound_id, lock=True)
    if message.outcome != "human":
        raise Conflict("Only what a person wrote is marked as read.", extra={"outcome": message.outcome})
    if message.read_at is None:
        message.read_at = work.now
        work.record("marked as read", learner_id=message.learner_id, enrolment_id=message.enrolment_id, inbound_id=message.id)
        work.db.flush()
    return message


def _lately(work: Work, message: InboundMessage, sender: str) -> int:
    mine = (InboundMessage.organisation_id == work.organisation_id, InboundMessage.outcome == "human", InboundMessage.sender == sender)
    since = InboundMessage.received_at > work.now - timedelta(days=1)
    return work.db.scalar(select(func.count()).where(*mine, since, InboundMessage.id != message.id))


def _write(
    work: Work, contact: str, learner: Learner | None, enrolment_id: int | None, address: str, name: str, subject: str, text: str
) -> None:  # fmt: skip
    organisation, sender = work.organisation, work.organisation.mailbox
    body = rendering.skeleton_without_session(
        Kind.FORWARDED, organisation.locale, organisation.timezone, sender, organisation, title=subject
    )
    skeleton = MailSkeleton(
        organisation_id=work.organisation_id, batch=new_batch(), kind=Kind.FORWARDED.value, sender_name=sender.name, sender_address=sender.address,
        locale=organisation.locale, timezone=organisation.timezone, base_url=work.base_url, body=body, created_at=work.now,
    )  # fmt: skip
    work.db.add(skeleton)
    work.db.flush()
    block = [*(f"> {line}" for line in text.splitlines()[:_LINES]), "", [address, mailto(address, f"Re: {subject}")]]
    work.db.add(
        Delivery(
            organisation_id=work.organisation_id, kind=Kind.FORWARDED.value, learner_id=learner.id if learner else None, enrolment_id=enrolment_id,
            skeleton_id=skeleton.id, sender=sender.address, recipient=contact, recipient_name="", page_id="", dtstamp=work.stamp(),
            extra={"name": name, "address": address, "block": block}, key_id=work.key_id, due_at=work.now, created_at=work.now,
            expires_at=work.now + LIFETIME,
        )
    )  # fmt: skip
    work.db.flush()
