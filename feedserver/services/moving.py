"""People change: a new address, another mailbox, a second address that mail goes to.

Same person, new address: what stands in the calendar goes on, so the present state goes out again with the same UID and SEQUENCE + 1, and
the old address stays known to speak for them. Another mailbox: a CANCEL empties the old calendar and new entries fill the new one. The
old address then speaks for nobody (it may have been somebody else's), and the learner's page gets a new link.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, func, or_, select, update

from .. import tokens
from ..addresses import canonical, check
from ..errors import Conflict, Invalid
from ..store import keys
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.learners import ALIAS, FeedVersion, Learner, LearnerAlias
from ..store.outbox import Delivery, waiting_to_leave
from ..store.sessions import LiveSession
from ..training.statuses import EnrolmentStatus
from . import corresponding, milestones, notifying
from .dispatching import hold_waiting
from .finding import find, locked_session
from .rendering import Kind
from .work import Work

SAME_PERSON, NEW_MAILBOX = "same_person", "new_mailbox"
ADDRESS_CHANGES = (SAME_PERSON, NEW_MAILBOX)
# The token of the link that confirms an address has to stay short enough to be read back.
LONGEST_TARGET = 120
_MOST_QUESTIONS_A_DAY = 5
_CONFIRMED_WITHIN = timedelta(days=7)
_QUIET = {"synchronize_session": False}


def change_address(work: Work, learner: Learner, email: str, change: str = SAME_PERSON) -> int:
    """The learner has another address; returns how many messages that makes. What waits to be sent goes to the new one."""
    if change not in ADDRESS_CHANGES:
        raise Invalid(f"Choose one of {', '.join(ADDRESS_CHANGES)}.", field="address_change")
    if canonical(email) == learner.email_key:
        learner.email = email
        return 0
    learner.mail_goes_again()
    if change == NEW_MAILBOX:
        return _to_other_mailbox(work, learner, email)
    before = learner.address
    _know(work, learner, learner.email_key)
    _take(work, learner, email)
    return _follow(work, learner, before)


def ask_for_target(work: Work, learner_id: int, address: str) -> str:
    """The learner wants mail at a second address: that one is asked first. Returns it; raises `Invalid` or `Conflict`."""
    learner = find(work, Learner, learner_id, lock=True)
    email = check(address)
    if len(email) > LONGEST_TARGET:
        raise Invalid("This address is too long.", field="email")
    if canonical(email) == canonical(learner.address):
        raise Conflict("Your mail goes there already.", field="email")
    if _somebody_else_has(work, learner, email):
        raise Conflict("This address cannot be taken.", field="email")
    lately = and_(Delivery.kind == Kind.CONFIRM_ADDRESS.value, Delivery.created_at > work.now - timedelta(days=1))
    asked = work.db.scalar(select(func.count()).where(Delivery.learner_id == learner.id, lately))
    if asked >= _MOST_QUESTIONS_A_DAY:
        raise Conflict("Enough mails of this kind went out today. Try again tomorrow.", field="email")
    corresponding.write(work, learner, Kind.CONFIRM_ADDRESS, to=email, extra={"name": learner.name})
    work.record("second address asked", learner_id=learner.id)
    return email


def read_target(db, token: str, now) -> tuple[Learner, str] | None:
    """Whose second address a link confirms, and which; None for a link that is wrong, too old, or of a page that has moved."""
    text = tokens.read(tokens.ADDRESS, token, keys.usable(db).values())
    parts = (text or "").split(".")
    if len(parts) != 3 or not parts[2].isdecimal() or now.timestamp() - int(parts[2]) > _CONFIRMED_WITHIN.total_seconds():
        return None
    learner = db.scalars(select(Learner).where(Learner.page_id == parts[0], Learner.left_at.is_(None))).first()
    return (learner, tokens.decoded(parts[1])) if learner is not None else None


def take_target(work: Work, learner_id: int, address: str) -> int:
    """The second address is confirmed: mail goes there from now on, and what it answers counts. The one before is told. Returns the messages."""
    learner = find(work, Learner, learner_id, lock=True)
    if canonical(address) == canonical(learner.address):
        return 0
    if _somebody_else_has(work, learner, address):
        raise Conflict("This address belongs to somebody else by now.")
    before = learner.address
    learner.target_email = None if canonical(address) == learner.email_key else address
    if learner.target_email:
        _know(work, learner, canonical(address))
    learner.version += 1
    learner.mail_goes_again()
    work.record("second address confirmed", learner_id=learner.id)
    sent = _follow(work, learner, before)
    corresponding.write(work, learner, Kind.ADDRESS_CHANGED, to=before, extra={"address": learner.address})
    return sent


def drop_target(work: Work, learner_id: int) -> int:
    """Mail goes to the first address again; the second one no longer speaks for the learner. Returns the messages."""
    learner = find(work, Learner, learner_id, lock=True)
    if learner.target_email is None:
        return 0
    before, learner.target_email = learner.target_email, None
    learner.version += 1
    work.db.execute(delete(LearnerAlias).where(LearnerAlias.learner_id == learner.id, LearnerAlias.address_key == canonical(before)))
    work.record("second address dropped", learner_id=learner.id)
    return _follow(work, learner, before)


def coming(work: Work, learner: Learner) -> list[tuple[LiveSession, Enrolment, CalendarEntry]]:
    """The learner's live entries in sessions that are not over; their sessions are held, in the order of their ids."""
    mine = (
        select(Enrolment.live_session_id)
        .join(CalendarEntry, CalendarEntry.id == Enrolment.entry_id)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(Enrolment.learner_id == learner.id, CalendarEntry.ended_at.is_(None), LiveSession.ends_at > work.now)
        .order_by(Enrolment.live_session_id)
    )
    found = []
    for session_id in work.db.scalars(mine).all():
        session = locked_session(work, session_id)
        hold_waiting(work, session)
        enrolment = select(Enrolment).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == learner.id)
        enrolment = work.db.scalars(enrolment.execution_options(populate_existing=True)).one()
        entry = work.db.get_one(CalendarEntry, enrolment.entry_id, populate_existing=True)
        if entry.ended_at is None:
            found.append((session, enrolment, entry))
    return found


