"""A person is erased (GDPR article 17): what stays is numbers alone, and nothing goes that a message on its way still needs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, LargeBinary, and_, case, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from ..addresses import canonical
from ..errors import NotFound
from ..store.access import RememberedAnswer, SignIn
from ..store.enrolments import Enrolment
from ..store.inbox import PENDING, InboundMessage
from ..store.learners import ALIAS, Learner, LearnerAlias
from ..store.outbox import DEFERRED, OPEN, QUEUED, SUPPRESSED, CapturedMessage, Delivery
from . import forgetting, learning, syncing, verbs_roster
from .retention import ERASED, forget_deliveries, forget_inbound
from .work import Work

_ALL = 10**9
_QUIET = {"synchronize_session": False}
D_, M_ = Delivery, InboundMessage


@dataclass(frozen=True)
class Erased:
    """What erasing left for later: messages that still go out, messages not judged yet; and whether the address still signs in."""

    on_their_way: int
    unjudged: int
    signs_in: bool


def learner_of(work: Work, email: str) -> Learner | None:
    """The learner with this address, or with it as an alias."""
    key = canonical(email)
    mine = Learner.organisation_id == work.organisation_id
    found = work.db.scalars(select(Learner).where(mine, Learner.email_key == key)).first()
    alias = select(Learner).join(LearnerAlias, LearnerAlias.learner_id == Learner.id)
    alias = alias.where(mine, LearnerAlias.address_key == key, LearnerAlias.kind == ALIAS)
    return found or work.db.scalars(alias.order_by(Learner.id)).first()


def erase(work: Work, email: str) -> Erased:
    """Erase the learner: coming sessions are cancelled for them first, then name, addresses, tokens, answers and mail go.

    A CANCEL on its way keeps its address until it is final; erasing again, or `retention.tidy`, then clears it. Raises `NotFound` where
    nothing of that address is left.
    """
    key = canonical(email)
    learner = learner_of(work, email)
    addresses, words = {key}, {key}
    if learner is not None:
        # A delegate's address is somebody else's.
        own = select(LearnerAlias.address_key).where(LearnerAlias.learner_id == learner.id, LearnerAlias.kind == ALIAS)
        addresses |= {learner.email_key, *work.db.scalars(own)}
        words |= addresses | {learner.email, learner.name}
    going = _of(work, learner, addresses)
    deliveries = list(work.db.scalars(select(D_.id).where(going)))
    inbound = _inbound(work, learner, addresses, deliveries)
    if learner is None and not deliveries and work.db.scalar(select(M_.id).where(inbound, M_.reason != ERASED).limit(1)) is None:
        raise NotFound(f"There is no learner {email[:80]!r} in this organisation, and nothing of them is left.")
    _overwrite_what_is_deleted(work.db)
    if learner is not None:
        syncing.forget(work, learner.external_id, learner.id, addresses)
        learning.remove_learner(work, learner.id)
    _hold_back_notices(work, going)
    forget_deliveries(work.db, going, _ALL)
    work.db.execute(delete(CapturedMessage).where(CapturedMessage.delivery_id.in_(_cleared(deliveries))).execution_options(**_QUIET))
    forget_inbound(work.db, and_(M_.outcome != PENDING, inbound), _ALL)
    _forget_elsewhere(work, addresses, words)
    return Erased(
        on_their_way=_count(work.db, D_, and_(going, D_.state.in_(OPEN))),
        unjudged=_count(work.db, M_, and_(inbound, M_.outcome == PENDING)),
        signs_in=_count(work.db, SignIn, and_(SignIn.organisation_id == work.organisation_id, SignIn.email_key.in_(addresses))) > 0,
    )


def _of(work: Work, learner: Learner | None, addresses: set[str]) -> ColumnElement[bool]:
    """The person's deliveries, by who they are or by the address, and those to others that name them, as far as they are not cleared yet."""
    mine = func.lower(D_.recipient).in_(addresses)
    if learner is not None:
        # A mail that asks somebody to approve names the learner and goes to no learner.
        enrolments = list(work.db.scalars(select(Enrolment.id).where(Enrolment.learner_id == learner.id)))
        mine = or_(mine, D_.learner_id == learner.id, and_(D_.learner_id.is_(None), D_.enrolment_id.in_(enrolments)))
        # So does a list for instructors.
        theirs = list(work.db.scalars(select(Enrolment.live_session_id).where(Enrolment.learner_id == learner.id)))
        mine = or_(mine, and_(D_.kind.in_(verbs_roster.KINDS), D_.live_session_id.in_(theirs)))
        # And lists for managers and compliance managers.
        mine = or_(mine, D_.id.in_(forgetting.lists_naming(work, learner)))
    return and_(D_.organisation_id == work.organisation_id, D_.recipient != "", mine)


