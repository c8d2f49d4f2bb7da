"""Join links: where the organisation wishes, entries lead to a page of ours whose button notes who joined and leads on.

What is noted during the session proposes Attended on the attendance page; it never records it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update

from .. import tokens
from ..errors import Conflict
from ..ical.plaintext import web_url
from ..store import keys
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.learners import FeedVersion
from ..store.sessions import LiveSession, Revision, RevisionVevent
from ..training.attendance import counts_as_joining
from ..training.statuses import EnrolmentStatus
from . import rendering
from .finding import find, locked_session
from .work import Work

S = EnrolmentStatus
MAY_JOIN = (S.INVITED, S.REGISTERED, S.ATTENDED, S.ABSENT, S.GO_SHOW)
_AT_ONCE = 500


def links(work: Work, enrolments: Iterable[tuple[Enrolment, LiveSession]]) -> dict[int, str]:
    """Where each person joins, by enrolment: a page of their own, or the session's link, as the organisation wishes; "" where there is none."""
    paged = work.organisation.join_links == rendering.JOIN_PAGE
    return {
        e.id: work.base_url + tokens.join_path(e.id, work.key_secret) if paged and web_url(s.join_url) else web_url(s.join_url) for e, s in enrolments
    }  # fmt: skip


def enrolment_of(db, token: str) -> Enrolment | None:
    """Whose join page it is, else None."""
    text = tokens.read(tokens.JOIN, token, keys.usable(db).values())
    return db.get(Enrolment, int(text)) if text and text.isdecimal() and len(text) < 19 else None


def state_of(work: Work, enrolment: Enrolment, session: LiveSession) -> str:
    """What the page can offer: `open`, or why not: `cancelled`, `over`, `off` (not in the session), `none` (no link yet)."""
    if session.status != "scheduled":
        return "cancelled"
    if enrolment.status not in MAY_JOIN:
        return "off"
    if session.ends_at <= work.now:
        return "over"
    return "open" if web_url(session.join_url) else "none"


def join(work: Work, enrolment_id: int) -> str:
    """The link of the session, the only place that this ever leads to; noted from a quarter of an hour before the start to the end."""
    session = locked_session(work, find(work, Enrolment, enrolment_id).live_session_id)
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    if state_of(work, enrolment, session) != "open":
        raise Conflict("There is nothing to join here any more.")
    if session.is_series:
        enrolment, session = _in_date_now(work, enrolment, session)
    if enrolment.joined_at is None and counts_as_joining(session.starts_at, session.ends_at, work.now):
        enrolment.joined_at = work.now
        work.record("joined online", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id)
        work.db.flush()
    return web_url(session.join_url)


def _in_date_now(work: Work, enrolment: Enrolment, head: LiveSession) -> tuple[Enrolment, LiveSession]:
    """One entry stands for all dates of a series, so its link does too: it is noted for the date that is on, or is the next."""
    query = (
        select(Enrolment, LiveSession)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(LiveSession.series_id == head.id, LiveSession.status == "scheduled", LiveSession.ends_at > work.now)
        .where(Enrolment.learner_id == enrolment.learner_id, Enrolment.status.in_(MAY_JOIN))
        .order_by(LiveSession.starts_at)
        .limit(1)
    )
    found = work.db.execute(query).first()
    return (found[0], found[1]) if found else (enrolment, head)


def switched(work: Work) -> int:
    """The organisation has changed its mind about join links: what feeds show of coming sessions is rendered again. Nobody is sent anything.

    Invitations that were sent keep the link they have; both kinds go on working. Returns the number of revisions.
    """
    query = (
        select(Revision)
        .join(LiveSession, LiveSession.id == Revision.live_session_id)
        .join(CalendarEntry, CalendarEntry.revision_id == Revision.id)
        .where(
            LiveSession.organisation_id == work.organisation_id, LiveSession.ends_at > work.now, LiveSession.join_url != "",
            CalendarEntry.ended_at.is_(None),
        )
    )  # fmt: skip
    revisions = work.db.scalars(query.distinct()).all()
    for revision in revisions:
        _render_again(work, revision)
    for some in _pieces([revision.id for revision in revisions]):
        readers = select(CalendarEntry.learner_id).where(CalendarEntry.revision_id.in_(some), CalendarEntry.ended_at.is_(None))
        work.db.execute(
            update(FeedVersion)
            .where(FeedVersion.learner_id.in_(readers))
            .values(version=FeedVersion.version + 1, changed_at=work.now)
            .execution_options(synchronize_session=False)
        )
    return len(revisions)


def _render_again(work: Work, revision: Revision) -> None:
    for locale in rendering.LOCALES:
        body, busy, zone = rendering.feed_vevents(revision.snapshot, locale, join_page=work.organisation.join_links == rendering.JOIN_PAGE)
        work.db.execute(
            update(RevisionVevent)
            .where(RevisionVevent.revision_id == revision.id, RevisionVevent.locale == locale)
            .values(body=body, busy=busy, timezone=zone)
        )


def _pieces(values: Sequence[int]) -> list[Sequence[int]]:
    return [values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE)]
