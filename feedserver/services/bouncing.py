"""Bounces: what came back is noted with the delivery it is about; an address that does not exist is marked with its learner."""

from __future__ import annotations

from ..store.learners import Learner
from ..store.outbox import Delivery
from .work import Work


def bounced(work: Work, delivery_id: int, bounce_class: str, words: str) -> Delivery | None:
    """A delivery came back (found by the token of its bounce address); None where it is not of this organisation."""
    delivery = work.db.get(Delivery, delivery_id)
    if delivery is None or delivery.organisation_id != work.organisation_id:
        return None
    delivery.bounce_class, delivery.last_error = bounce_class, words[:1000]
    work.record(
        "bounced",
        live_session_id=delivery.live_session_id,
        enrolment_id=delivery.enrolment_id,
        learner_id=delivery.learner_id,
        detail={"class": bounce_class},
    )
    if bounce_class == "hard_address" and delivery.learner_id is not None:
        learner = work.db.get(Learner, delivery.learner_id)
        if learner is not None:
            learner.address_problem = words[:500]
    return delivery
