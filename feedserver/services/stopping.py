"""Mails that people can stop: reminders, the week's plan, the list of a team; by one click (RFC 8058), on their page, by the word Stop."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from .. import tokens
from ..addresses import canonical
from ..errors import Invalid
from ..imip.kinds import STOPS
from ..store import keys
from ..store.learners import DIGESTS, Learner
from ..store.organisations import Organisation
from ..store.outbox import Delivery
from ..store.reminders import ManagerOptOut
from . import reminding
from .rendering import Kind
from .work import Work


@dataclass(frozen=True, slots=True)
class Mailing:
    """What a link can stop: mails of a kind, to a learner, or to the manager with this address."""

    kind: Kind
    organisation_id: int
    learner_id: int | None = None
    address: str = ""


def mailing_of(db: Session, token: str) -> Mailing | None:
    """What the token of a link of ours names; None for another, or for somebody who is gone."""
    payload = tokens.read(tokens.STOP, token, keys.usable(db).values())
    kind, _, whose = (payload or "").partition(".")
    if kind not in STOPS:
        return None
    if kind == Kind.TEAM_DIGEST:
        number, _, address = whose.partition(".")
        here = db.get(Organisation, int(number))
        return Mailing(Kind(kind), here.id, address=canonical(tokens.decoded(address))) if here else None
    learner = db.scalars(select(Learner).where(Learner.page_id == whose)).first()
    return Mailing(Kind(kind), learner.organisation_id, learner.id) if learner else None


def stopped(work: Work, mailing: Mailing) -> bool:
    """Whether such mails are stopped."""
    if mailing.learner_id is None:
        return work.db.scalar(select(ManagerOptOut.id).where(*_managers(work, mailing.address)).limit(1)) is not None
    learner = work.db.get_one(Learner, mailing.learner_id)
    return learner.digest == "none" if mailing.kind is Kind.DIGEST else learner.reminders_off_at is not None


def stop(work: Work, mailing: Mailing, off: bool = True) -> None:
    """No such mails any more; or again. A second time changes nothing."""
    if stopped(work, mailing) == off:
        return
    if mailing.learner_id is None:
        _stop_manager(work, mailing.address, off)
        return
    learner = work.db.get_one(Learner, mailing.learner_id, with_for_update=True)
    if mailing.kind is Kind.DIGEST:
        choose_digest(work, learner, "none" if off else "weekly")
    else:
        reminding.stop(work, learner, off)


def choose_digest(work: Work, learner: Learner, digest: str) -> None:
    """A week's plan by mail on Mondays, or none. Raises `Invalid`."""
    if digest not in DIGESTS:
        raise Invalid(f"Choose one of {', '.join(DIGESTS)}.", field="digest")
    if learner.digest == digest:
        return
    learner.digest = digest
    learner.version += 1
    work.record("digest chosen", learner_id=learner.id, detail={"to": digest})
    if digest == "none":
        reminding.withdraw(work, and_(Delivery.learner_id == learner.id, Delivery.kind == Kind.DIGEST.value))


def by_address(work: Work, address: str, learner: Learner | None) -> bool:
    """The word Stop came from this address, and it is theirs: everything that can be stopped is. False where there is nothing to stop."""
    key = canonical(address)
    here = (Learner.organisation_id == work.organisation_id, func.lower(Learner.manager_email) == key)
    manages = work.db.scalar(select(Learner.id).where(*here).limit(1)) is not None
    if manages:
        stop(work, Mailing(Kind.TEAM_DIGEST, work.organisation_id, address=key))
    if learner is not None:
        reminding.stop(work, learner, off=True)
        choose_digest(work, learner, "none")
    return manages or learner is not None


def _stop_manager(work: Work, address: str, off: bool) -> None:
    if off:
        work.db.add(ManagerOptOut(organisation_id=work.organisation_id, address_key=address, created_at=work.now))
        mine = (Delivery.organisation_id == work.organisation_id, func.lower(Delivery.recipient) == address)
        reminding.withdraw(work, and_(*mine, Delivery.kind == Kind.TEAM_DIGEST.value))
    else:
        work.db.execute(delete(ManagerOptOut).where(*_managers(work, address)))
    work.record("team list stopped" if off else "team list wanted again")
    work.db.flush()


def _managers(work: Work, address: str) -> tuple:
    return ManagerOptOut.organisation_id == work.organisation_id, ManagerOptOut.address_key == address
