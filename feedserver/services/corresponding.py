"""Mail to one person that is about no session: an address to confirm, a welcome. Rows of the outbox without METHOD, UID or entry."""

from __future__ import annotations

from collections.abc import Mapping

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


def write_to_other(work: Work, kind: Kind, address: str, locale: str, timezone: str, extra: dict) -> Delivery:
    """A mail of `kinds.WITHOUT_SESSION` and `TO_OTHERS` to somebody who has no page of their own."""
    sender = work.organisation.mailbox
    skeleton = MailSkeleton(
        organisation_id=work.organisation_id, batch=new_batch(), kind=kind.value, sender_name=sender.name, sender_address=sender.address,
        locale=locale, timezone=timezone, base_url=work.base_url, created_at=work.now,
        body=rendering.skeleton_without_session(kind, locale, timezone, sender, work.organisation),
    )  # fmt: skip
    work.db.add(skeleton)
    work.db.flush()
    delivery = Delivery(
        organisation_id=work.organisation_id, kind=kind.value, skeleton_id=skeleton.id, sender=sender.address, recipient=address,
        recipient_name="", page_id="", dtstamp=work.stamp(), extra=extra, key_id=work.key_id, due_at=work.now, created_at=work.now,
        expires_at=work.now + LIFETIME,
    )  # fmt: skip
    work.db.add(delivery)
    work.db.flush()
    return delivery


def write_many(
    work: Work, learners: list[Learner], kind: Kind, *, to: str = "", extra: dict | None = None, each: Mapping[int, dict] | None = None
) -> list[Delivery]:  # fmt: skip
    """The same to many: rendered once for all who read the same language in the same zone. `each`: by learner, what is theirs alone."""
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
            extra=(each[one.id] if each else extra) or None, key_id=work.key_id, due_at=work.now, created_at=work.now, expires_at=work.now + LIFETIME,
        )
        for one in learners
    ]  # fmt: skip
    work.db.add_all(deliveries)
    work.db.flush()
    return deliveries
