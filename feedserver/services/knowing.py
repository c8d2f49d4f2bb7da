"""Which further addresses speak for a learner: their own (aliases), and those of people who may answer on their behalf (delegates)."""

from __future__ import annotations

from sqlalchemy import delete, select

from ..addresses import canonical, check
from ..errors import Conflict
from ..store.learners import ALIAS, DELEGATE, Learner, LearnerAlias
from .finding import find
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


def know_by_hand(work: Work, learner_id: int, address: str) -> None:
    """An administrator says that this address is the learner's, too; `Conflict` where it is somebody else's."""
    learner, key = find(work, Learner, learner_id, lock=True), canonical(check(address))
    others = (Learner.organisation_id == work.organisation_id, Learner.email_key == key, Learner.id != learner.id)
    if work.db.scalar(select(Learner.id).where(*others).limit(1)) is not None:
        raise Conflict("Another learner has this address.", field="address")
    know(work, learner, address)


def forget(work: Work, learner_id: int, address: str) -> None:
    """The address speaks for the learner no more; on record. `Conflict` for the one that mail goes to; one that is not known changes nothing."""
    learner, key = find(work, Learner, learner_id, lock=True), canonical(address)
    if key == canonical(learner.target_email or ""):
        raise Conflict("Mail goes to this address: let it go to the first one again before.", field="address")
    gone = delete(LearnerAlias).where(LearnerAlias.learner_id == learner.id, LearnerAlias.address_key == key)
    if work.db.execute(gone).rowcount:
        work.record("address forgotten", learner_id=learner.id)
