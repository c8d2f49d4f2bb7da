"""Sending again: people get the present invitation once more, with the same UID and SEQUENCE and a new DTSTAMP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, literal, select, update

from ..errors import Conflict
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.learners import Learner
from ..store.sessions import LiveSession, Revision
from . import notifying, versions
from .dispatching import Readers, bump_feeds, dispatch, hold_waiting, later, open_for_mail, people, readers
from .finding import find, locked_session
from .rendering import Kind
from .work import Work, new_batch

E_ = CalendarEntry
_NOTHING = "Nothing is sent for this session: it is over, or its calendar invitations are turned off."


def send_again(work: Work, enrolment_id: int) -> int:
    """Returns the number of messages (1); raises `Conflict`, in words, where there is nothing to send."""
    enrolment = find(work, Enrolment, enrolment_id)
    session = locked_session(work, enrolment.live_session_id)
    entry = work.db.get(CalendarEntry, enrolment.entry_id) if enrolment.entry_id else None
    if entry is None or entry.ended_at is not None or not entry.mailed:
        raise Conflict("This person has no invitation that could be sent again.")
    sent = notifying.tell(work, session, entry, Kind.AGAIN, bump=False)
    if not sent:
        raise Conflict(_NOTHING)
    work.record("sent again", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id)
    return sent


def send_again_to(work: Work, session_id: int, enrolment_ids: Sequence[int]) -> int:
    """To these people of a session; who has no invitation by mail is passed over. Returns the number of messages."""
    session = locked_session(work, session_id)
    mine = select(Enrolment.entry_id).where(Enrolment.live_session_id == session.id, Enrolment.id.in_(enrolment_ids))
    return _again(work, session, E_.id.in_(mine), "sent again")


def chase(work: Work, session_id: int) -> int:
    """To those alone who may still have the old time (`versions`), but not to who marked a mail of ours as unwanted (RFC 5965).

    Returns the number of messages; `Conflict` where none can be sent.
    """
    session = locked_session(work, session_id)
    moved = versions.moved_at(work, session)
    if moved is None:
        raise Conflict("The time of this session was never changed: nobody can have an old one.")
    current = and_(Enrolment.id == E_.enrolment_id, Enrolment.entry_id == E_.id)
    may_be_told = E_.learner_id.not_in(select(Learner.id).where(Learner.complained_at.is_not(None)))
    behind = select(E_.id).join(Enrolment, current).where(versions.may_have_the_old_time(session, moved), may_be_told)
    return _again(work, session, E_.id.in_(behind), "chased")


def _again(work: Work, session: LiveSession, which: ColumnElement[bool], verb: str) -> int:
    """In a constant number of statements for each version that these people hold: as a rule there is one."""
    hold_waiting(work, session)
    live = (E_.live_session_id == session.id, E_.ended_at.is_(None), E_.mailed.is_(True), which)
    chosen = [tuple(row) for row in work.db.execute(select(E_.id, E_.revision_id).where(*live))]
    sent = 0
    for revision_id, number in sorted(Counter(revision_id for _id, revision_id in chosen).items()):
        revision = work.db.get_one(Revision, revision_id)
        if open_for_mail(work, session, revision.ends_at):
            _dispatch(work, session, revision, which)
            sent += number
    if chosen and not sent:
        raise Conflict(_NOTHING)
    if sent:
        work.record(verb, live_session_id=session.id, detail={"number": sent})
        work.db.flush()
    return sent


def _dispatch(work: Work, session: LiveSession, revision: Revision, which: ColumnElement[bool]) -> None:
    def choose(reader: Readers) -> Kind:
        if reader.told is None:
            return Kind.INVITE
        same = work.db.get_one(Revision, reader.told).snapshot == revision.snapshot
        return Kind.AGAIN if same else Kind.UPDATE

    mine = (E_.live_session_id == session.id, E_.ended_at.is_(None), E_.mailed.is_(True), E_.revision_id == revision.id, which)
    everybody, batch = people(session), new_batch()
    some = select(everybody).where(everybody.c.id.in_(select(E_.id).where(*mine))).subquery()
    dispatch(
        work, session, revision, batch, some, literal(True), readers(work, some), choose, method="REQUEST", partstat=some.c.partstat, bump=0
    )
    work.db.execute(update(E_).where(*mine).values(dtstamp=later(work), batch=batch).execution_options(synchronize_session=False))
    bump_feeds(work, E_.batch == batch)
