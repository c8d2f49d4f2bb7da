"""Attendance: one by one, all at once, from a list, or by the person's own check-in; nothing else follows from it in calendars.

Who holds a seat keeps it, and the entry stays, so a whole class is marked in a handful of statements. Who had none (walked in, said No and
came) goes the way of every other change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, insert, select, update

from ..errors import Conflict, FeedserverError, Invalid
from ..store.enrolments import Enrolment
from ..store.history import HistoryEntry
from ..store.learners import ALIAS, Learner, LearnerAlias
from ..store.sessions import LiveSession
from ..training.attendance import CHECK_IN_BEFORE, UNMARKED, may_check_in, proposed, refusal
from ..training.statuses import ATTENDANCE, SEATED, EnrolmentStatus
from . import completing, enrolling, exporting
from .attendance_sheet import Refused, Sheet
from .finding import find, locked_session
from .work import Work

S = EnrolmentStatus
MARKS = (*ATTENDANCE, S.REGISTERED)
"""Registered takes a mark back."""
_AT_ONCE = 500


@dataclass
class Outcome:
    """What became of some marks; a refused one carries the line of the file, or 0."""

    marked: int = 0
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a line of a list would do: the person, the status now ("" for nobody in the session) and the one to come."""

    line: int
    learner_id: int
    name: str
    before: str
    mark: EnrolmentStatus


def record(work: Work, session_id: int, marks: Mapping[int, EnrolmentStatus], lines: Mapping[int, int] | None = None) -> Outcome:
    """Mark learners (by id) of a session; `lines` says where in a file each stood. What cannot be done is refused with its reason."""
    session = _open_session(work, session_id)
    wrong = {mark for mark in marks.values() if mark not in MARKS}
    if wrong:
        raise Invalid(f"Attendance is one of {', '.join(ATTENDANCE)}.", field="status")
    known = _known(work, session, marks)
    outcome, quick = Outcome(), {}
    for learner_id, mark in marks.items():
        enrolment_id, status, name = known.get(learner_id, (None, None, f"Learner {learner_id}"))
        reason = refusal(status, mark)
        if reason:
            outcome.refused.append(Refused((lines or {}).get(learner_id, 0), name, reason))
        elif status == mark or (mark not in ATTENDANCE and status in UNMARKED):
            outcome.unchanged += 1
        elif status in SEATED:
            quick[enrolment_id] = (learner_id, status, mark)
        else:
            _singly(work, session, outcome, learner_id, enrolment_id, name, mark, lines or {})
    _many(work, session, quick, "attendance")
    outcome.marked += len(quick)
    return outcome


def record_all(work: Work, session_id: int, mark: EnrolmentStatus = S.ATTENDED) -> Outcome:
    """Everybody who holds a seat and is not marked yet; `Conflict` before the session begins."""
    session = _open_session(work, session_id)
    _must_have_begun(work, session)
    if mark not in ATTENDANCE:
        raise Invalid(f"Attendance is one of {', '.join(ATTENDANCE)}.", field="all")
    rows = work.db.execute(_in_session(session).where(Enrolment.status.in_(UNMARKED))).all()
    _many(work, session, {e: (learner, status, mark) for e, learner, status in rows}, "attendance")
    return Outcome(marked=len(rows))


def record_proposed(work: Work, session_id: int) -> Outcome:
    """Whatever was seen of people that are not marked yet (join link, check-in), taken over by somebody who says so."""
    session = _open_session(work, session_id)
    seen = (Enrolment.joined_at.is_not(None)) | (Enrolment.checked_in_at.is_not(None))
    rows = work.db.execute(
        select(Enrolment.learner_id, Enrolment.status, Enrolment.joined_at, Enrolment.checked_in_at).where(
            Enrolment.live_session_id == session.id, seen
        )
    )
    marks = {learner: proposed(EnrolmentStatus(status), joined, checked) for learner, status, joined, checked in rows}
    return record(work, session_id, {learner: mark for learner, mark in marks.items() if mark})


