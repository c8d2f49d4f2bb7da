"""Bounces: what came back is noted with its delivery, and what that means for the address of the learner.

An address that does not exist is marked at once, one that is full or fails again and again after five days in fourteen. To a marked address no
mail goes, until somebody lifts the mark or gives another address; the feed goes on. What is about us (policy, content, size, routing) never
blames a learner: Today shows it by domain.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, func, or_, select, update

from ..store.entries import CalendarEntry
from ..store.inbox import InboundMessage
from ..store.learners import Learner
from ..store.outbox import DEAD, DEFERRED, EXPIRED, NOT_SENT, SENT, SUPERSEDED, SUPPRESSED, Delivery, waiting_to_leave
from . import moving, notifying
from .finding import find, locked_session
from .rendering import Kind
from .work import Work

HARD = "hard_address"
BY_DAYS = ("mailbox_full", "transient")
OURS = ("policy", "content", "too_big", "routing")
DAYS, WITHIN = 5, timedelta(days=14)
LATELY = timedelta(days=7)
_MOST = 500
D_, M_ = Delivery, InboundMessage
_QUIET = {"synchronize_session": False}


def bounced(work: Work, delivery: Delivery, bounce_class: str, words: str, *, sure: bool = True) -> None:
    """A delivery came back. `sure`: by something that only its recipient and the servers on the way can know; else it counts for a day alone."""
    delivery.bounce_class, delivery.last_error = bounce_class, words[:1000]
    work.record(
        "bounced",
        live_session_id=delivery.live_session_id,
        enrolment_id=delivery.enrolment_id,
        learner_id=delivery.learner_id,
        detail={"class": bounce_class},
    )
    _blame(work, delivery, bounce_class, words, sure)


def refused(work: Work, delivery_id: int, bounce_class: str, words: str) -> None:
    """The relay itself refused the address of a delivery for good: the same as if it had come back."""
    delivery = work.db.get(Delivery, delivery_id)
    if delivery is not None and delivery.organisation_id == work.organisation_id:
        _blame(work, delivery, bounce_class, words, True)


def complained(work: Work, delivery: Delivery) -> None:
    """The learner marked one of our mails as unwanted: nothing goes to them any more that is not needed (no welcome, no chasing); invitations go on."""
    learner = work.db.get(Learner, delivery.learner_id) if delivery.learner_id else None
    if learner is not None and _theirs(delivery, learner) and learner.complained_at is None:
        learner.complained_at = work.now
        work.record("complained", learner_id=learner.id)


def lift(work: Work, learner_id: int) -> int:
    """Mail goes to the learner again; what did not arrive meanwhile is sent as it stands now. Returns how many messages."""
    learner = find(work, Learner, learner_id, lock=True)
    if learner.address_problem is None:
        return 0
    learner.mail_goes_again()
    learner.version += 1
    work.record("mail goes again", learner_id=learner.id)
    work.db.flush()
    return 0 if learner.left_at is not None else _catch_up(work, learner)


def our_problems(work: Work) -> list[tuple[str, str, int, str]]:
    """What other servers held against us in the last week: (domain of the recipients, class, how many, the latest words), the most first."""
    since = work.now - LATELY
    columns = (D_.id, D_.recipient, D_.bounce_class, D_.last_error)
    reports = (M_.organisation_id == work.organisation_id, M_.outcome == "bounce", M_.received_at > since, M_.reason_code.in_(OURS))
    told = select(*columns).join(M_, M_.delivery_id == D_.id).where(*reports, D_.bounce_class.in_(OURS)).order_by(M_.id.desc())
    not_taken = and_(D_.state.in_((DEFERRED, DEAD, EXPIRED)), or_(D_.final_at.is_(None), D_.final_at > since))
    refusals = (
        select(*columns).where(D_.organisation_id == work.organisation_id, not_taken, D_.bounce_class.in_(OURS)).order_by(D_.id.desc())
    )
    rows = {row.id: row for query in (told, refusals) for row in work.db.execute(query.limit(_MOST))}
    found: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows.values(), key=lambda row: -row.id):
        if row.recipient:
            found.setdefault((row.recipient.rpartition("@")[2].lower(), row.bounce_class), []).append(row.last_error or "")
    return sorted(((domain, kind, len(words), words[0]) for (domain, kind), words in found.items()), key=lambda one: (-one[2], one[:2]))


def _blame(work: Work, delivery: Delivery, bounce_class: str, words: str, sure: bool) -> None:
    if delivery.learner_id is None or bounce_class not in (HARD, *BY_DAYS):
        return
    learner = work.db.scalars(
        select(Learner).where(Learner.id == delivery.learner_id).with_for_update().execution_options(populate_existing=True)
    ).first()
    # An address that they had before, or one that was only asked about, says nothing of where mail goes now.
    if learner is None or learner.address_problem is not None or not _theirs(delivery, learner):
        return
    if bounce_class == HARD and sure:
        return _mark(work, learner, words or "The address does not exist.")
    first = (work.now - WITHIN).date().isoformat()
    learner.bounce_days = sorted({*(day for day in learner.bounce_days or () if day > first), work.now.date().isoformat()})
    if len(learner.bounce_days) >= DAYS:
        _mark(work, learner, f"Mail came back on {DAYS} days of the last {WITHIN.days}, at last: {words or bounce_class}")
    return None


def _theirs(delivery: Delivery, learner: Learner) -> bool:
    return delivery.channel == "mail" and delivery.recipient.lower() == learner.address.lower()


def _mark(work: Work, learner: Learner, words: str) -> None:
    """No mail any more, what waits included."""
    learner.address_problem, learner.address_problem_at = words[:500], work.now
    work.record("address marked", learner_id=learner.id)
    waiting = and_(D_.learner_id == learner.id, func.lower(D_.recipient) == learner.address.lower(), waiting_to_leave(D_))
    values = {"state": SUPPRESSED, "final_at": work.now, "last_error": NOT_SENT}
    work.db.execute(update(D_).where(waiting).values(**values).execution_options(**_QUIET))


def _catch_up(work: Work, learner: Learner) -> int:
    """Of each coming entry whose last message did not arrive the present state, or once more that it has ended."""
    newest = select(func.max(D_.id)).where(D_.learner_id == learner.id, D_.entry_id.is_not(None), D_.state != SUPERSEDED)
    came_back = and_(D_.state == SENT, D_.bounce_class.in_((HARD, *BY_DAYS)))
    lost = and_(D_.id.in_(newest.group_by(D_.entry_id)), or_(D_.state.in_((SUPPRESSED, DEAD)), came_back))
    missed = {row.entry_id: row for row in work.db.execute(select(D_.entry_id, D_.kind, D_.method).where(lost))}
    sent = 0
    for session, _, entry in moving.coming(work, learner):
        if missed.pop(entry.id, None) and entry.mailed:
            sent += notifying.tell(work, session, entry, Kind.AGAIN, bump=False)
    for row in missed.values():
        entry = work.db.get_one(CalendarEntry, row.entry_id)
        session = locked_session(work, entry.live_session_id)
        if row.method == "CANCEL" and entry.ended_at is not None and session.ends_at > work.now:
            sent += notifying.tell(work, session, entry, Kind(row.kind), bump=False)
    return sent
