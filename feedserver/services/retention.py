"""How long things are kept (docs/operations.md; GDPR article 5.1 e): what is past its time goes, in portions that keep every transaction short.

Nothing that is still to be sent, judged or decided is touched. What somebody leaves behind who was removed goes as soon as it is final.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from ..store.access import BrowserSession, RememberedAnswer, SignInLink
from ..store.base import Base
from ..store.circles import Circle
from ..store.imports import ImportJob
from ..store.inbox import PENDING, InboundMessage
from ..store.learners import Learner
from ..store.outbox import FINAL, SENDING, CapturedMessage, Delivery, MailSkeleton, Worker
from ..store.verdicts import SenderQuestion, VerdictRow
from . import forgetting
from .remembering import KEPT

RAW_INBOUND = timedelta(days=90)
QUARANTINED = timedelta(days=180)
CAPTURED = timedelta(days=30)
DELIVERED = timedelta(days=180)
ENTRANCES = timedelta(days=30)
WORKERS = timedelta(days=7)
AT_ONCE = 5000
_AT_A_TIME = 500
ERASED = "Erased with the person it concerned."
_QUIET = {"synchronize_session": False}
D_, M_ = Delivery, InboundMessage


def tidy(db: Session, now: datetime) -> dict[str, int]:
    """Let go what is past its time, at most 5,000 rows of a kind; returns how many of each. Called every hour, it keeps up with any load."""
    done = {
        "deliveries": forget_deliveries(db, or_(D_.final_at < now - DELIVERED, left_behind(D_.learner_id))),
        "inbound": _drop_raw(db, now) + forget_inbound(db, and_(left_behind(M_.learner_id), M_.outcome != PENDING)),
        "captured": _delete(db, CapturedMessage, or_(CapturedMessage.captured_at < now - CAPTURED, _captured_of_erased())),
        "skeletons": _drop_skeletons(db, now),
        "answers": _delete(db, RememberedAnswer, RememberedAnswer.created_at < now - KEPT),
        "imports": _delete(db, ImportJob, forgetting.unstarted(now)),
        "sign_in_links": _delete(db, SignInLink, SignInLink.expires_at < now - ENTRANCES),
        "browser_sessions": _delete(db, BrowserSession, BrowserSession.expires_at < now - ENTRANCES),
        "workers": _drop_workers(db, now),
        "circles": _delete(db, Circle, Circle.sent_at < now - DELIVERED),
    }
    return done


def left_behind(learner_id) -> ColumnElement[bool]:
    """Whether a row's learner is no longer there."""
    return and_(learner_id.is_not(None), ~exists().where(Learner.id == learner_id))


def forget_deliveries(db: Session, which: ColumnElement[bool], limit: int = AT_ONCE) -> int:
    """Clear whom final deliveries went to; what was sent when, and how it ended, stays. Returns how many."""
    chosen = select(D_.id).where(D_.state.in_(FINAL), D_.recipient != "", which).order_by(D_.id).limit(limit)
    values = {"recipient": "", "recipient_name": "", "page_id": "", "uid": None, "extra": None, "last_error": None}
    return db.execute(update(D_).where(D_.id.in_(chosen)).values(**values).execution_options(**_QUIET)).rowcount


def forget_inbound(db: Session, which: ColumnElement[bool], limit: int = AT_ONCE) -> int:
    """Clear what messages said and who sent them; the outcome stays. Returns how many."""
    chosen = select(M_.id).where(M_.reason != ERASED, which).order_by(M_.id).limit(limit)
    values = {
        "raw": b"", "sha256": "", "sender": "", "subject": "", "envelope_from": "", "envelope_to": [], "peer": "", "evidence": None, "reason": ERASED,
    }  # fmt: skip
    numbers = list(db.scalars(chosen))
    for some in (numbers[i : i + _AT_A_TIME] for i in range(0, len(numbers), _AT_A_TIME)):
        judged = update(VerdictRow).where(VerdictRow.inbound_id.in_(some)).values(evidence=None, reason=ERASED, by="")
        db.execute(judged.execution_options(**_QUIET))
        db.execute(delete(SenderQuestion).where(SenderQuestion.inbound_id.in_(some)).execution_options(**_QUIET))
        forgetting.by_inbound(db, some)
        db.execute(update(M_).where(M_.id.in_(some)).values(**values).execution_options(**_QUIET))
    return len(numbers)


def _drop_raw(db: Session, now: datetime) -> int:
    """Octets and evidence of decided messages after 90 days, of quarantined ones after 180; never of one that is still to be judged. Verdicts stay."""
    decided = and_(M_.outcome.not_in((PENDING, "quarantined")), M_.received_at < now - RAW_INBOUND)
    undecided = and_(M_.outcome == "quarantined", M_.received_at < now - QUARANTINED)
    chosen = select(M_.id).where(func.length(M_.raw) > 0, or_(decided, undecided)).order_by(M_.id).limit(AT_ONCE)
    db.execute(update(VerdictRow).where(VerdictRow.inbound_id.in_(chosen)).values(evidence=None).execution_options(**_QUIET))
    return db.execute(update(M_).where(M_.id.in_(chosen)).values(raw=b"", evidence=None).execution_options(**_QUIET)).rowcount


def _captured_of_erased() -> ColumnElement[bool]:
    return exists().where(D_.id == CapturedMessage.delivery_id, D_.recipient == "")


def _drop_skeletons(db: Session, now: datetime) -> int:
    """Old skeletons that no delivery can be filled from any more; the newest one stays, so that its number is not given again."""
    newest = db.scalar(select(func.max(MailSkeleton.id))) or 0
    old = list(
        db.scalars(select(MailSkeleton.id).where(MailSkeleton.created_at < now - DELIVERED, MailSkeleton.id < newest).limit(AT_ONCE))
    )
    if not old:
        return 0
    needed = select(D_.skeleton_id).where(D_.recipient != "", D_.skeleton_id.between(min(old), max(old)))
    return _delete(db, MailSkeleton, and_(MailSkeleton.id.in_(old), MailSkeleton.id.not_in(needed)))


def _drop_workers(db: Session, now: datetime) -> int:
    sending = exists().where(D_.state == SENDING, D_.worker_id == Worker.id)
    judging = exists().where(M_.outcome == PENDING, M_.worker_id == Worker.id)
    newest = select(func.max(Worker.id)).scalar_subquery()
    return _delete(db, Worker, and_(Worker.alive_until < now - WORKERS, Worker.id < newest, ~sending, ~judging))


def _delete(db: Session, row: type[Base], which: ColumnElement[bool]) -> int:
    chosen = select(row.id).where(which).limit(AT_ONCE)
    return db.execute(delete(row).where(row.id.in_(chosen)).execution_options(**_QUIET)).rowcount
