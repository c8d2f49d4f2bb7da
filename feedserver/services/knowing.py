"""Which further addresses speak for a learner: their own (aliases), and those of people who may answer on their behalf (delegates)."""

from __future__ import annotations

from sqlalchemy import select

from ..addresses import canonical, check
from ..errors import Conflict
from ..store.learners import ALIAS, DELEGATE, Learner, LearnerAlias
from .work import Work

KINDS = (ALIAS, DELEGATE)


def know(work: Work, learner: Learner, address: str, kind: str = ALIAS) -> None:
    """From now on this address speaks for the learner; on record. Raises `Invalid` for what is no address, `Conflict` for our own mailbox."""
    key = canonical(check(address))
    if key == canonical(work.organisation.mailbox_address):
        raise Conflict("This is the address that our invitations come from; it cannot answer them.", field="address")
    if key == learner.email_key:
        return
    there = work.db.scalars(select(LearnerAlias).where(LearnerAlias.learner_id == learner.id, LearnerAlias.address_key == key)).first()
    if there is None:
        work.db.add(LearnerAlias(learner_id=learner.id, address_key=key, kind=kind, created_at=work.now))
    elif there.kind == kind or kind == DELEGATE:
        return
    else:
        there.kind = kind
    work.record(f"{kind} known", learner_id=learner.id)
    work.db.flush()
