"""Which version of a session each person's calendar holds, by what came back: an answer or a fetched feed; a mail handed over proves nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, select

from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.feeds import Feed
from ..store.sessions import LiveSession, Revision
from ..training.statuses import SEATED
from .work import Work

E_ = CalendarEntry
_REVISIONS = 200


def moved_at(work: Work, session: LiveSession) -> datetime | None:
    """When the present time was published, where people had been told another before; None where it never moved."""
    rows = work.db.execute(
        select(Revision.starts_at, Revision.ends_at, Revision.frozen_at)
        .where(Revision.live_session_id == session.id)
        .order_by(Revision.number.desc())
        .limit(_REVISIONS)
    ).all()
    since = None
    for row in rows:
        if (row.starts_at, row.ends_at) != (rows[0].starts_at, rows[0].ends_at):
            return since
        since = row.frozen_at
    return None


def may_have_the_old_time(session: LiveSession, moved: datetime) -> ColumnElement[bool]:
    """Condition on entries joined with their enrolments: told before it moved, and since then neither answered nor fetched."""
    fetched = exists().where(
        Feed.learner_id == E_.learner_id, Feed.revoked_at.is_(None), Feed.content == "everything", Feed.last_fetched_at >= moved
    )
    return and_(
        E_.live_session_id == session.id,
        E_.ended_at.is_(None),
        E_.created_at < moved,
        E_.partstat == "NEEDS-ACTION",
        Enrolment.status.in_(SEATED),
        ~fetched,
    )


def number_behind(work: Work, session: LiveSession) -> int | None:
    """How many may still have the old time; None where it never moved, or does not matter any more."""
    moved = moved_at(work, session)
    if moved is None or session.status != "scheduled" or session.ends_at <= work.now:
        return None
    query = select(func.count()).select_from(E_).join(Enrolment, and_(Enrolment.id == E_.enrolment_id, Enrolment.entry_id == E_.id))
    return work.db.scalar(query.where(may_have_the_old_time(session, moved)))


def fetched_since(work: Work, learner_ids: list[int]) -> dict[int, tuple[datetime, str]]:
    """When each of these learners' feeds was last fetched, and by which program; those never fetched are left out."""
    query = (
        select(Feed.learner_id, Feed.last_fetched_at, Feed.last_user_agent)
        .where(Feed.learner_id.in_(learner_ids), Feed.revoked_at.is_(None), Feed.content == "everything", Feed.last_fetched_at.is_not(None))
        .order_by(Feed.last_fetched_at)
    )
    return {row.learner_id: (row.last_fetched_at, row.last_user_agent or "") for row in work.db.execute(query)}
