"""What a learner can do about one enrolment outside mail: where they stand, what each button will do, and the pressing of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import tokens
from ..errors import NotFound
from ..store import keys
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..store.sessions import LiveSession, Seats
from ..training.statuses import TABLE, Answer, EnrolmentStatus
from . import answering, offering, series_answers, series_entry, undoing, waiting_line
from .rendering import Kind
from .work import Work

S = EnrolmentStatus
ANSWERS = {"yes": Answer.YES, "maybe": Answer.MAYBE, "no": Answer.NO}
PRESSES = (*ANSWERS, "undo", "take")


@dataclass(frozen=True)
class Standing:
    """Where somebody stands in a session. `buttons` are those of `PRESSES` that do something now; `until`: how long a seat is kept for them."""

    enrolment: Enrolment
    session: LiveSession
    learner: Learner
    position: int
    seat_free: bool
    reconfirm: bool
    until: datetime | None
    buttons: tuple[str, ...]


def standing(work: Work, enrolment_id: int) -> Standing:
    """Look, and change nothing; raises `NotFound`."""
    enrolment = work.db.get(Enrolment, enrolment_id)
    if enrolment is None or enrolment.organisation_id != work.organisation_id:
        raise NotFound("There is nothing to answer here.")
    session, learner = work.db.get_one(LiveSession, enrolment.live_session_id), work.db.get_one(Learner, enrolment.learner_id)
    shared = session.series_id is not None and not session.seats_per_date
    seats, entry = work.db.get_one(Seats, session.series_id if shared else session.id), work.db.get(CalendarEntry, enrolment.entry_id or 0)
    if shared and not session.own_entry:
        entry = series_entry.of_date(work, session, enrolment.learner_id)[1]
    free = seats.capacity is None or seats.taken < seats.capacity + seats.over_capacity
    offered = enrolment.offer_until if enrolment.status == S.INVITED else None
    return Standing(
        enrolment,
        session,
        learner,
        position=waiting_line.position(work, enrolment),
        seat_free=free,
        reconfirm=bool(entry and entry.reconfirm),
        until=offered or enrolment.hold_until,
        buttons=tuple(_buttons(work, enrolment, session, entry, free)),
    )


def press(work: Work, learner_id: int, enrolment_id: int, pressed: str) -> None:
    """One of `PRESSES`, in the learner's name; raises `NotFound` for somebody else's enrolment, `Conflict` in words where it cannot be done."""
    enrolment = work.db.get(Enrolment, enrolment_id) if enrolment_id < 2**63 else None
    if enrolment is None or enrolment.learner_id != learner_id or pressed not in PRESSES:
        raise NotFound("There is nothing to answer here.")
    session = work.db.get_one(LiveSession, enrolment.live_session_id)
    if pressed == "undo" and session.is_series:
        series_answers.undo_all(work, session, learner_id)
    elif pressed == "undo":
        undoing.undo(work, enrolment_id)
    elif pressed == "take":
        offering.take_free_seat(work, enrolment_id)
    elif session.is_series:
        series_answers.answer_all(work, enrolment_id, ANSWERS[pressed])
    elif session.series_id is not None and not session.own_entry:
        series_answers.answer_date(work, enrolment_id, ANSWERS[pressed])
    else:
        answering.answer_on_page(work, enrolment_id, ANSWERS[pressed])


def enrolment_of(db: Session, token: str) -> Enrolment | None:
    """Whose answer page this token opens; None for a token that is not ours, or whose learner has left their page."""
    number, _, page_id = (tokens.read(tokens.ANSWER, token, keys.usable(db).values()) or "").partition(".")
    if not number.isdecimal():
        return None
    query = (
        select(Enrolment).join(Learner, Learner.id == Enrolment.learner_id).where(Enrolment.id == int(number), Learner.page_id == page_id)
    )
    return db.scalars(query).first()


def approval_of(db: Session, token: str) -> tuple[Delivery, Enrolment] | None:
    """The request that an approver was asked about by this mail, with the enrolment; None for a token that is not ours."""
    number = tokens.read(tokens.APPROVAL, token, keys.usable(db).values()) or ""
    asked = db.get(Delivery, int(number)) if number.isdecimal() else None
    if asked is None or asked.kind != Kind.APPROVAL or not asked.recipient or asked.enrolment_id is None:
        return None
    enrolment = db.get(Enrolment, asked.enrolment_id)
    return (asked, enrolment) if enrolment else None


def still_asked(asked: Delivery, enrolment: Enrolment) -> bool:
    """Whether it is this request that waits: not one decided before, nor a later one of the same person."""
    return enrolment.status == S.WAITING_APPROVAL and enrolment.queued_at is not None and enrolment.queued_at <= asked.created_at


def _buttons(work: Work, enrolment: Enrolment, session: LiveSession, entry: CalendarEntry | None, free: bool):
    rule = TABLE[S(enrolment.status)]
    # A series whose dates are entries has none of its own.
    alive = session.entry_mode == "dates" or (entry is not None and entry.ended_at is None)
    if session.status != "scheduled" or session.ends_at <= work.now or not alive:
        return
    if rule.listed:
        shared = session.series_id is not None and not session.seats_per_date
        if enrolment.status == S.WAITING_LIST and free and not shared:
            yield "take"
        yield "no"
    elif enrolment.status in (S.INVITED, S.REGISTERED):
        yield from ("yes", "maybe", "no")
    elif enrolment.status == S.DECLINED:
        yield "yes"
    of_dates = session.entry_mode == "dates" and series_answers.last_moment(work, session, enrolment.learner_id) is not None
    if of_dates or undoing.last_answer(work, enrolment) is not None:
        yield "undo"
