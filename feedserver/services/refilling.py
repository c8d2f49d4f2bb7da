"""A delivery as octets, from what is stored of it (design decision 6): for the relay, every time alike, and for a person's copy of their mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from .. import tokens
from ..imip.kinds import STOPS, Kind
from ..imip.skeleton import Skeleton, Values
from ..imip.verbs import mailto
from ..store.outbox import Delivery, MailSkeleton, message_id


def fill(skeleton: Skeleton, base_url: str, row: Any, secret: str) -> bytes:
    """The octets of the delivery `row` (a `Delivery`, or its columns): the same for the same row, whenever and wherever it is done."""
    values = Values(
        message_id=message_id(row.id, row.dtstamp, row.sender),
        date=datetime.fromtimestamp(row.dtstamp, UTC),
        to_name=row.recipient_name,
        to_address=row.recipient,
        uid=row.uid or "",
        sequence=row.sequence or 0,
        dtstamp=row.dtstamp,
        partstat=row.partstat or "NEEDS-ACTION",
        # An entry shows it also to somebody who has no page of their own: a test.
        page_url=f"{base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, row.page_id, secret)}" if row.page_id else base_url,
        answer_url=base_url + answer_path(row, secret),
        join_url=base_url + tokens.join_path(row.enrolment_id, secret) if row.enrolment_id else "",
        stop_url=base_url + stop_path(row, secret) if row.kind in STOPS else "",
        stop_mail=mailto(row.sender, f"Stop [{verb_code(row, secret)}]") if row.kind in STOPS else "",
        code=verb_code(row, secret),
        extra=row.extra or {},
        own=row.own,
    )
    return skeleton.fill(values)


def answer_path(row: Any, secret: str) -> str:
    """The page where the delivery is answered: the learner's for one enrolment, or the approver's for one request; "" where there is none."""
    if row.kind == Kind.APPROVAL:
        return f"/approvals/{tokens.sign(tokens.APPROVAL, str(row.id), secret)}"
    if row.kind == Kind.CONFIRM_ADDRESS:
        payload = address_payload(row.page_id, row.recipient, row.dtstamp)
        return f"/address/{tokens.sign(tokens.ADDRESS, payload, secret)}"
    if row.kind == Kind.CONFIRM_SENDER and (row.extra or {}).get("question"):
        return f"/confirm/{tokens.sign(tokens.CONFIRM, row.extra['question'], secret)}"
    if row.enrolment_id is None or not row.page_id:
        return ""
    if row.kind == Kind.CHECK_IN:
        return f"/check-in/me/{tokens.sign(tokens.CHECK_IN_MAIL, str(row.enrolment_id), secret)}"
    return f"/rsvp/{tokens.sign(tokens.ANSWER, answer_payload(row.enrolment_id, row.page_id), secret)}"


def stop_path(row: Any, secret: str) -> str:
    """The page that ends mails of this kind: for the learner whose page it is, or the manager it went to."""
    whose = row.page_id or f"{row.organisation_id}.{tokens.encoded(row.recipient)}"
    return f"/stop/{tokens.sign(tokens.STOP, f'{row.kind}.{whose}', secret)}"


def verb_code(row: Any, secret: str) -> str:
    """What an answer to the delivery by mail names it with: an entry and the SEQUENCE that was asked, an enrolment and when, or the mail itself."""
    if row.uid and row.entry_id:
        return tokens.verb_code(f"e{row.entry_id}.{row.sequence or 0}", secret)
    if row.enrolment_id and row.page_id:
        return tokens.verb_code(f"n{row.enrolment_id}.{row.dtstamp}", secret)
    return tokens.verb_code(f"d{row.id}", secret)


def answer_payload(enrolment_id: int, page_id: str) -> str:
    """What the token of an answer page holds: it is bound to the enrolment, and ends with the learner's own page."""
    return f"{enrolment_id}.{page_id}"


def address_payload(page_id: str, address: str, stamp: int) -> str:
    """What the token holds that confirms an address: whose it is to be, the address itself, and since when."""
    return f"{page_id}.{tokens.encoded(address)}.{stamp}"


def bounce_address(row: Any, secret: str) -> str:
    """The envelope sender of the delivery: the mailbox with a token that says which delivery came back (VERP)."""
    local, _, domain = row.sender.rpartition("@")
    return f"{local.partition('+')[0]}+b-{tokens.bounce_token(row.id, secret)}@{domain}"


def refill(db: Session, row: Delivery, secret: str) -> bytes | None:
    """The message of this delivery again; `secret` is that of the key it names. None where its skeleton is past its time or its person erased."""
    stored = db.get(MailSkeleton, row.skeleton_id)
    if stored is None or not row.recipient:
        return None
    return fill(Skeleton.from_bytes(stored.body), stored.base_url, row, secret)