def _inbound(work: Work, learner: Learner | None, addresses: set[str], deliveries: list[int]) -> ColumnElement[bool]:
    """Messages that are theirs: sent by them, about them, a bounce of theirs, or with one of their addresses in it."""
    theirs = [func.lower(M_.sender).in_(addresses), func.lower(M_.envelope_from).in_(addresses)]
    theirs += [_holds(work.db, M_.raw, address) for address in addresses]
    if learner is not None:
        enrolments = list(work.db.scalars(select(Enrolment.id).where(Enrolment.learner_id == learner.id)))
        theirs += [M_.learner_id == learner.id, M_.enrolment_id.in_(enrolments)]
    if deliveries:
        theirs.append(M_.delivery_id.in_(deliveries))
    return and_(or_(M_.organisation_id == work.organisation_id, M_.organisation_id.is_(None)), or_(*theirs))


def _hold_back_notices(work: Work, going: ColumnElement[bool]) -> None:
    """Only what takes an entry out of a calendar still goes to somebody who has left."""
    needless = and_(going, D_.state.in_((QUEUED, DEFERRED)), D_.ambiguous == 0, or_(D_.method.is_(None), D_.method != "CANCEL"))
    values = {"state": SUPPRESSED, "final_at": work.now}
    work.db.execute(update(D_).where(needless).values(**values).execution_options(**_QUIET))


def _cleared(deliveries: list[int]):
    return select(D_.id).where(D_.id.in_(deliveries), D_.recipient == "")


def _forget_elsewhere(work: Work, addresses: set[str], words: set[str]) -> None:
    """Where somebody is named beside their own rows: as a manager, and in answers that are remembered for a repeated call."""
    managed = and_(Learner.organisation_id == work.organisation_id, func.lower(Learner.manager_email).in_(addresses))
    work.db.execute(update(Learner).where(managed).values(manager_email=None).execution_options(**_QUIET))
    named = or_(*(_holds(work.db, RememberedAnswer.body, word) for word in words))
    answers = and_(RememberedAnswer.organisation_id == work.organisation_id, named)
    work.db.execute(delete(RememberedAnswer).where(answers).execution_options(**_QUIET))
    forgetting.by_address(work, addresses)


def _holds(db: Session, column, text: str) -> ColumnElement[bool]:
    """Whether octets hold this text, spelt so."""
    needle = literal(text.encode(), LargeBinary)
    found = func.instr(column, needle) if _is_sqlite(db) else func.position(needle.op("IN")(column))
    return case((column.is_(None), 0), else_=found) > 0


def _overwrite_what_is_deleted(db: Session) -> None:
    """SQLite leaves deleted text in free pages unless told otherwise."""
    if _is_sqlite(db):
        db.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _is_sqlite(db: Session) -> bool:
    return db.get_bind().dialect.name == "sqlite"


def _count(db: Session, row, which: ColumnElement[bool]) -> int:
    return db.scalar(select(func.count()).select_from(row).where(which)) or 0
