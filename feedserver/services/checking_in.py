"""Checking in: the code on the wall says which session and when; who stands before it is shown by their own link, never by a typed name.

A code is good for three minutes and another one is shown each minute, so a picture of it sent to a friend is of little use. It proves that
somebody sees the wall. Who that is comes from a phone that has opened a link of ours before (a signed cookie), or from a link
that is mailed to the address in the session. So nobody checks in for somebody else without that person's mail or phone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from .. import tokens
from ..addresses import canonical
from ..store import keys
from ..store.enrolments import Enrolment
from ..store.learners import ALIAS, Learner, LearnerAlias
from ..store.outbox import Delivery
from ..store.sessions import LiveSession
from ..training.attendance import CHECK_IN_AFTER, may_check_in
from ..training.statuses import EnrolmentStatus
from . import telling
from .finding import find, locked_session
from .rendering import Kind
from .work import Work

ROTATES = 60
GOOD_FOR = timedelta(minutes=3)
_SLACK = timedelta(seconds=5)
_MAIL_EVERY = timedelta(minutes=2)


def code_url(work: Work, session: LiveSession) -> str:
    """What the code on the wall says now."""
    text = f"{session.id}-{work.stamp()}"
    return f"{work.base_url}/check-in/{tokens.sign(tokens.CHECK_IN, text, work.key_secret)}"


def session_of(db, token: str, now: datetime) -> LiveSession | None:
    """The session of a code that is still good, else None."""
    numbers = _read(db, tokens.CHECK_IN, token)
    if numbers is None or not _recent(numbers[1], now, GOOD_FOR):
        return None
    return db.get(LiveSession, numbers[0])


def mail_link(work: Work, enrolment_id: int) -> bool:
    """Mail the person a link that checks in; whoever opens it reads their mail. Not twice within two minutes; False where none was sent."""
    session = locked_session(work, find(work, Enrolment, enrolment_id).live_session_id)
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    lately = select(Delivery.id).where(
        Delivery.enrolment_id == enrolment.id, Delivery.kind == Kind.CHECK_IN.value, Delivery.created_at > work.now - _MAIL_EVERY
    )  # fmt: skip
    if not is_open(work, session) or work.db.scalar(lately.limit(1)) is not None:
        return False
    telling.tell_learner(work, session, enrolment, Kind.CHECK_IN, until=session.ends_at + CHECK_IN_AFTER)
    return True


def enrolment_of(db, token: str) -> Enrolment | None:
    """Whose mailed link it is, else None; whether the session is on is judged when the button is pressed."""
    text = tokens.read(tokens.CHECK_IN_MAIL, token, keys.usable(db).values())
    return db.get(Enrolment, int(text)) if text and text.isdecimal() and len(text) < 19 else None


def page_of(db, token: str) -> str | None:
    """The page id of a learner's own page."""
    return tokens.read(tokens.LEARNER_PAGE, token, keys.usable(db).values())


def enrolment_in(db, session: LiveSession, page_id: str) -> tuple[Enrolment, Learner] | None:
    """The enrolment of the learner whose phone this is, if they are in the session."""
    query = (
        select(Enrolment, Learner)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Learner.page_id == page_id, Enrolment.live_session_id == session.id, Enrolment.status != EnrolmentStatus.CANCELLED)
    )
    found = db.execute(query).first()
    return (found[0], found[1]) if found else None


def by_address(db, session: LiveSession, address: str) -> Enrolment | None:
    """Whoever is in the session with this address, an alias included."""
    key = canonical(address)
    aliased = select(LearnerAlias.learner_id).where(LearnerAlias.address_key == key, LearnerAlias.kind == ALIAS)
    query = (
        select(Enrolment)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(
            Enrolment.live_session_id == session.id, Enrolment.status != EnrolmentStatus.CANCELLED,
            (Learner.email_key == key) | Learner.id.in_(aliased),
        )
        .limit(1)
    )  # fmt: skip
    return db.scalars(query).first()


def is_open(work: Work, session: LiveSession) -> bool:
    """Whether people may check in now."""
    return session.status == "scheduled" and may_check_in(session.starts_at, session.ends_at, work.now)


def _read(db, purpose: str, token: str) -> tuple[int, int] | None:
    text = tokens.read(purpose, token, keys.usable(db).values())
    first, _, second = (text or "").partition("-")
    return (int(first), int(second)) if first.isdecimal() and second.isdecimal() and len(first) < 19 else None


def _recent(stamp: int, now: datetime, age: timedelta) -> bool:
    # The machines that show the wall and take the press may differ by a few seconds.
    made = datetime.fromtimestamp(stamp, UTC)
    return made - _SLACK <= now <= made + age
