"""Planning: edits of a session collect as a plan that shows nowhere, until somebody publishes it as one change or discards it.

The plan is kept beside the session and not in it, so that nothing that reads the session (feeds, learners' pages, a first invitation,
a seat that comes free) can tell of it too early. Publishing itself is in `preview`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..errors import Conflict
from ..store.sessions import LiveSession
from ..training.changes import Change
from .finding import locked_session
from .work import Work

_TIMES = ("start", "end")


def planned(session: LiveSession) -> dict[str, Any]:
    """The fields that will be other ones, with the values they will have."""
    return {name: datetime.fromisoformat(value) if name in _TIMES else value for name, value in (session.plan or {}).items()}


def as_planned(session: LiveSession, name: str) -> Any:
    """A field of the session as it will be."""
    return planned(session).get(name, getattr(session, name))


def changes(session: LiveSession) -> list[Change]:
    """What is planned, field by field, with what it is now."""
    return [Change(name, getattr(session, name), value) for name, value in planned(session).items()]


def edit(
    work: Work, session: LiveSession, values: Mapping[str, Any], on: bool, check: Callable[[LiveSession, Mapping[str, Any]], None]
) -> LiveSession:
    """Put `values` into the plan, or end planning (`on` is False). `check(session, plan)` raises where the plan could not hold.

    Raises `Conflict` where planning would end with something still planned: nobody would know what becomes of it.
    """
    before = planned(session)
    if not on:
        if session.draft:
            raise Conflict("The session was never published: publish it, or cancel it; that ends planning.", field="planning")
        if before or values:
            raise Conflict("Changes are planned: publish them or discard them; that ends planning.", field="planning")
        session.planning = False
        return _noted(work, session, {}, verb="planning ended")
    after = {name: value for name, value in {**before, **values}.items() if value != getattr(session, name)}
    if session.planning and after == before:
        return session
    check(session, after)
    touched = [name for name in {**before, **after} if before.get(name, _NONE) != after.get(name, _NONE)]
    seen = {n: (before.get(n, getattr(session, n)), after.get(n, getattr(session, n))) for n in touched}
    session.plan = {name: _plain(value) for name, value in after.items()}
    session.planning = True
    return _noted(work, session, seen)


def discard(work: Work, session_id: int) -> LiveSession:
    """Forget what is planned and end planning; doing it twice changes nothing. What was never published stays planned, as it was made."""
    session = locked_session(work, session_id)
    if not session.planning or (session.draft and not session.plan):
        return session
    seen = {change.field: (change.after, change.before) for change in changes(session)}
    session.plan, session.planning = None, session.draft
    return _noted(work, session, seen, verb="plan discarded")


def take(work: Work, session: LiveSession) -> dict[str, Any]:
    """What is planned, to be published now: planning ends."""
    values = planned(session)
    session.plan, session.planning = None, False
    work.db.flush()
    return values


def _noted(work: Work, session: LiveSession, seen: Mapping[str, tuple[Any, Any]], verb: str = "planned") -> LiveSession:
    session.version += 1
    session.updated_at = work.now
    detail = {"version": session.version, "changes": {name: [_plain(old), _plain(new)] for name, (old, new) in seen.items()}}
    work.record(verb, live_session_id=session.id, detail=detail)
    work.db.flush()
    return session


_NONE = object()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
