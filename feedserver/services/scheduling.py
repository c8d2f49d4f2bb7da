"""Scheduling: create, edit, cancel live sessions. An edit opens, or joins, the one revision that the settle time collects (design decision 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update

from ..errors import Changed, Conflict, Invalid, NotFound
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.enrolments import Enrolment
from ..store.entries import CANCELLED, CalendarEntry
from ..store.history import HistoryEntry
from ..store.rooms import Room
from ..store.sessions import LiveSession, Revision, Seats
from ..training.statuses import ATTENDANCE
from ..training.wall_time import check_times, check_zone
from . import enrolling, notifying, offering, planning, series, telling
from .finding import find, locked_session
from .rendering import Kind
from .session_fields import EDITABLE, SHOWN_FIELDS, TIMES, instants
from .work import Work

_EDITING = ("edited", "planned", "plan discarded")
_OVER = (
    "The session is over, and it is marked who came: it stays as it was. What still works: marking attendance, adding who was there, files and reports. "
    "Make a new session for another date."
)


def create_session(
    work: Work, course_id: int, values: Mapping[str, Any], group_id: int | None = None, *, draft: bool = False
) -> LiveSession:  # fmt: skip
    """A new session with the fields of the contract; with a group its members are Invited and mailed at once.

    `draft`: it is planned from its first moment: nobody is told, and no calendar shows it, until it is published (`preview.publish`).
    """
    course = find(work, Course, course_id)
    if group_id is not None and find(work, TrainingGroup, group_id).course_id != course.id:
        raise Invalid("That training group belongs to another course.", field="group_id")
    known = {k: v for k, v in values.items() if k in EDITABLE}
    _check(known["start"], known["end"], known["timezone"], known.get("fold", 0))
    check_room(work, known)
    session = LiveSession(
        organisation_id=work.organisation_id, course_id=course.id, group_id=group_id, created_at=work.now, updated_at=work.now, draft=draft,
        planning=draft, **known, **instants(known),
    )  # fmt: skip
    work.db.add(session)
    work.db.flush()
    work.db.add(Seats(live_session_id=session.id, capacity=session.capacity))
    work.db.flush()
    if not draft:
        notifying.freeze(work, session)
    work.record("created", live_session_id=session.id, detail={"title": session.title})
    if group_id is not None:
        members = (
            select(GroupMember.learner_id).where(GroupMember.group_id == group_id).order_by(GroupMember.created_at, GroupMember.learner_id)
        )
        enrolling.invite_many(work, session, work.db.scalars(members).all())
    return session


def edit_session(work: Work, session_id: int, values: Mapping[str, Any], version: int | None = None) -> LiveSession:
    """Change fields; `version` is what the editor saw: where it no longer holds, `Changed` says what somebody else did meanwhile.

    With `planning` (given now, or on already) nothing changes yet but the plan.
    """
    session = _held(work, session_id)
    if version is not None and version != session.version:
        raise Changed(
            "Somebody else has changed this session since you opened it. Look at the changes and save again.",
            extra={"changes": changes_since(work, session, version), "version": session.version},
        )
    if session.status == "cancelled":
        raise Conflict("The session is cancelled and stays so; make a new session instead.")
    if session.is_series:
        values = series.edit(work, session, values)
    elif session.series_id is not None and not session.own_entry:
        return series.change_date(work, session, values)
    return edit_row(work, session, values)


def edit_row(work: Work, session: LiveSession, values: Mapping[str, Any]) -> LiveSession:
    """Change this row alone, whatever series it belongs to; the caller holds it and has checked its version."""
    unknown = set(values) - {*EDITABLE, "planning"}
    if unknown:
        raise Invalid("This cannot be changed in a session; make a new session instead.", field=sorted(unknown)[0])
    plan = values.get("planning", session.planning)
    values = {k: v for k, v in values.items() if k != "planning"}
    if any(getattr(session, k) != v for k, v in values.items()) and took_place(work, session):
        raise Conflict(_OVER)
    if plan or session.planning:
        return planning.edit(work, session, values, plan, lambda now, later: _check_plan(work, now, later))
    changed = {k: v for k, v in values.items() if getattr(session, k) != v}
    if not changed:
        return session
    check_room(work, changed)
    before = {k: getattr(session, k) for k in changed}
    if set(changed) & set(TIMES):
        times = {k: values.get(k, getattr(session, k)) for k in TIMES}
        _check(times["start"], times["end"], times["timezone"], times["fold"])
        changed |= instants(times)
    withdrawn = before.get("calendar_enabled") and not changed["calendar_enabled"]
    if withdrawn:
        # Who said No is left alone: that entry must be able to say Yes again.
        mine = and_(CalendarEntry.mailed.is_(True), CalendarEntry.partstat != "DECLINED")
        notifying.end(work, session, mine, Kind.WITHDRAWN, ended_as="withdrawn")
    for name, value in changed.items():
        setattr(session, name, value)
    work.db.expire(session, ["room"])
    session.version += 1
    session.updated_at = work.now
    if "capacity" in before:
        _set_capacity(work, session)
    work.record(
        "edited",
        live_session_id=session.id,
        detail={"version": session.version, "changes": {k: [_plain(v), _plain(changed[k])] for k, v in before.items()}},
    )
    work.db.flush()
    _after_edit(work, session, before)
    return session


def took_place(work: Work, session: LiveSession) -> bool:
    """Whether it is over and on record who came: then it stays as it was. A past time alone may be a slip of the hand, and can be mended."""
    marked = (Enrolment.live_session_id == session.id, Enrolment.status.in_(ATTENDANCE))
    return session.ends_at <= work.now and work.db.scalar(select(Enrolment.id).where(*marked).limit(1)) is not None


def cancel_session(work: Work, session_id: int, reason: str = "") -> LiveSession:
    """Cancel for everybody: a CANCEL to each who may have the entry; it stays cancelled. Doing it twice changes nothing."""
    session = _held(work, session_id)
    if session.status == "cancelled":
        return session
    if session.is_series:
        series.cancel_rest(work, session, reason)
    cancel_row(work, session, reason)
    if session.series_id is not None:
        series.date_cancelled(work, session, reason)
    return session


def cancel_row(work: Work, session: LiveSession, reason: str) -> None:
    """Cancel this row alone; the caller holds it."""
    notifying.end(work, session, CalendarEntry.id > 0, Kind.CANCEL, ended_as="cancelled", feed_state=CANCELLED, note=reason)
    session.status, session.cancel_reason, session.settle_at = "cancelled", reason or None, None
    session.plan, session.planning = None, False
    telling.list_has_ended(work, session, reason)
    session.version += 1
    session.updated_at = work.now
    work.record("cancelled", live_session_id=session.id, detail={"reason": reason} if reason else None)
    work.db.flush()


def publish_due(work: Work, session_id: int) -> int:
    """The settle time of a session has passed: freeze and tell. Returns the number of messages; 0 where another worker was first."""
    session = locked_session(work, session_id)
    work.db.refresh(session)
    if session.draft or session.settle_at is None or session.settle_at > work.now:
        return 0
    return notifying.publish(work, session)


def due(db, now) -> list[tuple[int, int]]:
    """(organisation, session) of every session whose settle time has passed."""
    query = (
        select(LiveSession.organisation_id, LiveSession.id).where(LiveSession.settle_at <= now).order_by(LiveSession.settle_at).limit(100)
    )
    return [tuple(row) for row in db.execute(query)]


def sequence(work: Work, session: LiveSession) -> int:
    """The number of the revision that shows the session as it stands: the published one, or the one about to be."""
    last = notifying.latest_revision(work, session)
    return _number(last, session, work.db.get_one(Course, session.course_id))


def sequences(work: Work, sessions: list[LiveSession]) -> dict[int, int]:
    """`sequence` of many sessions in two statements."""
    if not sessions:
        return {}
    newest = (
        select(Revision.live_session_id, Revision.number, Revision.snapshot_json)
        .where(Revision.live_session_id.in_([s.id for s in sessions]))
        .order_by(Revision.live_session_id, Revision.number)
    )
    last = {row.live_session_id: row for row in work.db.execute(newest)}
    courses = {c.id: c for c in work.db.scalars(select(Course).where(Course.id.in_({s.course_id for s in sessions})))}
    newer = {s.id: last[s.id].snapshot_json != s.snapshot(courses[s.course_id]).to_json() for s in sessions if s.id in last}
    return {s.id: last[s.id].number + newer[s.id] if s.id in last else 0 for s in sessions}


def changes_since(work: Work, session: LiveSession, version: int) -> list[dict]:
    """What was changed after `version`: who, when, field, before, after."""
    query = (
        select(HistoryEntry)
        .where(HistoryEntry.live_session_id == session.id, HistoryEntry.verb.in_(_EDITING))
        .order_by(HistoryEntry.id.desc())
        .limit(50)
    )
    newer = [h for h in work.db.scalars(query) if (h.detail or {}).get("version", 0) > version]
    return [
        {"field": field, "before": old, "after": new, "by": h.actor, "at": h.at.isoformat()}
        for h in reversed(newer)
        for field, (old, new) in h.detail["changes"].items()
    ]


def _held(work: Work, session_id: int) -> LiveSession:
    """The session, held; of a date the series first, as everywhere."""
    series_id = find(work, LiveSession, session_id).series_id
    if series_id is not None:
        locked_session(work, series_id)
    return locked_session(work, session_id)


def course_changed(work: Work, course_id: int) -> None:
    """A course's name or link shows in its sessions: those to come are to be told again after the settle time."""
    _settle(work, LiveSession.course_id == course_id)


