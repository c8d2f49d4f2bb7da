"""Completions: who has completed what, on which day, who says so. What it completes leaves calendars; it can be undone, on record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, insert, or_, select

from ..errors import Conflict, Invalid, NotFound
from ..store.completions import SOURCES, Completion
from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.history import HistoryEntry
from ..store.learners import Learner
from ..store.milestones import DONE, OPEN, Milestone, MilestoneEntry
from ..store.sessions import LiveSession
from ..training.milestones import ENDS, CompletionKind
from ..training.statuses import EnrolmentStatus
from . import awarding, milestones, onboarding_items
from .finding import find
from .work import Work, new_batch

C_, E_, M_ = Completion, MilestoneEntry, Milestone
K, S = CompletionKind, EnrolmentStatus
SELF_SAID = ("completion_deadline", "assessment")
"""Kinds of milestones of which learners may say themselves that they are done, where the course is self-paced."""
CAME = (S.ATTENDED, S.GO_SHOW)
_AT_ONCE = 1000


def complete(
    work: Work, learner_ids: Collection[int], course_id: int, kind: str = K.COURSE, *, source: str, on: date | None = None,
    reference: str = "", note: str = "", live_session_id: int | None = None,
) -> list[Completion]:  # fmt: skip
    """These learners have completed a course, or of it the assessment or step that `reference` names, on that day (today by default).

    Returns what was new: the same again changes nothing. Raises `Conflict` for a day to come, `NotFound` for another organisation's course.
    """
    course = find(work, Course, course_id)
    on, kind = checked_day(work, on), _checked_kind(kind)
    if source not in SOURCES:
        raise ValueError(source)
    same = (C_.course_id == course.id, C_.kind == kind, C_.reference == reference, C_.undone_at.is_(None))
    # The session that was attended completes once, also where it is marked on another day.
    again = C_.live_session_id == live_session_id if live_session_id else C_.completed_on == on
    fresh: list[int] = []
    for some in _pieces(sorted(set(learner_ids))):
        known = exists().where(C_.learner_id == Learner.id, or_(again, C_.completed_on == on), *same)
        fresh += work.db.scalars(
            select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.id.in_(some), ~known).order_by(Learner.id)
        )
    if not fresh:
        return []
    batch = new_batch()
    common = {
        "organisation_id": work.organisation_id, "course_id": course.id, "kind": kind, "reference": reference, "completed_on": on, "by": work.actor,
        "source": source, "note": note, "live_session_id": live_session_id, "batch": batch, "created_at": work.now,
    }  # fmt: skip
    work.db.execute(insert(C_), [{**common, "learner_id": one} for one in fresh])
    said = {
        "organisation_id": work.organisation_id,
        "at": work.now,
        "actor": work.actor,
        "verb": "completed",
        "live_session_id": live_session_id,
    }
    detail = {"course_id": course.id, "kind": kind, "on": on.isoformat(), **({"reference": reference} if reference else {})}
    work.db.execute(insert(HistoryEntry), [{**said, "learner_id": one, "detail": detail} for one in fresh])
    made = list(work.db.scalars(select(C_).where(C_.batch == batch, C_.course_id == course.id).order_by(C_.id)))
    _follow(work, course, made)
    return made


def _follow(work: Work, course: Course, made: Sequence[Completion]) -> None:
    """What follows from new completions of one kind: the milestones they end are done, certificates are awarded or renewed."""
    first = made[0]
    for some in _pieces([one.learner_id for one in made]):
        milestones.done(work, and_(_ended_by(course.id, first.kind, first.reference), E_.learner_id.in_(some)), work.now, work.actor)
    awarding.by_completions(work, course, made, today(work))
    if first.kind == K.COURSE:
        onboarding_items.completed(work, course.id, [one.learner_id for one in made])


def undo(work: Work, completion_id: int) -> Completion:
    """It was not so. It stays on record as undone, and what it had ended and is still to come is to be noted again. `Conflict` where it was undone before."""
    one = find(work, Completion, completion_id, lock=True)
    work.db.refresh(one)
    if one.undone_at is not None:
        raise Conflict("This completion was undone before.")
    _undo(work, [one])
    return one


def by_attendance(work: Work, session: LiveSession, learner_ids: Collection[int]) -> int:
    """After attendance of a session was marked: who came has completed the course where it counts, who did not has not. Returns the completions."""
    if not learner_ids:
        return 0
    course_id, named = session.course_id, session.series_id or session.id
    came, gone = [], []
    for some in _pieces(sorted(set(learner_ids))):
        there = set(work.db.scalars(_came(session).where(Enrolment.learner_id.in_(some))))
        came += [one for one in some if one in there]
        gone += [one for one in some if one not in there]
    onboarding_items.attended(work, named, came, gone)
    if not counts(work, session):
        return 0
    for some in _pieces(gone):
        mine = (C_.live_session_id == named, C_.source == "attendance", C_.undone_at.is_(None), C_.learner_id.in_(some))
        _undo(work, list(work.db.scalars(select(C_).where(C_.organisation_id == work.organisation_id, *mine))))
    if not came:
        return 0
    day = min(session.starts_at, work.now).astimezone(ZoneInfo(session.timezone)).date()
    return len(complete(work, came, course_id, source="attendance", on=min(day, today(work)), live_session_id=named))


def counts(work: Work, session: LiveSession) -> bool:
    """Whether attending this session completes its course; a date of a series does as the series says."""
    if session.counts is not None:
        return session.counts
    head = work.db.get(LiveSession, session.series_id) if session.series_id else None
    if head is not None and head.counts is not None:
        return head.counts
    return work.db.get_one(Course, session.course_id).counts


def today(work: Work) -> date:
    """The day that it is for the organisation."""
    return work.now.astimezone(ZoneInfo(work.organisation.timezone)).date()


def checked_day(work: Work, on: date | None, field: str = "completed_on") -> date:
    """A day that is not to come anywhere (else `Conflict`), and not before 1970 (else `Invalid`); today for None."""
    if on is None:
        return today(work)
    if on > max(today(work), work.now.astimezone(ZoneInfo("Pacific/Kiritimati")).date()):
        raise Conflict("This day is still to come.", field=field)
    if on.year < 1970:
        raise Invalid("This day is out of reach.", field=field)
    return on


def may_say_done(work: Work, entry: MilestoneEntry) -> bool:
    """Whether the learner may say on their own page that this is done: of courses that allow it."""
    if entry.state == OPEN and entry.onboarding_item_id is not None:
        return onboarding_items.self_said(work, entry.onboarding_item_id)
    if entry.state != OPEN or entry.milestone_id is None:
        return False
    allowed = select(Course.self_paced).join(M_, M_.course_id == Course.id).where(M_.id == entry.milestone_id)
    return entry.kind in SELF_SAID and bool(work.db.scalar(allowed))


def say_done(work: Work, learner_id: int, entry_id: int) -> list[Completion]:
    """The learner says on their page that something is done; `Conflict` where the course leaves that to others."""
    entry = find(work, MilestoneEntry, entry_id, lock=True)
    if entry.learner_id != learner_id:
        raise NotFound("There is no such day to note.")
    if entry.state == DONE:
        return []
    if not may_say_done(work, entry):
        raise Conflict("Whoever runs this course notes who has completed it.")
    if entry.onboarding_item_id is not None:
        onboarding_items.done(work, entry.onboarding_item_id)
        return []
    course_id = work.db.get_one(Milestone, entry.milestone_id).course_id
    assessing = entry.kind == "assessment"
    return complete(
        work, [learner_id], course_id, K.ASSESSMENT if assessing else K.COURSE, source="learner", reference=entry.title if assessing else ""
    )  # fmt: skip


def _came(session: LiveSession):
    """(learner_id) of whom the session counts: of a series, who came on each of its dates that took place for them."""
    if session.series_id is None:
        return select(Enrolment.learner_id).where(Enrolment.live_session_id == session.id, Enrolment.status.in_(CAME))
    mine = select(Enrolment.learner_id).join(LiveSession, LiveSession.id == Enrolment.live_session_id)
    mine = mine.where(LiveSession.series_id == session.series_id, LiveSession.status == "scheduled", Enrolment.status != S.CANCELLED)
    missing = func.count().filter(Enrolment.status.not_in(CAME))
    return mine.group_by(Enrolment.learner_id).having(missing == 0)


def _undo(work: Work, those: Sequence[Completion]) -> None:
    for one in those:
        one.undone_at, one.undone_by = work.now, work.actor
        work.record("completion undone", learner_id=one.learner_id, live_session_id=one.live_session_id, detail={"completion_id": one.id})
        work.db.flush()
        awarding.completion_undone(work, one.id)
        still = exists().where(
            C_.learner_id == one.learner_id, C_.course_id == one.course_id, C_.kind.in_((one.kind, K.COURSE)), C_.undone_at.is_(None)
        )
        if not work.db.scalar(select(still)):
            ended = and_(_ended_by(one.course_id, one.kind, one.reference), E_.learner_id == one.learner_id, E_.done_at == one.created_at)
            milestones.reopen(work, and_(ended, E_.day >= milestones.today_somewhere(work)))
            if one.kind == K.COURSE:
                onboarding_items.not_completed(work, one.course_id, [one.learner_id])


def _ended_by(course_id: int | None, kind: str, reference: str):
    """Condition on entries: those of live milestones of the course that such a completion ends."""
    which = select(M_.id).where(M_.course_id == course_id, M_.kind.in_(ENDS[K(kind)]), M_.cancelled_at.is_(None))
    return E_.milestone_id.in_(which.where(M_.title == reference) if reference else which)


def _checked_kind(kind: str) -> str:
    if kind not in set(K):
        raise Invalid(f"Choose one of {', '.join(K)}.", field="kind")
    return str(K(kind))


def _pieces(values: Sequence[int]) -> list[Sequence[int]]:
    return [values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE)]
