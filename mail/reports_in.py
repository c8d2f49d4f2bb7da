"""What machines report of our mails: delivery reports (RFC 3464) and complaints (RFC 5965).

A report is about a delivery of ours where it bears the token of its bounce address, the UID that only its recipient was given, or its
Message-ID. What bears none of them blames nobody: anybody could write it.
"""

from __future__ import annotations

import re

from sqlalchemy import select

from feedserver import tokens
from feedserver.imip import headers
from feedserver.imip.incoming import Incoming
from feedserver.services import answering, bouncing, circling
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store import keys
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import SENT, Delivery, message_id

from .dsn import BounceClass, classify_bounce

_TOKEN = re.compile(r"\+b-([0-9]{1,18}-[a-z2-7]{26})@", re.I)
_OURS = re.compile(rb"([0-9]{1,18})\.[0-9]{1,12}\.feedserver@")
_FEEDBACK = re.compile(rb"^feedback-type[ \t]*:[ \t]*([\w-]{1,40})", re.I | re.M)
# RFC 5965 7.3 and RFC 6650: "not-spam" takes a complaint back, "auth-failure" is about signatures, "virus" about neither.
_COMPLAINTS = ("abuse", "fraud", "opt-out", "complaint", "other", "")
_LOOKED_AT = 512 * 1024
_NO_BOUNCE = {
    BounceClass.SUCCESS: "A report that a mail arrived.",
    BounceClass.DELIVERY_DELAYED: "A mail is delayed; the other side goes on trying.",
}
_BY = {
    "token": "the token of its bounce address",
    "uid": "the UID of the entry",
    "thread": "its Message-ID and the thread of the entry",
    "message_id": "its Message-ID, which others could know: so it counts for a day alone",
}


def bounce(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """A mail came back, is delayed, or arrived."""
    report = incoming.bounce
    kind = classify_bounce(report) if report else BounceClass.TRANSIENT
    words = (report.diagnostic or report.status) if report else ""
    delivery, by = reported(work, message, incoming)
    if delivery is not None and kind not in _NO_BOUNCE:
        bouncing.bounced(work, delivery, kind.value, words or kind.value, sure=by != "message_id")
        circling.bounced(work, delivery, kind.value, words)
    reason = _NO_BOUNCE.get(kind) or f"A mail came back ({kind.value}). {words}".strip()
    return _verdict(kind.value, reason, delivery, by)


def complaint(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict:
    """Somebody pressed "this is spam": no reminders any more. Invitations go on."""
    found = _FEEDBACK.search(message.raw[:_LOOKED_AT])
    kind = found[1].decode().lower() if found else ""
    delivery, by = reported(work, message, incoming)
    if kind not in _COMPLAINTS:
        return _verdict("feedback", f"A report of kind {kind} on one of our mails; it is no complaint.", delivery, by)
    if delivery is not None:
        bouncing.complained(work, delivery)
    return _verdict("complaint", "Somebody marked one of our mails as unwanted: they get no reminders any more.", delivery, by)


def reported(work: Work, message: InboundMessage, incoming: Incoming) -> tuple[Delivery | None, str]:
    """The delivery that a report is about, and by what it was found (a key of `_BY`); (None, "") where nothing of ours is in it."""
    raw = message.raw[:_LOOKED_AT]
    usable = keys.all_of(work.db)
    for text in (*(message.envelope_to or ()), raw.decode("latin-1")):
        for found in list(_TOKEN.finditer(text))[:5]:
            number = tokens.read_bounce_token(found[1].lower(), usable)
            if number is not None and (delivery := _own(work, number)):
                return delivery, "token"
    if incoming.bounce and incoming.bounce.uid:
        mine = (Delivery.organisation_id == work.organisation_id, Delivery.uid == incoming.bounce.uid)
        enrolment = _enrolment_of(work, incoming.bounce.uid)
        newest = select(Delivery).where(*mine, Delivery.enrolment_id == enrolment, Delivery.state == SENT).order_by(Delivery.id.desc())
        if enrolment is not None and (delivery := work.db.scalars(newest.limit(1)).first()):
            return delivery, "uid"
    return _by_message_id(work, raw)


def _by_message_id(work: Work, raw: bytes) -> tuple[Delivery | None, str]:
    for number in list(dict.fromkeys(int(found) for found in _OURS.findall(raw)))[:5]:
        delivery = _own(work, number)
        if delivery is None or message_id(delivery.id, delivery.dtstamp, delivery.sender).encode() not in raw:
            continue
        # Who got the same mailing can guess a Message-ID, but not the digest of somebody else's UID.
        thread = headers.references(delivery.uid or "").removeprefix(b"References: ").strip()
        return delivery, "thread" if thread and thread in raw else "message_id"
    return None, ""


def _own(work: Work, number: int) -> Delivery | None:
    delivery = work.db.get(Delivery, number)
    return delivery if delivery is not None and delivery.organisation_id == work.organisation_id else None


def _enrolment_of(work: Work, uid: str) -> int | None:
    who = answering.holder(work.db, uid)
    return who.enrolment_id if who and who.organisation_id == work.organisation_id else None


def _verdict(code: str, reason: str, delivery: Delivery | None, by: str) -> Verdict:
    if delivery is None:
        reason += " It bears nothing of ours, so nobody is blamed for it."
        return Verdict("bounce", code, reason[:1000], evidence={"found_by": "nothing"})
    evidence = {"found_by": _BY[by]}
    return Verdict("bounce", code, reason[:1000], delivery.enrolment_id, delivery.learner_id, delivery.id, evidence)
