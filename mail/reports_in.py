"""What machines report of our mails: delivery reports (RFC 3464) and complaints (RFC 5965)."""

from __future__ import annotations

import re

from feedserver import tokens
from feedserver.imip.incoming import Incoming
from feedserver.services import bouncing
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store import keys
from feedserver.store.inbox import InboundMessage

from .dsn import BounceClass, classify_bounce

_BOUNCE = re.compile(r"\+b-([0-9]+-[a-z2-7]{26})@", re.I)


def bounce(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """A mail came back, is delayed, or arrived."""
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


def complaint(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """Somebody pressed "this is spam"."""
    return Verdict("bounce", "complaint", "Somebody marked one of our mails as unwanted.", delivery_id=_bounced_delivery(work, message))


def _bounced_delivery(work: Work, message: InboundMessage) -> int | None:
    usable = keys.all_of(work.db)
    for address in message.envelope_to or ():
        found = _BOUNCE.search(address)
        if found and (delivery_id := tokens.read_bounce_token(found.group(1).lower(), usable)) is not None:
            return delivery_id
    return None
