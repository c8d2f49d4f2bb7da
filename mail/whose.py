"""Whom an inbound message is about: by the UID of one of our entries, or by who sent it."""

from __future__ import annotations

from sqlalchemy import select

from feedserver.addresses import canonical
from feedserver.imip.incoming import Incoming
from feedserver.services import answering
from feedserver.services.answering import Holder
from feedserver.services.work import Work
from feedserver.store.learners import Learner


def holder_of(work: Work, incoming: Incoming) -> Holder | None:
    """Who holds the first entry of this organisation that the message names."""
    for one in incoming.objects:
        who = answering.holder(work.db, one.uid) if one.uid else None
        if who is not None and who.organisation_id == work.organisation_id:
            return who
    return None


def learner_of(work: Work, incoming: Incoming) -> int | None:
    """The id of the learner who has this sender's address."""
    if not incoming.sender:
        return None
    query = select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.email_key == canonical(incoming.sender))
    return work.db.scalar(query)
