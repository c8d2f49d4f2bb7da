"""The people of one session, a page at a time: status, answer, what they were told and which version their calendar holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from ...services import versions
from ...services.work import Work
from ...store.enrolments import Enrolment
from ...store.entries import CalendarEntry
from ...store.learners import Learner
from ...store.outbox import SENT, Delivery
from ...store.sessions import LiveSession
from ...training.statuses import SEATED, EnrolmentStatus

S = EnrolmentStatus


@dataclass(frozen=True)
class Shown:
    """Which people: of one status, those who may still have the old time, those whose name or address has these letters."""

    status: str = ""
    behind: bool = False
    text: str = ""


@dataclass(frozen=True)
class Person:
    """One row. `answer`: what they last said, of a date that they did not answer by itself to the whole series; `told`: the newest version
    that was handed over by mail, at `told_at`; `fetched`: when which program last fetched the feed."""

    enrolment: Enrolment
    learner: Learner
    entry: CalendarEntry | None
    delivery: Delivery | None
    told: int | None
    told_at: datetime | None
    fetched: tuple[datetime, str] | None
    moved: datetime | None
    answer: str

    @property
    def alive(self) -> bool:
        """Something stands in the calendar."""
        return self.entry is not None and self.entry.ended_at is None

    @property
    def answered(self) -> bool:
        """The person has answered the version that the calendar shows."""
        return self.alive and self.entry.partstat != "NEEDS-ACTION"

    @property
    def feed_is_new(self) -> bool:
        """The feed was fetched since the entry last changed."""
        return self.alive and self.fetched is not None and self.fetched[0] >= datetime.fromtimestamp(self.entry.dtstamp, UTC)

    @property
    def behind(self) -> bool:
        """They may still have the old time: the rule of `versions`, for a row that is at hand."""
        if self.moved is None or not self.alive or self.answered or self.enrolment.status not in SEATED:
            return False
        return self.entry.created_at < self.moved and not (self.fetched and self.fetched[0] >= self.moved)


def people(work: Work, session: LiveSession, shown: Shown, moved: datetime | None, limit: int, offset: int) -> list[Person]:
    """One page, in five queries however many there are: ids are sorted first, so that no row is read that is not shown."""
    order = (Enrolment.queued_at,) if shown.status == S.WAITING_LIST else (Learner.name,)
    ids = select(Enrolment.id).join(Learner, Learner.id == Enrolment.learner_id).where(Enrolment.live_session_id == session.id)
    ids = ids.where(Enrolment.status == shown.status if shown.status else Enrolment.status != S.CANCELLED)
    if shown.text:
        ids = ids.where(Learner.name.icontains(shown.text, autoescape=True) | Learner.email.icontains(shown.text, autoescape=True))
    if shown.behind and moved is not None:
        ids = ids.join(CalendarEntry, CalendarEntry.id == Enrolment.entry_id).where(versions.may_have_the_old_time(session, moved))
    chosen = list(work.db.scalars(ids.order_by(*order, Enrolment.id).limit(limit).offset(offset)))
    query = (
        select(Enrolment, Learner, CalendarEntry)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .outerjoin(CalendarEntry, CalendarEntry.id == Enrolment.entry_id)
        .where(Enrolment.id.in_(chosen))
    )
    rows = sorted(work.db.execute(query).all(), key=lambda row: chosen.index(row.Enrolment.id))
    newest = select(func.max(Delivery.id)).where(Delivery.enrolment_id.in_(chosen)).group_by(Delivery.enrolment_id)
    deliveries = {d.enrolment_id: d for d in work.db.scalars(select(Delivery).where(Delivery.id.in_(newest)))}
    sent = (
        select(Delivery.entry_id, func.max(Delivery.sequence).label("sequence"), func.max(Delivery.final_at).label("at"))
        .where(Delivery.enrolment_id.in_(chosen), Delivery.state == SENT, Delivery.method == "REQUEST")
        .group_by(Delivery.entry_id)
    )
    told = {row.entry_id: row for row in work.db.execute(sent)}
    fetched = versions.fetched_since(work, [row.Learner.id for row in rows])
    whole = _to_the_whole(work, session, [row.Learner.id for row in rows])
    return [
        Person(
            row.Enrolment, row.Learner, row.CalendarEntry, deliveries.get(row.Enrolment.id),
            getattr(told.get(row.Enrolment.entry_id), "sequence", None), getattr(told.get(row.Enrolment.entry_id), "at", None),
            fetched.get(row.Learner.id), moved,
            row.Enrolment.partstat if row.Enrolment.responded_at else whole.get(row.Learner.id, row.Enrolment.partstat),
        )
        for row in rows
    ]  # fmt: skip


def _to_the_whole(work: Work, session: LiveSession, learner_ids: list[int]) -> dict[int, str]:
    """What these learners answered to the series that a session is one date of."""
    if session.series_id is None:
        return {}
    query = select(Enrolment.learner_id, Enrolment.partstat).where(Enrolment.live_session_id == session.series_id)
    return dict(work.db.execute(query.where(Enrolment.learner_id.in_(learner_ids))).all())