def _follow(work: Work, learner: Learner, before: str) -> int:
    """What waits goes to where mail goes now; who has an invitation is sent it there as it stands, unless one is on its way anyhow."""
    work.db.flush()
    if canonical(learner.address) == canonical(before):
        return 0
    entries = coming(work, learner)
    waiting = set(work.db.scalars(select(Delivery.entry_id).where(_waiting(learner, before), Delivery.method == "REQUEST")))
    _redirect(work, learner, before, Delivery.id > 0)
    # Who said No has an entry that can still say Yes; a copy of it in another mailbox would only ask again.
    wanted = [(s, e) for s, _, e in entries if e.mailed and e.partstat != "DECLINED" and e.id not in waiting]
    return sum(notifying.tell(work, session, entry, Kind.AGAIN) for session, entry in wanted) + milestones.send_again(work, learner)


def _to_other_mailbox(work: Work, learner: Learner, email: str) -> int:
    before = learner.address
    keeps = canonical(learner.target_email or "") not in ("", canonical(email))
    entries = [] if keeps else [(s, e, c) for s, e, c in coming(work, learner) if c.mailed and e.status != EnrolmentStatus.DECLINED]
    sent = sum(notifying.end(work, s, CalendarEntry.id == c.id, Kind.MOVED, ended_as="moved") for s, _, c in entries)
    days = [] if keeps else milestones.take_back(work, learner)
    old = learner.email_key
    _take(work, learner, email)
    work.db.execute(delete(LearnerAlias).where(LearnerAlias.learner_id == learner.id, LearnerAlias.address_key == old))
    learner.page_id = tokens.new_id()
    work.db.flush()
    if not keeps:
        # A CANCEL is for the old mailbox alone.
        _redirect(work, learner, before, or_(Delivery.method.is_(None), Delivery.method != "CANCEL"))
    work.db.execute(
        update(FeedVersion).where(FeedVersion.learner_id == learner.id).values(version=FeedVersion.version + 1).execution_options(**_QUIET)
    )
    sent += sum(notifying.begin(work, session, only=enrolment.id) for session, enrolment, _ in entries)
    return sent + len(days) + milestones.give_each(work, days)


def _take(work: Work, learner: Learner, email: str) -> None:
    learner.email, learner.email_key = email, canonical(email)
    if learner.target_email and canonical(learner.target_email) == learner.email_key:
        learner.target_email = None
    work.db.execute(delete(LearnerAlias).where(LearnerAlias.learner_id == learner.id, LearnerAlias.address_key == learner.email_key))


def _know(work: Work, learner: Learner, key: str) -> None:
    known = work.db.scalars(select(LearnerAlias).where(LearnerAlias.learner_id == learner.id, LearnerAlias.address_key == key)).first()
    if known is None:
        work.db.add(LearnerAlias(learner_id=learner.id, address_key=key, created_at=work.now))
    else:
        known.kind = ALIAS


def _somebody_else_has(work: Work, learner: Learner, email: str) -> bool:
    key = canonical(email)
    ours = key == canonical(work.organisation.mailbox_address)
    other = select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.email_key == key, Learner.id != learner.id)
    return ours or work.db.scalar(other) is not None


def _waiting(learner: Learner, address: str):
    return and_(Delivery.learner_id == learner.id, func.lower(Delivery.recipient) == address.lower(), waiting_to_leave(Delivery))


def _redirect(work: Work, learner: Learner, before: str, which) -> None:
    """What has certainly not left, and is for the person and not for the address."""
    which = and_(_waiting(learner, before), which, Delivery.kind != Kind.CONFIRM_ADDRESS.value)
    new = {"recipient": learner.address, "page_id": learner.page_id}
    work.db.execute(update(Delivery).where(which).values(**new).execution_options(**_QUIET))
