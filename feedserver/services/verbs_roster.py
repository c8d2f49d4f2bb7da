"""Rosters by mail: who comes, a day before; who was there, after the end; and the list that an instructor sends back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from ..addresses import canonical
from ..imip import by_mail, verb_lists
from ..imip.catalogues import language
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..store.sessions import TAKES_PLACE, LiveSession, Seats
from ..training import attendance_answer
from ..training.statuses import ATTENDANCE, SEATED, EnrolmentStatus
from . import attending, telling
from .entitlement import teaches
from .finding import locked_session
from .rendering import Kind
from .work import Work

S = EnrolmentStatus
L_ = LiveSession
BEFORE, AFTER = timedelta(hours=24), timedelta(days=7)
MOST_PEOPLE = 500
PER_DAY = 10
KINDS = (Kind.ROSTER, Kind.ROSTER_AFTER, Kind.ROSTER_READ)


def due(db: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """(organisation, session) whose instructors are to get the list: a day before the start, and once it is over."""
    # A session that was moved to a later day has its list sent again: it was sent more than a day before.
    coming = and_(L_.starts_at > now, L_.starts_at <= now + BEFORE, or_(L_.roster_sent_at.is_(None), L_.roster_sent_at < now - BEFORE))
    over = and_(L_.ends_at <= now, L_.ends_at > now - AFTER, L_.roster_sent_at < L_.ends_at)
    query = (
        select(L_.organisation_id, L_.id)
        .join(Seats, Seats.live_session_id == L_.id)
        .where(
            L_.status == "scheduled",
            L_.draft.is_(False),
            TAKES_PLACE,
            Seats.taken > 0,
            cast(L_.instructors, Text).contains("@"),
            or_(coming, over),
        )
        .order_by(L_.starts_at)
        .limit(100)
    )
    return [(row[0], row[1]) for row in db.execute(query)]


def send_due(work: Work, session_id: int) -> int:
    """One list to each instructor; after the end only where somebody is not marked yet. Returns how many mails."""
    session = locked_session(work, session_id)
    if not _is_due(session, work.now):
        return 0
    over = session.ends_at <= work.now
    session.roster_sent_at = work.now
    if over and attending.counts(work, session.id).keys() & set(ATTENDANCE):
        return 0
    kind = Kind.ROSTER_AFTER if over else Kind.ROSTER
    return sum(send(work, session, address, kind) for address in instructors(session))


def _is_due(session: LiveSession, now: datetime) -> bool:
    """Whether it still is: another worker may have looked at the same moment."""
    sent = session.roster_sent_at
    coming = now < session.starts_at <= now + BEFORE and (sent is None or sent < now - BEFORE)
    return session.status == "scheduled" and (coming or (sent is not None and sent < session.ends_at <= now))


def instructors(session: LiveSession) -> list[str]:
    """Their addresses, each once."""
    return list({canonical(one): one for one in session.instructors or () if "@" in one}.values())


def send(
    work: Work, session: LiveSession, address: str, kind: Kind, block: Sequence[verb_lists.Line] = (), more: Sequence[str] = ()
) -> bool:
    """The list as it stands to one instructor, below the lines `block`; False where they had that many of it today."""
    since = work.now - timedelta(days=1)
    mine = (Delivery.live_session_id == session.id, Delivery.recipient == address, Delivery.kind.in_(KINDS), Delivery.created_at > since)
    if work.db.scalar(select(func.count()).select_from(Delivery).where(*mine)) >= PER_DAY:
        return False
    people = _people(work, session)
    say = language(telling.reader_at(work, address).locale)
    lines = [*block, *([""] if block else []), *verb_lists.roster([(name, status) for _id, name, status in people], say)]
    extra = {"block": lines, "people": [learner_id for learner_id, _name, _status in people]}
    telling.tell_other(work, session, None, kind, address, extra=extra, more=more)
    return True


def on_request(work: Work, address: str) -> int:
    """The lists of the instructor's next sessions and of those just over, at most three; returns how many."""
    query = (
        select(L_)
        .where(
            L_.organisation_id == work.organisation_id,
            L_.status == "scheduled",
            L_.draft.is_(False),
            TAKES_PLACE,
            teaches(L_, canonical(address)),
        )
        .where(L_.ends_at > work.now - timedelta(days=2), L_.starts_at < work.now + timedelta(days=14))
        .order_by(L_.starts_at)
        .limit(3)
    )
    return sum(send(work, one, address, _kind(work, one)) for one in work.db.scalars(query).all())


def again(work: Work, session: LiveSession, address: str) -> bool:
    """The list of one session once more, since it was asked for."""
    return send(work, session, address, _kind(work, session))


def take_back(work: Work, roster: Delivery, text: str) -> tuple[bool, str]:
    """An answered list: what was understood is recorded as on the page, and said back. (Whether anything was, words for the administrator.)"""
    session = locked_session(work, roster.live_session_id)
    if session.status != "scheduled" or session.ends_at > work.now:
        send(work, session, roster.recipient, Kind.ROSTER_READ, more=[by_mail.NOT_OVER if session.status == "scheduled" else by_mail.OVER])
        return False, "Attendance for a session that is not over yet, or cancelled; they were told so."
    people = list((roster.extra or {}).get("people") or ())
    names = _names(work, people)
    numbered = {number: names[one] for number, one in enumerate(people, 1) if one in names}
    found = attendance_answer.read(text, numbered)
    marks = {people[number - 1]: mark for number, mark in found.marks.items()}
    outcome = attending.record(work, session.id, marks)
    refused = {one.who for one in outcome.refused}
    by_mark = {mark: [names[one] for one, given in marks.items() if given == mark and names[one] not in refused] for mark in ATTENDANCE}
    silent = [name for number, name in numbered.items() if number not in found.marks and _unmarked(work, session, people[number - 1])]
    say = language(telling.reader_at(work, roster.recipient).locale)
    lines = verb_lists.understood(by_mark, silent, [(one.who, one.reason) for one in outcome.refused], found.unclear, say)
    send(work, session, roster.recipient, Kind.ROSTER_READ, lines)
    count = outcome.marked + outcome.unchanged
    return outcome.marked > 0, f"Attendance by mail: {count} of {len(people)} understood; they were told what was and what was not."


def _kind(work: Work, session: LiveSession) -> Kind:
    return Kind.ROSTER_AFTER if session.ends_at <= work.now else Kind.ROSTER


def _people(work: Work, session: LiveSession) -> list[tuple[int, str, EnrolmentStatus]]:
    query = (
        select(Learner.id, Learner.name, Enrolment.status)
        .join(Enrolment, Enrolment.learner_id == Learner.id)
        .where(Enrolment.live_session_id == session.id, Enrolment.status.in_(SEATED))
        .order_by(Learner.name, Learner.id)
        .limit(MOST_PEOPLE)
    )
    return [(learner_id, name, S(status)) for learner_id, name, status in work.db.execute(query)]


def _names(work: Work, ids: Sequence[int]) -> dict[int, str]:
    query = select(Learner.id, Learner.name).where(Learner.organisation_id == work.organisation_id, Learner.id.in_(ids))
    return {learner_id: name for learner_id, name in work.db.execute(query)}


def _unmarked(work: Work, session: LiveSession, learner_id: int) -> bool:
    mine = (Enrolment.live_session_id == session.id, Enrolment.learner_id == learner_id)
    return work.db.scalar(select(Enrolment.status).where(*mine)) not in ATTENDANCE
