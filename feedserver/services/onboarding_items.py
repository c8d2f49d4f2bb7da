"""Steps of people who are being onboarded: done by a completion, by attendance, by a button, and no longer to do when somebody leaves."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, select, update

from ..errors import Conflict
from ..store.milestones import DONE, ENDED, OPEN, MilestoneEntry
from ..store.onboarding import Onboarding, OnboardingItem
from ..training.onboarding import StepKind
from . import milestones
from .finding import find
from .work import Work

E_, I_ = MilestoneEntry, OnboardingItem
_AT_ONCE = 1000


def completed(work: Work, course_id: int | None, learner_ids: Collection[int]) -> int:
    """These have completed a course: steps that ask for it are done. Returns how many."""
    return sum(_done(work, which) for which in _of(learner_ids, I_.course_id == course_id, I_.kind == StepKind.COMPLETION))


def not_completed(work: Work, course_id: int | None, learner_ids: Collection[int]) -> int:
    """A completion was undone: what it alone had done is open again. Returns how many."""
    return sum(_reopen(work, which) for which in _of(learner_ids, I_.course_id == course_id, I_.kind == StepKind.COMPLETION))


def attended(work: Work, session_id: int, came: Collection[int], gone: Collection[int]) -> int:
    """Attendance of a session (of a series: of the whole) was marked. Returns how many steps are done now that were not."""
    mine = (I_.live_session_id == session_id, I_.kind == StepKind.SESSION)
    for which in _of(gone, *mine):
        _reopen(work, which)
    return sum(_done(work, which) for which in _of(came, *mine))


def done(work: Work, item_id: int) -> OnboardingItem:
    """It is done, by a button; twice changes nothing. `Conflict` where it has ended."""
    item = find(work, OnboardingItem, item_id, lock=True)
    work.db.refresh(item)
    if item.state == ENDED:
        raise Conflict("This onboarding has ended.")
    _done(work, I_.id == item.id)
    work.db.refresh(item)
    return item


def self_said(work: Work, item_id: int) -> bool:
    """Whether the person may say so on their own page: of days to note; the others follow from attendance and completions."""
    return work.db.get_one(I_, item_id).kind == StepKind.NOTE


def end(work: Work, which: ColumnElement[bool], reason: str = "") -> int:
    """Onboardings that `which` selects end: what is open leaves calendars. Sessions stay as they are. Returns how many."""
    query = select(Onboarding).where(Onboarding.organisation_id == work.organisation_id, Onboarding.ended_at.is_(None), which)
    running = list(work.db.scalars(query.order_by(Onboarding.id).with_for_update()))
    for one in running:
        one.ended_at, one.updated_at, one.version = work.now, work.now, one.version + 1
        items = select(I_.id).where(I_.onboarding_id == one.id, I_.state == OPEN)
        milestones.end(work, E_.onboarding_item_id.in_(items), reason)
        work.db.execute(update(I_).where(I_.onboarding_id == one.id, I_.state == OPEN).values(state=ENDED))
        work.record("onboarding ended", learner_id=one.learner_id, detail={"onboarding_id": one.id})
    work.db.flush()
    return len(running)


def _done(work: Work, which: ColumnElement[bool]) -> int:
    found = list(work.db.scalars(_mine(work, which, OPEN)))
    for item in found:
        item.state, item.done_at, item.done_by = DONE, work.now, work.actor
        work.record("onboarding step done", learner_id=item.learner_id, detail={"onboarding_item_id": item.id, "title": item.title})
    work.db.flush()
    if found:
        milestones.done(work, E_.onboarding_item_id.in_([item.id for item in found]), work.now, work.actor)
    return len(found)


def _reopen(work: Work, which: ColumnElement[bool]) -> int:
    found = list(work.db.scalars(_mine(work, which, DONE)))
    for item in found:
        item.state, item.done_at, item.done_by = OPEN, None, None
        work.record("onboarding step open again", learner_id=item.learner_id, detail={"onboarding_item_id": item.id, "title": item.title})
    work.db.flush()
    if found:
        milestones.reopen(work, E_.onboarding_item_id.in_([item.id for item in found]))
    return len(found)


def _mine(work: Work, which: ColumnElement[bool], state: str):
    running = select(Onboarding.id).where(Onboarding.ended_at.is_(None), Onboarding.id == I_.onboarding_id).exists()
    query = select(I_).where(I_.organisation_id == work.organisation_id, I_.state == state, which, running)
    return query.order_by(I_.id).with_for_update().execution_options(populate_existing=True)


def _of(learner_ids: Collection[int], *which: ColumnElement[bool]) -> Sequence[ColumnElement[bool]]:
    some = sorted(learner_ids)
    return [I_.learner_id.in_(some[at : at + _AT_ONCE]) & _all(which) for at in range(0, len(some), _AT_ONCE)]


def _all(which: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *rest = which
    for one in rest:
        first = first & one
    return first
