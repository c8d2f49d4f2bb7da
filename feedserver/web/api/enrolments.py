"""Enrolments: who is in a session, with status, answer and the state of the last message to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field
from sqlalchemy import case, func, select

from ...services import enrolling, offering, series_people
from ...services.finding import find
from ...services.work import Work
from ...store.enrolments import Enrolment
from ...store.entries import CalendarEntry
from ...store.learners import Learner
from ...store.outbox import SENT, Delivery
from ...store.sessions import LiveSession
from ...training.statuses import EnrolmentStatus
from . import paging
from .fields import Body, Out, RowId, optional
from .paging import Page
from .routing import Answer, Call, at, route
from .session_shapes import Reason

ByHand = Literal["Registered", "Invited", "Declined", "Attended", "Absent", "Go Show"]
Settable = Literal["Registered", "Invited", "Declined", "Attended", "Absent", "Go Show", "Waiting List", "Cancelled"]
Status = Literal["Waiting Approval", "Waiting List", "Invited", "Registered", "Declined", "Attended", "Absent", "Go Show", "Cancelled"]


class Registration(Body):
    """The learner registers."""

    learner_id: RowId


class NewEnrolment(Body):
    """An administrator adds somebody by hand; `over_capacity` does so knowingly in a full session."""

    learner_id: RowId
    status: ByHand
    over_capacity: bool = False


class EnrolmentChange(Body):
    """The status that an administrator gives."""

    status: Settable = optional()
    over_capacity: bool = False


class Offer(Body):
    """Whether the seat may be one over capacity."""

    over_capacity: bool = False


class Attendance(Body):
    """Whether the person came."""

    status: Literal["Attended", "Absent", "Go Show"]
    occurrence: str | None = Field(None, description="Of a series: which date, by its original start as YYYYMMDDTHHMMSSZ.")


class DeliveryState(Out):
    """The newest message about the entry: its state (`none` where there is none), and why it failed last."""

    state: Literal["none", "queued", "sending", "deferred", "sent", "superseded", "suppressed", "expired", "dead"]
    last_error: str | None


class EnrolmentOut(Out):
    """A person in a session. `uid` is that of the entry in their calendar, `partstat` what they last answered, `sent_sequence` the SEQUENCE last handed
    over, `reconfirm` whether their answer is to an older time, `position` their place on the waiting list, `offer_until` until when a seat from it is held for them,
    `hold_until` until when the seat that they declined is.
    """

    id: RowId
    session_id: RowId
    learner_id: RowId
    name: str
    email: str
    uid: str | None
    status: Status
    partstat: str
    responded_at: datetime | None
    comment: str | None
    reconfirm: bool
    sent_sequence: int | None
    delivery: DeliveryState
    position: int | None
    offer_until: datetime | None
    hold_until: datetime | None
    version: int
    created_at: datetime


def show(work: Work, enrolments: Sequence[Enrolment]) -> list[EnrolmentOut]:
    """Rows as they are answered, in four statements whatever their number."""
    ids = [enrolment.id for enrolment in enrolments]
    people = _people(work, ids)
    sent, newest = _deliveries(work, ids)
    line = _line(work, {e.live_session_id for e in enrolments if e.status == EnrolmentStatus.WAITING_LIST})
    shown = []
    for e in enrolments:
        name, email, uid, reconfirm = people[e.id]
        state, problem = newest.get(e.entry_id, ("none", None))
        shown.append(
            EnrolmentOut(
                id=e.id,
                session_id=e.live_session_id,
                learner_id=e.learner_id,
                name=name,
                email=email,
                uid=uid,
                status=e.status,
                partstat=e.partstat,
                responded_at=e.responded_at,
                comment=e.comment,
                reconfirm=bool(reconfirm),
                sent_sequence=sent.get(e.entry_id),
                delivery=DeliveryState(state=state, last_error=problem),
                position=line.get(e.id),
                offer_until=e.offer_until if e.status == EnrolmentStatus.INVITED else None,
                hold_until=e.hold_until,
                version=e.version,
                created_at=e.created_at,
            )
        )
    return shown


def _people(work: Work, ids: Sequence[int]) -> dict[int, tuple]:
    query = (
        select(Enrolment.id, Learner.name, Learner.email, CalendarEntry.uid, CalendarEntry.reconfirm)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .outerjoin(CalendarEntry, CalendarEntry.id == Enrolment.entry_id)
        .where(Enrolment.id.in_(ids))
    )
    people = {row[0]: tuple(row[1:]) for row in work.db.execute(query)}
    # Of a series whose dates are entries: that of the next date.
    following = series_people.next_entries(work, [one for one in ids if people[one][2] is None])
    return {one: (*row[:2], following.get(one, row[2]), row[3]) for one, row in people.items()}


def _deliveries(work: Work, ids: Sequence[int]) -> tuple[dict[int, int], dict[int, tuple]]:
    """(highest SEQUENCE sent, (state, last error) of the newest message), by entry."""
    grouped = select(Delivery.entry_id, func.max(Delivery.id), func.max(case((Delivery.state == SENT, Delivery.sequence), else_=None)))
    grouped = grouped.where(Delivery.enrolment_id.in_(ids), Delivery.entry_id.is_not(None)).group_by(Delivery.entry_id)
    rows = work.db.execute(grouped).all()
    states = select(Delivery.entry_id, Delivery.state, Delivery.last_error).where(Delivery.id.in_([row[1] for row in rows]))
    return {row[0]: row[2] for row in rows}, {row[0]: (row[1], row[2]) for row in work.db.execute(states)}


def _line(work: Work, session_ids: set[int]) -> dict[int, int]:
    """The place of everybody on the waiting lists of these sessions."""
    if not session_ids:
        return {}
    place = func.row_number().over(partition_by=Enrolment.live_session_id, order_by=(Enrolment.queued_at, Enrolment.id))
    waiting = Enrolment.live_session_id.in_(session_ids), Enrolment.status == EnrolmentStatus.WAITING_LIST
    return {enrolment_id: n for enrolment_id, n in work.db.execute(select(Enrolment.id, place).where(*waiting))}


def _one(work: Work, enrolment: Enrolment) -> EnrolmentOut:
    work.db.flush()
    work.db.refresh(enrolment)
    return show(work, [enrolment])[0]


@route("POST", "/sessions/<id:session_id>/registrations", body=Registration, answer=EnrolmentOut, status=201, problems=(404, 409))
def register(work: Work, call: Call) -> Answer:
    """The learner registers: approval, then the waiting list, then Registered. Full without a list: 409 with `other_dates`."""
    enrolment = enrolling.register(work, call.path["session_id"], call.body.learner_id)
    return Answer(_one(work, enrolment), headers=at("enrolments", enrolment.id))


@route("POST", "/sessions/<id:session_id>/enrolments", body=NewEnrolment, answer=EnrolmentOut, status=201, problems=(404, 409))
def add_enrolment(work: Work, call: Call) -> Answer:
    """An administrator adds somebody by hand; each gets the invitation while the session is not over."""
    given = call.body
    enrolment = enrolling.enrol(work, call.path["session_id"], given.learner_id, given.status, over_capacity=given.over_capacity)
    return Answer(_one(work, enrolment), headers=at("enrolments", enrolment.id))


@route("GET", "/sessions/<id:session_id>/enrolments", query=paging.Query, answer=Page[EnrolmentOut], problems=(404,))
def list_enrolments(work: Work, call: Call) -> Page[EnrolmentOut]:
    """List the people of a session."""
    session = find(work, LiveSession, call.path["session_id"])
    query = select(Enrolment).where(Enrolment.live_session_id == session.id)
    rows, following = paging.by_id(work.db, query, Enrolment.id, call.query)
    return Page[EnrolmentOut](items=show(work, rows), next=following)


@route("GET", "/enrolments/<id:enrolment_id>", answer=EnrolmentOut, problems=(404,), tagged=True)
def get_enrolment(work: Work, call: Call) -> EnrolmentOut:
    """One person in one session."""
    return show(work, [find(work, Enrolment, call.path["enrolment_id"])])[0]


@route("PATCH", "/enrolments/<id:enrolment_id>", body=EnrolmentChange, answer=EnrolmentOut, problems=(404, 409, 412), tagged=True)
def edit_enrolment(work: Work, call: Call) -> EnrolmentOut:
    """Give another status by hand, at any time. An If-Match that no longer holds answers 412 with the status as it is, and changes nothing."""
    enrolment_id = call.path["enrolment_id"]
    if "status" not in call.body.model_fields_set:
        return show(work, [find(work, Enrolment, enrolment_id)])[0]
    given, version = call.body, None
    if call.versions is not None:
        present = find(work, Enrolment, enrolment_id).version
        version = present if present in call.versions else max(call.versions)
    return _one(work, enrolling.set_status(work, enrolment_id, given.status, over_capacity=given.over_capacity, version=version))


@route("DELETE", "/enrolments/<id:enrolment_id>", status=204, problems=(404,))
def delete_enrolment(work: Work, call: Call) -> None:
    """Take somebody off: a CANCEL goes to that person alone, and the enrolment stays as `Cancelled`. A second time changes nothing."""
    enrolling.remove(work, call.path["enrolment_id"])


@route("POST", "/enrolments/<id:enrolment_id>/approve", answer=EnrolmentOut, problems=(404, 409))
def approve_enrolment(work: Work, call: Call) -> EnrolmentOut:
    """Approve somebody who waits for it: on to a seat, or to the waiting list."""
    return _one(work, enrolling.approve(work, call.path["enrolment_id"]))


@route("POST", "/enrolments/<id:enrolment_id>/reject", body=Reason, body_required=False, answer=EnrolmentOut, problems=(404, 409))
def reject_enrolment(work: Work, call: Call) -> EnrolmentOut:
    """Refuse somebody who waits for approval."""
    return _one(work, enrolling.reject(work, call.path["enrolment_id"], call.body.reason or ""))


@route("POST", "/enrolments/<id:enrolment_id>/offer", body=Offer, body_required=False, answer=EnrolmentOut, problems=(404, 409))
def offer_place(work: Work, call: Call) -> EnrolmentOut:
    """Offer a seat to somebody on the waiting list, whoever else waits; `over_capacity` does so knowingly in a full session."""
    return _one(work, offering.offer(work, call.path["enrolment_id"], over_capacity=call.body.over_capacity))


@route("PUT", "/enrolments/<id:enrolment_id>/attendance", body=Attendance, answer=EnrolmentOut, problems=(404, 409))
def put_attendance(work: Work, call: Call) -> EnrolmentOut:
    """Note whether the person came; of a series to which date. The answer is the enrolment in that date."""
    enrolment_id = series_people.in_date(work, call.path["enrolment_id"], call.body.occurrence)
    return _one(work, enrolling.mark_attendance(work, enrolment_id, call.body.status))
