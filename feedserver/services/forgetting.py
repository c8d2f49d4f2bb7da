"""Where an erased person is named in rows that are not theirs: as a guest or delegate of somebody, in files of learners, in addresses that were given away."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from ..imip.kinds import Kind
from ..store.audiences import AudienceFeed
from ..store.certificates import Certificate, CertificateWarning
from ..store.circles import Circle
from ..store.imports import READY, ImportJob
from ..store.learners import Learner, LearnerAlias
from ..store.outbox import CapturedMessage, Delivery
from ..store.proposals import Proposal
from ..store.reminders import ManagerOptOut, WeeklyMail, reader_of
from .work import Work

UNSTARTED = timedelta(days=30)
_LEFT_OUT = "Left out: the person was erased."
_QUIET = {"synchronize_session": False}


def by_inbound(db: Session, numbers: Collection[int]) -> None:
    """What proposals took from these messages; one that nobody has decided on ends with them."""
    _proposals(db, Proposal.inbound_id.in_(numbers))


def lists_naming(work: Work, learner: Learner) -> list[int]:
    """Mails to managers and compliance managers with this learner in a list: of certificates that end, of the team's week."""
    certificates = select(Certificate.id).where(Certificate.learner_id == learner.id)
    warned = select(CertificateWarning.delivery_id).where(CertificateWarning.certificate_id.in_(certificates))
    here = (Delivery.organisation_id == work.organisation_id, Delivery.learner_id.is_(None), Delivery.extra.is_not(None))
    ended = work.db.scalars(select(Delivery.id).where(*here, Delivery.kind == Kind.CERTIFICATES, Delivery.id.in_(warned)))
    weeks = work.db.execute(select(Delivery.id, Delivery.extra).where(*here, Delivery.kind == Kind.TEAM_DIGEST))
    return [*ended, *(number for number, extra in weeks if _names(json.dumps(extra, ensure_ascii=False), {_spelt(learner.name)}))]


def by_learner(work: Work, learner_id: int) -> None:
    """What names somebody by number alone, in no row of theirs."""
    mine = (WeeklyMail.organisation_id == work.organisation_id, WeeklyMail.reader == reader_of(learner_id))
    work.db.execute(delete(WeeklyMail).where(*mine).execution_options(**_QUIET))


def by_address(work: Work, addresses: Collection[str]) -> None:
    """Whatever names one of these canonical addresses in this organisation, and is nobody else's record."""
    db, here = work.db, work.organisation_id
    _proposals(db, and_(Proposal.organisation_id == here, func.lower(Proposal.guest_email).in_(addresses)))
    others = select(Learner.id).where(Learner.organisation_id == here)
    speaks = and_(LearnerAlias.address_key.in_(addresses), LearnerAlias.learner_id.in_(others))
    db.execute(delete(LearnerAlias).where(speaks).execution_options(**_QUIET))
    db.execute(
        delete(Circle).where(Circle.organisation_id == here, func.lower(Circle.recipient).in_(addresses)).execution_options(**_QUIET)
    )
    named = or_(AudienceFeed.subject.in_(addresses), *(AudienceFeed.subscriber.icontains(a, autoescape=True) for a in addresses))
    given = and_(AudienceFeed.organisation_id == here, named)
    # Given to somebody who is gone: nobody else may read on with it.
    gone = {
        "subscriber": "",
        "subject": "",
        "revoked_at": func.coalesce(AudienceFeed.revoked_at, literal(work.now, AudienceFeed.revoked_at.type)),
    }
    db.execute(update(AudienceFeed).where(given).values(gone).execution_options(**_QUIET))
    for one, address in ((WeeklyMail, WeeklyMail.reader), (ManagerOptOut, ManagerOptOut.address_key)):
        db.execute(delete(one).where(one.organisation_id == here, address.in_(addresses)).execution_options(**_QUIET))
    final = select(Delivery.id).where(Delivery.organisation_id == here, Delivery.recipient == "")
    kept = and_(func.lower(CapturedMessage.recipient).in_(addresses), CapturedMessage.delivery_id.in_(final))
    db.execute(delete(CapturedMessage).where(kept).execution_options(**_QUIET))
    _imports(work, addresses)


def unstarted(now: datetime) -> ColumnElement[bool]:
    """Files of learners that somebody looked at and never brought in."""
    return and_(ImportJob.state == READY, ImportJob.created_at < now - UNSTARTED)


def _proposals(db: Session, which: ColumnElement[bool]) -> None:
    values = {"guest_email": None, "guest_name": "", "comment": ""}
    db.execute(update(Proposal).where(which).values(values).execution_options(**_QUIET))
    db.execute(update(Proposal).where(which, Proposal.state == "open").values(state="refused").execution_options(**_QUIET))


def _imports(work: Work, addresses: Collection[str]) -> None:
    """Reasons that quote the person; a file with them in it that was not brought in yet would bring them back: it goes."""
    for job in work.db.scalars(select(ImportJob).where(ImportJob.organisation_id == work.organisation_id)):
        kept = [[line, _LEFT_OUT if _names(str(reason), addresses) else reason] for line, reason in job.refused or ()]
        if kept != job.refused:
            job.refused = kept
        if job.state == READY and _names(job.body.decode("utf-8", "replace"), addresses):
            work.db.delete(job)
    work.db.flush()


def _spelt(name: str) -> str:
    """A name as it stands within a text of JSON."""
    return json.dumps(name, ensure_ascii=False)[1:-1].lower()


def _names(text: str, addresses: Collection[str]) -> bool:
    return any(address in text.lower() for address in addresses)
