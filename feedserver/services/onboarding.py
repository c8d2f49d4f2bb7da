"""Onboarding: somebody gets the whole calendar of a plan before the first day, and all of it moves with that day.

One mail says the whole list in words, at the start and whenever the start moves. Sessions send their own invitations, and who reads no
feed is sent each day to note as a calendar message, since one message carries one UID: their program has no other way to learn of a day.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ..errors import Changed, Conflict, Invalid
from ..imip import dates, verb_lists
from ..imip import milestones as day_words
from ..imip.letters import Reader
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.milestones import OPEN, MilestoneEntry
from ..store.onboarding import Onboarding, OnboardingItem, OnboardingPlan
from ..store.sessions import CHOSEN, LiveSession, Seats
from ..training.milestones import MilestoneKind, Noted
from ..training.onboarding import StepKind, day_of, in_reach
from . import corresponding, course_milestones, enrolling, milestones, onboarding_items, onboarding_plans, seating
from .finding import find, must_be_here
from .rendering import Kind
from .work import Work

E_, I_, L_ = MilestoneEntry, OnboardingItem, LiveSession
OUT = course_milestones.OUT


def start(work: Work, learner_id: int, plan_id: int, start_date: date) -> Onboarding:
    """The learner gets the plan's whole calendar, and one mail with the list.

    `Conflict` (with the id) where they go through it already, and for a plan that was put away or has no steps.
    """
    learner, plan = find(work, Learner, learner_id, lock=True), find(work, OnboardingPlan, plan_id)
    must_be_here(learner)
    running = _running(work, learner.id, plan.id)
    if running is not None:
        raise Conflict(f"{learner.name} goes through this plan already; move the start date instead.", extra={"id": running})
    if plan.archived_at is not None:
        raise Conflict("This plan was put away.")
    steps = onboarding_plans.steps_of(work, [plan.id])[plan.id]
    if not steps:
        raise Conflict("This plan has no steps yet.")
    _check(start_date, [step.days for step in steps])
    one = Onboarding(
        organisation_id=work.organisation_id, plan_id=plan.id, learner_id=learner.id, start_date=start_date, created_at=work.now,
        updated_at=work.now,
    )  # fmt: skip
    work.db.add(one)
    work.db.flush()
    items = [
        OnboardingItem(
            organisation_id=work.organisation_id, onboarding_id=one.id, learner_id=learner.id, days=step.days, kind=step.kind, title=step.title,
            description=step.description, url=step.url, course_id=step.course_id, live_session_id=step.live_session_id,
            fixed=step.live_session_id is not None, state=OPEN, day=day_of(start_date, step.days, working_days=plan.working_days),
        )
        for step in steps
    ]  # fmt: skip
    work.db.add_all(items)
    work.record("onboarding started", learner_id=learner.id, detail={"onboarding_id": one.id, "plan_id": plan.id, "start": f"{start_date}"})
    work.db.flush()
    for item in items:
        _seat(work, item)
    to_note = [item for item in items if item.live_session_id is None]
    milestones.give_each(work, [_given(item) for item in to_note])
    _already_done(work, one)
    _write(work, one, Kind.ONBOARDING)
    return one


def move(work: Work, onboarding_id: int, start_date: date, version: int | None = None) -> Onboarding:
    """Another start date: what is not done moves with it, and one mail has the list. The same date looks again for sessions that were not found."""
    one = find(work, Onboarding, onboarding_id, lock=True)
    work.db.refresh(one)
    if version is not None and version != one.version:
        raise Changed("Somebody changed this onboarding meanwhile. Look at it again.")
    if one.ended_at is not None:
        raise Conflict("This onboarding has ended.")
    items = items_of(work, one, OPEN)
    _check(start_date, [item.days for item in items])
    plan, before, moved = work.db.get_one(OnboardingPlan, one.plan_id), one.start_date, False
    one.start_date = start_date
    for item in items:
        day = day_of(start_date, item.days, working_days=plan.working_days)
        moved = _shift(work, item, day) or moved
    if moved or before != start_date:
        one.version, one.updated_at = one.version + 1, work.now
        detail = {"onboarding_id": one.id, "from": f"{before}", "to": f"{start_date}"}
        work.record("onboarding moved", learner_id=one.learner_id, detail=detail)
        work.db.flush()
        _write(work, one, Kind.ONBOARDING_MOVED)
    return one


def end(work: Work, onboarding_id: int, reason: str = "") -> Onboarding:
    """It ends: what is open leaves calendars, coming sessions that it had chosen too. Doing it twice changes nothing."""
    one = find(work, Onboarding, onboarding_id, lock=True)
    work.db.refresh(one)
    if one.ended_at is None:
        for item in items_of(work, one, OPEN):
            _leave(work, item)
        onboarding_items.end(work, Onboarding.id == one.id, reason)
    return one


def items_of(work: Work, one: Onboarding, *states: str) -> list[OnboardingItem]:
    """Its steps in the order of their days; of these states, or all."""
    query = select(I_).where(I_.onboarding_id == one.id, I_.organisation_id == work.organisation_id)
    if states:
        query = query.where(I_.state.in_(states))
    return list(work.db.scalars(query.order_by(I_.day, I_.id).execution_options(populate_existing=True)))


def sessions_of(work: Work, items: list[OnboardingItem]) -> dict[int, LiveSession]:
    """The sessions that these steps are."""
    ids = {item.live_session_id for item in items if item.live_session_id}
    return {s.id: s for s in work.db.scalars(select(L_).where(L_.id.in_(ids), L_.organisation_id == work.organisation_id))}


def _running(work: Work, learner_id: int, plan_id: int) -> int | None:
    mine = (Onboarding.learner_id == learner_id, Onboarding.plan_id == plan_id, Onboarding.ended_at.is_(None))
    return work.db.scalar(select(Onboarding.id).where(*mine))


def _check(start_date: date, days: list[int]) -> None:
    if not in_reach(start_date, days):
        raise Invalid("This day is out of reach.", field="start_date")


def _given(item: OnboardingItem) -> milestones.Given:
    return milestones.Given(item.learner_id, _noted(item), onboarding_item_id=item.id)


def _noted(item: OnboardingItem) -> Noted:
    return Noted(str(MilestoneKind.ONBOARDING_STEP), item.title, item.day, item.description, item.url)


def _seat(work: Work, item: OnboardingItem) -> None:
    """Put the person into the session of this step: one of the course they are in already, the fixed one, or the next with a free seat."""
    if item.kind != StepKind.SESSION:
        return
    session = _theirs(work, item) or _next(work, item)
    item.live_session_id = session.id if session is not None else None
    if session is not None and _enrolment(work, session.id, item.learner_id) is None:
        enrolling.enrol(work, session.id, item.learner_id, "Invited")
        item.ours = True
    work.db.flush()


def _theirs(work: Work, item: OnboardingItem) -> LiveSession | None:
    """A coming session from the day of this step on, in which the person is already."""
    query = select(L_).join(Enrolment, Enrolment.live_session_id == L_.id).where(
        Enrolment.learner_id == item.learner_id, Enrolment.status.not_in(OUT), *_coming(work, item)
    )  # fmt: skip
    return work.db.scalars(query.order_by(L_.starts_at, L_.id).limit(1)).first()


def _next(work: Work, item: OnboardingItem) -> LiveSession | None:
    """The next with a free seat that the person is not in, and did not leave."""
    was = select(Enrolment.id).where(Enrolment.live_session_id == L_.id, Enrolment.learner_id == item.learner_id).exists()
    query = (
        select(L_)
        .join(Seats, Seats.live_session_id == L_.id)
        .where(*_coming(work, item), ~was, Seats.capacity.is_(None) | (Seats.taken < Seats.capacity))
    )
    for session in work.db.scalars(query.order_by(L_.starts_at, L_.id).limit(20)):
        if seating.free_seats(work, session) > 0:
            return session
    return None


def _coming(work: Work, item: OnboardingItem) -> list:
    here = ZoneInfo(work.organisation.timezone)
    which = [L_.organisation_id == work.organisation_id, CHOSEN, L_.status == "scheduled", L_.draft.is_(False), L_.starts_at > work.now]
    if item.fixed:
        return [*which, L_.id == item.live_session_id]
    day = datetime(item.day.year, item.day.month, item.day.day, tzinfo=here)
    return [*which, L_.course_id == item.course_id, L_.visibility != "private", L_.starts_at >= day]


def _shift(work: Work, item: OnboardingItem, day: date) -> bool:
    """A step moves to another day, with its session; whether anything changed."""
    before, item.day = item.day, day
    was = item.live_session_id
    if item.kind == StepKind.SESSION and not item.fixed:
        _reseat(work, item, before)
    work.db.flush()
    mine = E_.onboarding_item_id == item.id
    if item.live_session_id is not None:
        milestones.end(work, mine)
    elif was is not None:
        milestones.give_each(work, [_given(item)])
    elif day != before:
        milestones.move(work, mine, day)
    return day != before or item.live_session_id != was


def _reseat(work: Work, item: OnboardingItem, before: date) -> None:
    """The session follows the day; one that has begun stays, and so does one that still stands where the day did not move."""
    session = work.db.get(L_, item.live_session_id) if item.live_session_id else None
    stands = session is not None and session.status == "scheduled" and _in(work, session.id, item.learner_id)
    if stands and (session.starts_at <= work.now or before == item.day):
        return
    best = _next(work, item)
    fits = stands and session.starts_at.astimezone(ZoneInfo(work.organisation.timezone)).date() >= item.day
    if fits and (best is None or best.starts_at >= session.starts_at):
        return
    _leave(work, item)
    item.live_session_id, item.ours = None, False
    _seat(work, item)


def _leave(work: Work, item: OnboardingItem) -> None:
    """Out of the coming session into which this step had put the person."""
    session = work.db.get(L_, item.live_session_id) if item.ours and item.live_session_id else None
    enrolment = _enrolment(work, session.id, item.learner_id) if session is not None and session.starts_at > work.now else None
    if enrolment is not None and enrolment.status != "Cancelled":
        enrolling.remove(work, enrolment.id)


def _enrolment(work: Work, session_id: int, learner_id: int) -> Enrolment | None:
    return work.db.scalars(select(Enrolment).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == learner_id)).first()


def _in(work: Work, session_id: int, learner_id: int) -> bool:
    enrolment = _enrolment(work, session_id, learner_id)
    return enrolment is not None and enrolment.status not in OUT


def _already_done(work: Work, one: Onboarding) -> None:
    """Courses that the person has completed before need no completing."""
    courses = {item.course_id for item in items_of(work, one, OPEN) if item.kind == StepKind.COMPLETION}
    for number in courses:
        if work.db.scalar(select(course_milestones.has_completed(number, one.learner_id))):
            onboarding_items.completed(work, number, [one.learner_id])


def _write(work: Work, one: Onboarding, kind: Kind) -> None:
    """The one mail with the list of what is not done; nothing where nothing is left, or no mail reaches them."""
    learner = work.db.get_one(Learner, one.learner_id)
    items = items_of(work, one, OPEN)
    if items and learner.address_problem is None:
        corresponding.write(work, learner, kind, extra={"block": _lines(work, items, learner)})


def _lines(work: Work, items: list[OnboardingItem], learner: Learner) -> list[verb_lists.Line]:
    reader, sessions = Reader.of(learner.locale, learner.timezone), sessions_of(work, items)
    rows = []
    for item in items:
        session = sessions.get(item.live_session_id)
        if session is None:
            rows.append((item.day, day_words.title(_noted(item), reader.say), day_words.in_words(item.day, reader.say)))
        else:
            zone = ZoneInfo(session.timezone)
            rows.append(
                (session.starts_at.astimezone(zone).date(), session.title, dates.moment(session.starts_at, learner.timezone, reader.say))
            )
    return verb_lists.days((what, when) for _day, what, when in sorted(rows, key=lambda row: row[0]))
