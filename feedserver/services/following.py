"""What changed in a transaction, noted as it is written, so that collections elsewhere follow in that same transaction.

Verbs need not know of it: rows that the ORM writes are seen here, what is written in bulk is named by `touched`. Where nobody listens
nothing is noted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.sessions import LiveSession, Revision
from . import publishing
from .work import Work

_KEY = "feedserver.following"
_TEAM = ("team", "manager_email")
# Written when a session starts or stops to settle: nothing that is shown.
_UNSEEN = {"settle_at"}


@dataclass
class _Noted:
    works: dict[int, Work] = field(default_factory=dict)
    sessions: set[int] = field(default_factory=set)
    people: set[int] = field(default_factory=set)
    learners: set[int] = field(default_factory=set)


def attach(work: Work) -> None:
    """From now on what this transaction changes is followed when it is committed, if anybody listens to the organisation."""
    if not publishing.listening(work.organisation):
        return
    noted = work.db.info.get(_KEY)
    if noted is None:
        noted = work.db.info[_KEY] = _Noted()
        event.listen(work.db, "after_flush", _note)
        event.listen(work.db, "before_commit", _follow)
    noted.works[work.organisation_id] = work


def touched(db: Session, *session_ids: int) -> None:
    """People of these sessions were enrolled or taken off by a statement that the ORM does not see row by row."""
    noted = db.info.get(_KEY)
    if noted is not None:
        noted.people.update(session_ids)


def moved(db: Session, *learner_ids: int) -> None:
    """These learners were given another team or manager by a statement that the ORM does not see row by row."""
    noted = db.info.get(_KEY)
    if noted is not None:
        noted.learners.update(learner_ids)


def _note(db: Session, _context: object) -> None:
    noted: _Noted = db.info[_KEY]
    for one in (*db.new, *db.dirty, *db.deleted):
        if isinstance(one, Revision):
            noted.sessions.add(one.live_session_id)
        elif isinstance(one, LiveSession):
            if one in db.new or one in db.deleted or _changed(one) - _UNSEEN:
                noted.sessions.add(one.id)
        elif isinstance(one, Enrolment):
            noted.people.add(one.live_session_id)
        elif isinstance(one, Learner) and one not in db.new and _changed(one).intersection(_TEAM):
            noted.learners.add(one.id)


def _changed(one: object) -> set[str]:
    state = inspect(one)
    return {column.key for column in state.mapper.column_attrs if state.attrs[column.key].history.has_changes()}


def _follow(db: Session) -> None:
    if db.in_nested_transaction():
        return  # a savepoint: the transaction itself is still to come
    db.flush()
    noted: _Noted = db.info[_KEY]
    sessions, people, learners = noted.sessions, noted.people, noted.learners
    noted.sessions, noted.people, noted.learners = set(), set(), set()
    if not (sessions or people or learners):
        return
    for work in noted.works.values():
        publishing.follow(work, sessions, learners, people)
