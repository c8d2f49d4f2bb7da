"""Zone data changes: wall time and zone are the truth (design decision 11), so the instants derived from them move, and calendars need the new VTIMEZONE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..errors import Conflict
from ..store.sessions import TAKES_PLACE, LiveSession
from ..training import recurrence
from . import notifying, series_own
from .finding import locked_session
from .series_rows import dates_of, leave_out, span
from .session_fields import TIMES, instants
from .work import Work

_S = LiveSession
# An instant that has moved into the past or out of it is still looked at.
_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shifted:
    """A session, or a series (`session_id` is its head), that the present zone data puts at another instant; `was` and `now` of its first such date."""

    organisation_id: int
    session_id: int
    title: str
    timezone: str
    was: datetime
    now: datetime
    dates: int = 1


def shifted(db: Session, now: datetime, organisation_id: int | None = None, session_id: int | None = None) -> list[Shifted]:
    """What is to come and stands at another instant than its wall time and zone say now, by date; of one organisation, session or series where named."""
    columns = (_S.id, _S.series_id, _S.organisation_id, _S.title, _S.start, _S.end, _S.timezone, _S.fold, _S.starts_at, _S.ends_at)
    query = select(*columns).where(TAKES_PLACE, _S.status == "scheduled", _S.ends_at > now - _MARGIN).order_by(_S.starts_at, _S.id)
    if organisation_id is not None:
        query = query.where(_S.organisation_id == organisation_id)
    if session_id is not None:
        query = query.where((_S.id == session_id) | (_S.series_id == session_id))
    found: dict[int, Shifted] = {}
    for row in db.execute(query):
        at = instants({name: getattr(row, name) for name in TIMES})
        if (at["starts_at"], at["ends_at"]) == (row.starts_at, row.ends_at):
            continue
        one = row.series_id or row.id
        if one in found:
            found[one] = replace(found[one], dates=found[one].dates + 1)
        else:
            found[one] = Shifted(row.organisation_id, one, row.title, row.timezone, row.starts_at, at["starts_at"])
    return list(found.values())


def reissue(work: Work, session_id: int) -> int:
    """Derive the instants again and send it once more to whom it moved: local time, answer and seat stay. Returns the number of messages.

    Of a date of a series the whole series. A second time changes nothing.
    """
    session = locked_session(work, session_id)
    if session.status == "cancelled":
        raise Conflict("The session is cancelled and stays so; there is nothing to send again.")
    if session.series_id is not None:
        session = locked_session(work, session.series_id)
    if session.is_series:
        return _series(work, session)
    return _tell(work, session) if _derive(work, session) else 0


def _series(work: Work, head: LiveSession) -> int:
    dates = dates_of(work, head)
    moved = [one for one in dates if one.status == "scheduled" and _derive(work, one)]
    if not moved:
        return 0
    by_rule = [one for one in dates if one.entry_mode != "extra"]
    rule = recurrence.parse_rule(head.recurrence, head.timezone)
    # UNTIL is an instant, made with the zone data of before: how many dates it left is what holds.
    number = rule.count or sum(one.recurrence_id <= rule.until for one in by_rule)
    counted = replace(rule, until=None, count=number)
    if rule.until:
        head.recurrence = recurrence.closed(counted, head.start, head.timezone).text()
    for date, one in zip(by_rule, recurrence.occurrences(counted, head.start, head.end, head.timezone), strict=False):
        date.recurrence_id = one.recurrence_id
    span(head, dates)
    head.version += 1
    head.updated_at = work.now
    leave_out(work, head)
    series_own.refresh(work, head)
    work.record("reissued", live_session_id=head.id, detail={"version": head.version, "dates": len(moved)})
    return sum(_tell(work, one) for one in (*(one for one in moved if one.own_entry), head))


def _derive(work: Work, session: LiveSession) -> bool:
    """Whether that moved it. What was over stays as it was."""
    at = instants({name: getattr(session, name) for name in TIMES})
    before = (session.starts_at, session.ends_at)
    if (at["starts_at"], at["ends_at"]) == before or max(before[1], at["ends_at"]) <= work.now:
        return False
    session.starts_at, session.ends_at = at["starts_at"], at["ends_at"]
    session.version += 1
    session.updated_at = work.now
    detail = {"version": session.version, "starts_at": [before[0].isoformat(), session.starts_at.isoformat()]}
    work.record("reissued", live_session_id=session.id, detail=detail)
    work.db.flush()
    return True


def _tell(work: Work, session: LiveSession) -> int:
    return 0 if session.draft else notifying.publish(work, session, by_zone=True)