def room_changed(work: Work, room_id: int) -> None:
    """A room's name or location is the place of the sessions that say no other: those to come are to be told again."""
    _settle(work, LiveSession.room_id == room_id, LiveSession.location == "")


def _settle(work: Work, *which: ColumnElement[bool]) -> None:
    coming = (
        LiveSession.organisation_id == work.organisation_id,
        LiveSession.status == "scheduled",
        LiveSession.ends_at > work.now,
        LiveSession.settle_at.is_(None),
        LiveSession.draft.is_(False),
    )
    work.db.execute(
        update(LiveSession).where(*which, *coming).values(settle_at=work.now + work.settle).execution_options(synchronize_session=False)
    )


def _after_edit(work: Work, session: LiveSession, before: Mapping[str, Any]) -> None:
    if "calendar_enabled" in before:
        notifying.begin(work, session)
    if "start" in before or "timezone" in before:
        offering.clamp(work, session)
    if "capacity" in before:
        enrolling.promote(work, session)
    turned_on = "calendar_enabled" in before and session.calendar_enabled
    if turned_on or set(before) & set(SHOWN_FIELDS):
        settle(work, session)


def settle(work: Work, session: LiveSession) -> None:
    """What the session shows has changed: told once the settle time has passed, at once where there is none, never of a draft."""
    if session.draft:
        return
    if not work.settle:
        notifying.publish(work, session)
    elif session.settle_at is None:
        session.settle_at = work.now + work.settle
    work.db.flush()