def check_in(work: Work, enrolment_id: int) -> EnrolmentStatus:
    """The person is there and says so: Attended where they hold a seat; else only noted, for the instructor to decide. The status after it."""
    session = locked_session(work, find(work, Enrolment, enrolment_id).live_session_id)
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    if session.status != "scheduled" or enrolment.status == S.CANCELLED:
        raise Conflict("This session does not take place for you. Please talk to the instructor.")
    if not may_check_in(session.starts_at, session.ends_at, work.now):
        raise Conflict("Check-in is open from 30 minutes before the start to an hour after the end.")
    if enrolment.checked_in_at is None:
        enrolment.checked_in_at = work.now
        work.record("checked in", live_session_id=session.id, enrolment_id=enrolment.id, learner_id=enrolment.learner_id)
        work.db.flush()
        if enrolment.status in UNMARKED:
            _many(work, session, {enrolment.id: (enrolment.learner_id, enrolment.status, S.ATTENDED)}, "attendance")
            work.db.refresh(enrolment)
    return EnrolmentStatus(enrolment.status)


def plan(work: Work, session_id: int, sheet: Sheet) -> tuple[list[Planned], list[Refused]]:
    """What a list would do, and every line that cannot be taken; writes nothing."""
    session = find(work, LiveSession, session_id)
    who = learners_of(work, [line.email_key for line in sheet.lines])
    known = _known(work, session, [found for found in who.values()])
    planned, refused, seen = [], list(sheet.refused), {}
    for line in sheet.lines:
        learner_id = who.get(line.email_key)
        _enrolment_id, status, name = known.get(learner_id, (None, None, line.email_key))
        reason = "nobody here has this address" if learner_id is None else refusal(status, line.mark)
        if not reason and learner_id in seen:
            reason = f"is the same person as in line {seen[learner_id]}"
        if reason:
            refused.append(Refused(line.number, line.email_key, reason))
            continue
        seen[learner_id] = line.number
        planned.append(Planned(line.number, learner_id, name, status or "", line.mark))
    return planned, sorted(refused, key=lambda one: one.line)


def learners_of(work: Work, email_keys: Sequence[str]) -> dict[str, int]:
    """Learner ids by address as compared, aliases included; what nobody has is missing."""
    found: dict[str, int] = {}
    for some in _pieces(email_keys):
        mine = Learner.organisation_id == work.organisation_id
        aliases = select(LearnerAlias.address_key, Learner.id).join(Learner, Learner.id == LearnerAlias.learner_id)
        found |= dict(work.db.execute(aliases.where(mine, LearnerAlias.address_key.in_(some), LearnerAlias.kind == ALIAS)).all())
        found |= dict(work.db.execute(select(Learner.email_key, Learner.id).where(mine, Learner.email_key.in_(some))).all())
    return found


def sheet(work: Work, session_id: int) -> bytes:
    """Everybody in a session with answer, attendance and what was seen, as CSV; `email` and `status` are what `plan` reads."""
    session = find(work, LiveSession, session_id)
    query = (
        select(
            Learner.email, Learner.name, Learner.team, Enrolment.status, Enrolment.partstat, Enrolment.responded_at, Enrolment.checked_in_at,
            Enrolment.joined_at,
        )
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Enrolment.live_session_id == session.id, Enrolment.status != S.CANCELLED)
        .order_by(Learner.name, Enrolment.id)
    )  # fmt: skip
    header = ("email", "name", "team", "status", "answer", "answered_at", "checked_in_at", "joined_at")
    return exporting.table(header, (tuple(row) for row in work.db.execute(query)))


