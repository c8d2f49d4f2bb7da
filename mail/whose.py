"""Whom an inbound message is about: by the UID of one of our entries, or by who sent it."""

from __future__ import annotations

from sqlalchemy import select

from feedserver.addresses import canonical
from feedserver.imip.incoming import Incoming
from feedserver.services import answering
from feedserver.services.answering import Holder
from feedserver.services.work import Work
from feedserver.store.learners import Learner, LearnerAlias


def holder_of(work: Work, incoming: Incoming) -> Holder | None:
    """Who holds the first entry of this organisation that the message names."""
    for one in incoming.objects:
        who = answering.holder(work.db, one.uid) if one.uid else None
        if who is not None and who.organisation_id == work.organisation_id:
            return who
    return None


def learner_of(work: Work, incoming: Incoming) -> int | None:
    """The id of the learner who has this sender's address, or for whom it is known to speak."""
    if not incoming.sender:
        return None
    key, mine = canonical(incoming.sender), Learner.organisation_id == work.organisation_id
    known = (
        select(LearnerAlias.learner_id).join(Learner, Learner.id == LearnerAlias.learner_id).where(mine, LearnerAlias.address_key == key)
    )
    found = work.db.scalar(select(Learner.id).where(mine, Learner.email_key == key))
    return found or work.db.scalar(known.order_by(LearnerAlias.learner_id).limit(1))
