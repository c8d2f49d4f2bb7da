"""Mail to one person that is about no session: an address to confirm, a welcome. Rows of the outbox without METHOD, UID or entry."""

from __future__ import annotations

from ..store.learners import Learner
from ..store.outbox import Delivery, MailSkeleton
from . import rendering
from .dispatching import LIFETIME
from .rendering import Kind
from .work import Work, new_batch


def write(work: Work, learner: Learner, kind: Kind, *, to: str = "", extra: dict | None = None) -> Delivery:
    """One mail of `kinds.WITHOUT_SESSION` to the learner, or to the address `to`."""
    (delivery,) = write_many(work, [learner], kind, to=to, extra=extra)
    return delivery


def write_many(work: Work, learners: list[Learner], kind: Kind, *, to: str = "", extra: dict | None = None) -> list[Delivery]:
    """The same to many: rendered once for all who read the same language in the same zone."""
    sender, batch = work.organisation.mailbox, new_batch()
    skeletons: dict[tuple[str, str], MailSkeleton] = {}
    for learner in learners:
        key = (learner.locale, learner.timezone)
        if key not in skeletons:
            body = rendering.skeleton_without_session(kind, *key, sender, work.organisation)
            skeletons[key] = MailSkeleton(
                organisation_id=work.organisation_id, batch=batch, kind=kind.value, sender_name=sender.name, sender_address=sender.address,
                locale=learner.locale, timezone=learner.timezone, base_url=work.base_url, body=body, created_at=work.now,
            )  # fmt: skip
    work.db.add_all(skeletons.values())
    work.db.flush()
    deliveries = [
        Delivery(
            organisation_id=work.organisation_id, kind=kind.value, learner_id=one.id, skeleton_id=skeletons[one.locale, one.timezone].id,
            sender=sender.address, recipient=to or one.address, recipient_name=one.name, page_id=one.page_id, dtstamp=work.stamp(),
            extra=extra or None, key_id=work.key_id, due_at=work.now, created_at=work.now, expires_at=work.now + LIFETIME,
        )
        for one in learners
    ]  # fmt: skip
    work.db.add_all(deliveries)
    work.db.flush()
    return deliveries
