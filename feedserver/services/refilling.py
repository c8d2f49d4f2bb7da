"""A delivery as the octets that left, made again from what is stored of it (design decision 6): for a person's copy of their mail."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from .. import tokens
from ..imip.skeleton import Skeleton, Values
from ..store.outbox import Delivery, MailSkeleton, message_id


def refill(db: Session, row: Delivery, secret: str) -> bytes | None:
    """The message of this delivery; `secret` is that of the key it names. None where its skeleton is past its time or its person erased."""
    stored = db.get(MailSkeleton, row.skeleton_id)
    if stored is None or not row.recipient:
        return None
    values = Values(
        message_id=message_id(row.id, row.dtstamp, row.sender),
        date=datetime.fromtimestamp(row.dtstamp, UTC),
        to_name=row.recipient_name,
        to_address=row.recipient,
        uid=row.uid or "",
        sequence=row.sequence or 0,
        dtstamp=row.dtstamp,
        partstat=row.partstat or "NEEDS-ACTION",
        page_url=f"{stored.base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, row.page_id, secret)}",
        extra=row.extra or {},
    )
    return Skeleton.from_bytes(stored.body).fill(values)