def counts(work: Work, session_id: int) -> dict[str, int]:
    """How many are in the session by status, and `checked in` and `joined`."""
    session = find(work, LiveSession, session_id)
    mine = Enrolment.live_session_id == session.id
    seen = work.db.execute(select(func.count(Enrolment.checked_in_at), func.count(Enrolment.joined_at)).where(mine)).one()
    by_status = work.db.execute(select(Enrolment.status, func.count()).where(mine).group_by(Enrolment.status)).all()
    return dict(by_status) | {"checked in": seen[0], "joined": seen[1]}


def has_begun(work: Work, session: LiveSession) -> bool:
    """Whether people may be there: from half an hour before the start."""
    return work.now >= session.starts_at - CHECK_IN_BEFORE


def _open_session(work: Work, session_id: int) -> LiveSession:
    session = locked_session(work, session_id)
    if session.is_series:
        raise Invalid("This is a series: mark each of its dates by itself.", field="occurrence")
    if session.status != "scheduled":
        raise Conflict("The session is cancelled: nobody was there.")
    return session


def _must_have_begun(work: Work, session: LiveSession) -> None:
    if not has_begun(work, session):
        raise Conflict("The session has not begun: mark people one by one, or wait until half an hour before it starts.")


def _in_session(session: LiveSession):
    return select(Enrolment.id, Enrolment.learner_id, Enrolment.status).where(Enrolment.live_session_id == session.id)


def _known(work: Work, session: LiveSession, learner_ids: Iterable[int]) -> dict[int, tuple[int | None, EnrolmentStatus | None, str]]:
    """(enrolment or None, status or None, name) of learners of this organisation."""
    found: dict[int, tuple[int | None, EnrolmentStatus | None, str]] = {}
    for some in _pieces(list(learner_ids)):
        query = (
            select(Learner.id, Enrolment.id, Enrolment.status, Learner.name)
            .outerjoin(Enrolment, (Enrolment.learner_id == Learner.id) & (Enrolment.live_session_id == session.id))
            .where(Learner.organisation_id == work.organisation_id, Learner.id.in_(some))
        )
        for learner_id, enrolment_id, status, name in work.db.execute(query):
            found[learner_id] = (enrolment_id, EnrolmentStatus(status) if status else None, name)
    return found


def _singly(work: Work, session: LiveSession, outcome: Outcome, learner_id: int, enrolment_id: int | None, name: str, mark, lines) -> None:
    try:
        if enrolment_id is None:
            enrolling.enrol(work, session.id, learner_id, mark, over_capacity=True)
        else:
            enrolling.mark_attendance(work, enrolment_id, mark)
        outcome.marked += 1
    except FeedserverError as error:
        outcome.refused.append(Refused(lines.get(learner_id, 0), name, error.detail))


def _many(work: Work, session: LiveSession, changes: Mapping[int, tuple[int, str, EnrolmentStatus]], verb: str) -> None:
    """Seat to seat: the rows and their history, and nothing that a calendar shows. `changes`: enrolment -> (learner, before, after)."""
    for mark in {after for _learner, _before, after in changes.values()}:
        for some in _pieces([e for e, (_learner, _before, after) in changes.items() if after == mark]):
            work.db.execute(
                update(Enrolment)
                .where(Enrolment.live_session_id == session.id, Enrolment.id.in_(some))
                .values(status=mark, offer_until=None, hold_until=None, updated_at=work.now, version=Enrolment.version + 1)
                .execution_options(synchronize_session=False)
            )
    common = {"organisation_id": work.organisation_id, "at": work.now, "actor": work.actor, "verb": verb, "live_session_id": session.id}
    rows = [
        {**common, "enrolment_id": e, "learner_id": learner, "detail": {"from": before, "to": after}}
        for e, (learner, before, after) in changes.items()
    ]
    if rows:
        work.db.execute(insert(HistoryEntry), rows)
        work.db.expire_all()
        completing.by_attendance(work, session, [learner for learner, _before, _after in changes.values()])


def _pieces(values: Sequence) -> list[Sequence]:
    return [values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE)]
