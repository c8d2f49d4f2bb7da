"""What a transaction wrote to the history and what it published, gathered as it is written, for webhooks and chat channels.

Verbs need not know of it: rows that the ORM writes are seen when they are flushed, those of a bulk INSERT when it is sent, and what a savepoint
takes back is forgotten with it (docs/decisions/0015-events-from-the-history.md). Where nobody listens nothing is gathered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from ..store.history import HistoryEntry
from ..store.organisations import Organisation
from ..store.sessions import Revision
from . import announcing, webhook_events
from .event_types import Happened
from .work import Work

_KEY = "feedserver.noting"


@dataclass
class _Noted:
    works: dict[int, Work] = field(default_factory=dict)
    happened: list[Happened | Revision] = field(default_factory=list)
    marks: dict[SessionTransaction, int] = field(default_factory=dict)


def listening(organisation: Organisation) -> bool:
    """Whether anybody wants to hear of changes."""
    return bool(organisation.webhook_listeners or organisation.chat_listeners)


def attach(work: Work) -> None:
    """From now on what this transaction does is told when it is committed, if anybody listens to the organisation."""
    if not listening(work.organisation):
        return
    noted = work.db.info.get(_KEY)
    if noted is None:
        work.db.info[_KEY] = noted = _Noted()
        event.listen(work.db, "after_flush", _flushed)
        event.listen(work.db, "do_orm_execute", _executed)
        event.listen(work.db, "after_transaction_create", _begun)
        event.listen(work.db, "after_soft_rollback", _taken_back)
        event.listen(work.db, "before_commit", _tell)
    noted.works[work.organisation_id] = work


def _flushed(db: Session, _context: object) -> None:
    noted: _Noted = db.info[_KEY]
    for one in db.new:
        if isinstance(one, HistoryEntry):
            noted.happened.append(Happened.of(vars(one)))
        elif isinstance(one, Revision):
            noted.happened.append(one)


def _executed(state: ORMExecuteState) -> None:
    if state.is_insert and state.statement.table.name == HistoryEntry.__tablename__:
        rows = state.parameters if isinstance(state.parameters, list) else [state.parameters]
        state.session.info[_KEY].happened.extend(Happened.of(one) for one in rows)


def _begun(db: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        noted: _Noted = db.info[_KEY]
        noted.marks[transaction] = len(noted.happened)


def _taken_back(db: Session, previous: SessionTransaction) -> None:
    noted: _Noted = db.info[_KEY]
    if previous.nested and previous in noted.marks:
        del noted.happened[noted.marks.pop(previous) :]


def _tell(db: Session) -> None:
    if db.in_nested_transaction():
        return  # a savepoint: the transaction itself is still to come
    db.flush()
    noted: _Noted = db.info[_KEY]
    found, noted.happened = noted.happened, []
    if not found:
        return
    for organisation_id, work in noted.works.items():
        mine = [one for one in found if isinstance(one, Happened) and one.organisation_id == organisation_id]
        if work.organisation.webhook_listeners and mine:
            webhook_events.write(work, mine)
        if work.organisation.chat_listeners:
            announcing.announce(work, mine, [one for one in found if isinstance(one, Revision)])
