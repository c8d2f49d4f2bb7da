"""Certificates come and go: by hand, from a file, by completing a course. A new one takes the place of the one before, in calendars too.

The new one holds from the later of the old one's end and the day of the award, so who renews early loses nothing, and who renews late has a gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from ..store.certificates import Certificate, CertificateKind
from ..store.completions import Completion
from ..store.courses import Course
from ..store.history import HistoryEntry
from ..store.learners import Learner
from ..store.milestones import MilestoneEntry
from ..training import certificates
from ..training.milestones import CompletionKind, MilestoneKind, Noted
from . import milestones
from .milestones import Given
from .work import Work, new_batch

C_, E_, K_ = Certificate, MilestoneEntry, CertificateKind
CURRENT = and_(C_.renewed_by.is_(None), C_.revoked_at.is_(None))
"""Condition: neither renewed nor revoked, whether it still holds or has lapsed."""
_AT_ONCE = 500
_QUIET = {"synchronize_session": False}
UNDONE = "The completion was undone."


def grant(
    work: Work, kind: CertificateKind, holders: Mapping[int, int | None], on: date, today: date, *, source: str, expires_on: date | None = None
) -> list[Certificate]:  # fmt: skip
    """These learners (id: the completion that did it) have the certificate from that day; those who had it from the same day are left alone."""
    made: list[Certificate] = []
    ids = sorted(holders)
    for at in range(0, len(ids), _AT_ONCE):
        made += _grant(work, kind, {one: holders[one] for one in ids[at : at + _AT_ONCE]}, on, today, source, expires_on)
    return made


def by_completions(work: Work, course: Course, made: Sequence[Completion], today: date) -> None:
    """What follows for certificates from new completions of one course, all of one kind and day: they are awarded, or renewed."""
    if made[0].kind != CompletionKind.COURSE:
        return
    mine = or_(K_.course_id == course.id, K_.renewal_course_id == course.id)
    for kind in work.db.scalars(select(K_).where(K_.organisation_id == work.organisation_id, mine).order_by(K_.id)):
        holders: dict[int, int | None] = {one.learner_id: one.id for one in made}
        if kind.course_id != course.id:
            # Completing a refresher renews what one has, and makes nobody a first one.
            had = select(C_.learner_id).where(C_.kind_id == kind.id, C_.revoked_at.is_(None))
            have = set(work.db.scalars(had))
            holders = {learner: completion for learner, completion in holders.items() if learner in have}
        grant(work, kind, holders, made[0].completed_on, today, source=made[0].source)


def completion_undone(work: Work, completion_id: int) -> None:
    """What a completion had awarded does not hold, and what that had renewed holds again."""
    for one in work.db.scalars(select(C_).where(C_.completion_id == completion_id, C_.revoked_at.is_(None))).all():
        take_away(work, one, UNDONE)


def take_away(work: Work, one: Certificate, reason: str) -> None:
    """Revoke it: it leaves calendars, and what it had renewed stands again as it was."""
    one.revoked_at, one.revoked_by, one.reason = work.now, work.actor, reason
    work.record("certificate revoked", learner_id=one.learner_id, detail={"certificate_id": one.id, "kind_id": one.kind_id})
    work.db.flush()
    milestones.end(work, E_.certificate_id == one.id, reason)
    before = list(work.db.scalars(select(C_).where(C_.renewed_by == one.id)))
    for older in before:
        older.renewed_by = one.renewed_by
    work.db.flush()
    if before and one.renewed_by is None:
        which = and_(E_.certificate_id.in_([older.id for older in before]), E_.day >= milestones.today_somewhere(work))
        milestones.reopen(work, which)


def note_again(work: Work, learner: Learner) -> int:
    """Somebody is here again: the ends of what they have stand in their calendar again. Returns how many."""
    kept = work.db.execute(_with_kinds(and_(C_.learner_id == learner.id, CURRENT, C_.expires_on.is_not(None)))).all()
    return _note(work, [(one, kind) for one, kind in kept])


def _grant(
    work: Work, kind: CertificateKind, holders: Mapping[int, int | None], on: date, today: date, source: str, expires_on: date | None
) -> list[Certificate]:
    people = select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.id.in_(holders), Learner.left_at.is_(None))
    # Held, so that two awards at once do not both count as the newest.
    here = list(work.db.scalars(people.order_by(Learner.id).with_for_update(key_share=True)))
    standing: dict[int, list[Certificate]] = {one: [] for one in here}
    for one in work.db.scalars(select(C_).where(C_.kind_id == kind.id, C_.learner_id.in_(here), C_.revoked_at.is_(None)).order_by(C_.id)):
        standing[one.learner_id].append(one)
    batch, rows, renewed = new_batch(), [], []
    for learner_id in here:
        if any(one.awarded_on == on for one in standing[learner_id]):
            continue
        now = [one for one in standing[learner_id] if one.renewed_by is None]
        later = next((one.id for one in now if one.awarded_on > on), None)
        renewed += now if later is None else []
        ends = max((one.expires_on for one in now if one.expires_on is not None), default=None) if later is None else None
        rows.append(
            {
                "organisation_id": work.organisation_id, "learner_id": learner_id, "kind_id": kind.id, "awarded_on": on,
                "expires_on": expires_on or certificates.expiry(on, kind.validity_months, ends), "noted_on": today, "by": work.actor,
                "source": source, "completion_id": holders[learner_id], "renewed_by": later, "reason": "", "batch": batch, "created_at": work.now,
            }
        )  # fmt: skip
    if not rows:
        return []
    work.db.execute(insert(C_), rows)
    if renewed:
        _renew(work, batch, renewed)
    made = list(work.db.scalars(select(C_).where(C_.batch == batch).order_by(C_.id)))
    said = {"organisation_id": work.organisation_id, "at": work.now, "actor": work.actor, "verb": "certificate awarded"}
    work.db.execute(
        insert(HistoryEntry),
        [{**said, "learner_id": one.learner_id, "detail": {"kind_id": kind.id, "certificate_id": one.id, "on": on.isoformat()}} for one in made],
    )  # fmt: skip
    _note(work, [(one, kind) for one in made if one.renewed_by is None])
    return made


def _renew(work: Work, batch: int, old: Sequence[Certificate]) -> None:
    ids = [one.id for one in old]
    new = aliased(C_)
    newest = select(func.max(new.id)).where(new.batch == batch, new.learner_id == C_.learner_id).scalar_subquery()
    work.db.execute(update(C_).where(C_.id.in_(ids)).values(renewed_by=newest).execution_options(**_QUIET))
    for one in old:
        work.db.expire(one)
    milestones.done(work, E_.certificate_id.in_(ids), work.now, work.actor)


def _with_kinds(where: ColumnElement[bool]):
    return select(C_, K_).join(K_, K_.id == C_.kind_id).where(where).order_by(C_.id)


def _note(work: Work, those: Sequence[tuple[Certificate, CertificateKind]]) -> int:
    """Their ends come into calendars, as far as they are to come."""
    given = [
        Given(one.learner_id, Noted(str(MilestoneKind.CERTIFICATE_EXPIRY), kind.name, one.expires_on, kind.description), certificate_id=one.id)
        for one, kind in those
        if one.expires_on is not None and not milestones.over(work, one.expires_on)
    ]  # fmt: skip
    return milestones.give_each(work, given) if given else 0
