"""Idempotency keys: a repeated POST gets the first answer and acts once. The row is written in the transaction of the act itself."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import Conflict
from ..store.access import RememberedAnswer
from .work import Work

KEPT = timedelta(hours=24)
R_ = RememberedAnswer


def begin(work: Work, key: str, request_digest: str) -> tuple[int, bytes] | None:
    """The answer already given to this key, or None: then act, and `finish`. A concurrent twin waits here until the first has committed.

    Raises `Conflict` where the key was used for another request.
    """
    work.db.execute(delete(R_).where(R_.created_at < work.now - KEPT))
    dialect = work.db.get_bind().dialect.name
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = {"organisation_id": work.organisation_id, "key": key, "request_digest": request_digest, "created_at": work.now}
    if work.db.scalar(make(R_).values(**row).on_conflict_do_nothing().returning(R_.id)) is not None:
        return None
    known = work.db.execute(select(R_.request_digest, R_.status, R_.body).where(*_mine(work, key))).one()
    if known.request_digest != request_digest:
        raise Conflict("This key was used for another request within 24 hours; take a new key for a new request.", field="Idempotency-Key")
    return known.status, known.body


def finish(work: Work, key: str, status: int, body: bytes) -> None:
    """Keep the answer beside what was done."""
    work.db.execute(update(R_).where(*_mine(work, key)).values(status=status, body=body))


def _mine(work: Work, key: str) -> tuple:
    return R_.organisation_id == work.organisation_id, R_.key == key