def _set_capacity(work: Work, session: LiveSession) -> None:
    seats = work.db.get_one(Seats, session.id, populate_existing=True)
    _check_capacity(session.capacity, seats)
    seats.capacity, seats.over_capacity = session.capacity, 0


def _check_capacity(capacity: int | None, seats: Seats) -> None:
    if capacity is not None and capacity < seats.taken:
        raise Invalid(
            f"{seats.taken} people hold seats; take {seats.taken - capacity} of them off first, or choose a capacity of {seats.taken} or more.",
            field="capacity",
        )


def _check(start, end, timezone, fold) -> None:
    check_zone(timezone)
    check_times(start, end, timezone, fold)


def _check_plan(work: Work, session: LiveSession, plan: Mapping[str, Any]) -> None:
    _check(*(plan.get(name, getattr(session, name)) for name in TIMES))
    check_room(work, plan)
    if plan.get("capacity") is not None:
        _check_capacity(plan["capacity"], work.db.get_one(Seats, session.id, populate_existing=True))


def check_room(work: Work, values: Mapping[str, Any]) -> None:
    """Raises `Invalid` for a room that the organisation does not have."""
    if values.get("room_id") is None:
        return
    try:
        find(work, Room, values["room_id"])
    except NotFound as error:
        raise Invalid(error.detail, field="room_id") from error


def _number(last: Revision | None, session: LiveSession, course: Course) -> int:
    if last is None:
        return 0
    return last.number if last.snapshot == session.snapshot(course) else last.number + 1


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
