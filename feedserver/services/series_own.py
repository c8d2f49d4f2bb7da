"""What one learner's entry of a series says besides: the dates that they are not in, and the series that a moved date left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select, update

from ..ical import vevent
from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.sessions import LiveSession
from ..training.statuses import EnrolmentStatus
from .dispatching import bump_feeds
from .work import Work

E_ = CalendarEntry
_NOT_IN = (EnrolmentStatus.DECLINED, EnrolmentStatus.CANCELLED)


def refresh(work: Work, session: LiveSession, learner_ids: Iterable[int] | None = None) -> None:
    """Set `own` of the live entries of a series, or of a date that left one; `learner_ids` narrows it. Other sessions have nothing of the kind."""
    if session.entry_mode == "rule":
        _dates_out(work, session, learner_ids)
    elif session.entry_mode in ("moved", "extra"):
        _related(work, session, learner_ids)


def _dates_out(work: Work, head: LiveSession, learner_ids: Iterable[int] | None) -> None:
    """A date is out for who said No to it alone, was taken off it, or came after it."""
    dates = (LiveSession.series_id == head.id, LiveSession.own_entry.is_(False), LiveSession.status == "scheduled")
    starts = {one.id: one.start.isoformat() for one in work.db.execute(select(LiveSession.id, LiveSession.start).where(*dates))}
    entries = _live(work, head, learner_ids)
    query = (
        select(Enrolment.learner_id, Enrolment.live_session_id)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(*dates, Enrolment.status.not_in(_NOT_IN), Enrolment.learner_id.in_({learner for _, learner, _ in entries}))
    )
    whole = (Enrolment.live_session_id == head.id, Enrolment.status.in_(_NOT_IN))
    declined = set(work.db.scalars(select(Enrolment.learner_id).where(*whole)))
    attended: dict[int, set[int]] = defaultdict(set)
    for learner_id, date_id in work.db.execute(query):
        attended[learner_id].add(date_id)
    snapshot = head.snapshot(work.db.get_one(Course, head.course_id))
    tzid = vevent.tzid_of(snapshot)
    for entry_id, learner_id, present in entries:
        out = sorted(vevent.wall(starts[date], tzid, head.timezone) for date in starts.keys() - attended[learner_id])
        # Who said No to the whole says so by PARTSTAT; who is in dates of their own alone is shown none of the rule.
        _set(work, entry_id, present, {"out": out, "tzid": tzid} if out and learner_id not in declined else None)


def _related(work: Work, session: LiveSession, learner_ids: Iterable[int] | None) -> None:
    entries = _live(work, session, learner_ids)
    query = (
        select(E_.learner_id, E_.uid).where(E_.live_session_id == session.series_id, E_.learner_id.in_({one for _, one, _ in entries}))
        .order_by(E_.id)
    )  # fmt: skip
    uids = dict(work.db.execute(query).all())
    for entry_id, learner_id, present in entries:
        _set(work, entry_id, present, {"related": uids[learner_id]} if learner_id in uids else None)


def _live(work: Work, session: LiveSession, learner_ids: Iterable[int] | None) -> list[tuple[int, int, dict | None]]:
    query = select(E_.id, E_.learner_id, E_.own).where(E_.live_session_id == session.id, E_.ended_at.is_(None))
    if learner_ids is not None:
        query = query.where(E_.learner_id.in_(list(learner_ids)))
    return [tuple(row) for row in work.db.execute(query)]


def _set(work: Work, entry_id: int, present: dict | None, own: dict | None) -> None:
    if own != present:
        work.db.execute(update(E_).where(E_.id == entry_id).values(own=own).execution_options(synchronize_session=False))
        bump_feeds(work, E_.id == entry_id)
