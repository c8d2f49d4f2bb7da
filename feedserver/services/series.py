"""Series: a head and a row for each date (design decision 15, decision 0013). Made, changed, split, cancelled here; who is in them: `series_people`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from ..errors import Conflict, Invalid, NotFound
from ..ical import vevent
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.sessions import LiveSession, Seats
from ..training import recurrence
from ..training.recurrence import Occurrence
from ..training.wall_time import check_times, check_zone
from . import enrolling, notifying, offering, scheduling, series_own, series_people
from .finding import find, locked_session
from .series_plan import DATES, EXTRA, MOVED, RULE, Plan, occurrence, plan, words_of
from .series_rows import SEATS, SHARED, add, copy_people, dates_of, everybody, key_of, leave_out, row, span
from .session_fields import EDITABLE, SHOWN_FIELDS, TIMES, instants
from .work import Work

__all__ = ["DATES", "EXTRA", "MOVED", "RULE", "Plan", "dates_of", "key_of", "plan", "words_of"]


def create(work: Work, course_id: int, values: Mapping[str, Any], group_id: int | None = None) -> LiveSession:
    """A new series; returns its head. With a group its members are Invited to it and mailed at once."""
    course = find(work, Course, course_id)
    if group_id is not None and find(work, TrainingGroup, group_id).course_id != course.id:
        raise Invalid("That training group belongs to another course.", field="group_id")
    planned = plan(values)
    fields = {name: value for name, value in values.items() if name in EDITABLE}
    scheduling.check_room(work, fields)
    head = LiveSession(
        organisation_id=work.organisation_id, course_id=course.id, group_id=group_id, created_at=work.now, updated_at=work.now, **fields,
        recurrence=planned.rule.text(), entry_mode=planned.mode, own_entry=planned.mode == RULE, seats_per_date=bool(values.get("seats_per_date")),
    )  # fmt: skip
    if head.seats_per_date:
        head.capacity = None
    head.starts_at, head.ends_at = planned.dates[0].recurrence_id, planned.taking_place[-1].recurrence_id
    work.db.add(head)
    work.db.flush()
    capacity = fields.get("capacity") if head.seats_per_date else None
    dates = [row(work, head, one, capacity, left_out=one.recurrence_id in planned.left_out) for one in planned.dates]
    dates += [row(work, head, one, capacity, extra=True) for one in planned.extra]
    span(head, dates)
    work.db.add(Seats(live_session_id=head.id, capacity=head.capacity))
    add(work, dates)
    leave_out(work, head)
    for one in (head, *(date for date in dates if date.own_entry and date.status == "scheduled")):
        notifying.freeze(work, one)
    work.record(
        "created", live_session_id=head.id, detail={"title": head.title, "recurrence": head.recurrence, "dates": len(planned.taking_place)}
    )
    if group_id is not None:
        members = select(GroupMember.learner_id).where(GroupMember.group_id == group_id)
        enrolling.invite_many(work, head, work.db.scalars(members.order_by(GroupMember.created_at, GroupMember.learner_id)).all())
    return head


def find_date(work: Work, head_id: int, key: str) -> tuple[LiveSession, LiveSession]:
    """(head, date), both held for this transaction; raises `NotFound` with the dates that there are."""
    head = locked_session(work, head_id)
    if not head.is_series:
        raise NotFound(f"Session {head_id} is no series: it has one date.")
    try:
        at = datetime.strptime(key, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise NotFound("Name a date by its original start in UTC, as 20270512T070000Z.") from error
    found = work.db.scalars(select(LiveSession.id).where(LiveSession.series_id == head.id, LiveSession.recurrence_id == at)).first()
    if found is None:
        raise NotFound(
            f"The series has no date that was to start at {key}.",
            extra={"occurrences": [key_of(d.recurrence_id) for d in dates_of(work, head)]},
        )
    return head, locked_session(work, found)


def edit(work: Work, head: LiveSession, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change every date that is to come: what is shown, the times, the rule. Returns what is left to be changed in the head.

    The caller holds the head and has checked its version.
    """
    if values.get("planning"):
        raise Invalid("Changes of a series go out after the settle time; they cannot be collected as a plan.", field="planning")
    if "entry_mode" in values or "seats_per_date" in values:
        raise Invalid("How a series stands in calendars stays; make a new one instead.", field="entry_mode")
    changed = {name: value for name, value in values.items() if getattr(head, name) != value}
    if set(changed) & {*TIMES, "recurrence"}:
        _edit_times(work, head, changed)
    shared = {name: value for name, value in changed.items() if name in SHARED}
    before = {name: getattr(head, name) for name in shared}
    if shared:
        for date in _to_come(work, head):
            mine = {name: value for name, value in shared.items() if getattr(date, name) == before[name]}
            if mine:
                scheduling.edit_row(work, locked_session(work, date.id), mine)
    if head.seats_per_date and set(changed) & set(SEATS):
        for date in _to_come(work, head):
            scheduling.edit_row(work, locked_session(work, date.id), {name: changed[name] for name in SEATS if name in changed})
    done = {*TIMES, "recurrence", *(SEATS if head.seats_per_date else ())}
    return {name: value for name, value in values.items() if name not in done}


def edit_date(work: Work, head_id: int, key: str, values: Mapping[str, Any], version: int | None = None) -> LiveSession:
    """Change one date alone. In a series that is one entry it becomes an entry of its own, sent first, and leaves the others by EXDATE."""
    _head, date = find_date(work, head_id, key)
    return scheduling.edit_session(work, date.id, values, version)


def change_date(work: Work, date: LiveSession, values: Mapping[str, Any]) -> LiveSession:
    """Change a date that stands in its series' one entry; the caller holds both and has checked the version."""
    head = work.db.get_one(LiveSession, date.series_id)
    if values.get("planning"):
        raise Invalid("Changes of a date go out after the settle time; they cannot be collected as a plan.", field="planning")
    changed = {name: value for name, value in values.items() if getattr(date, name, None) != value}
    if not changed or not set(changed) & set(SHOWN_FIELDS):
        return scheduling.edit_row(work, date, values)
    for name in changed:
        if name not in EDITABLE:
            raise Invalid("This cannot be changed in a session; make a new session instead.", field=name)
    scheduling.check_room(work, changed)
    times = {name: values.get(name, getattr(date, name)) for name in TIMES}
    check_zone(times["timezone"])
    check_times(*(times[name] for name in TIMES))
    before = {name: [_plain(getattr(date, name)), _plain(value)] for name, value in changed.items()}
    date.own_entry, date.entry_mode = True, MOVED
    for name, value in {**changed, **instants(times)}.items():
        setattr(date, name, value)
    work.db.expire(date, ["room"])
    date.version += 1
    date.updated_at = work.now
    work.db.flush()
    detail = {"recurrence_id": key_of(date.recurrence_id), "version": date.version, "changes": before}
    work.record("edited", live_session_id=date.id, detail=detail)
    notifying.begin(work, date)
    leave_out(work, head)
    scheduling.settle(work, head)
    return date


def add_date(work: Work, head_id: int, start: datetime, end: datetime | None = None) -> LiveSession:
    """A further date, with an entry of its own in every series, for everybody in it; without `end` it is as long as the others.

    One that was left out from the start takes place after all; one that was cancelled since stays so (`Conflict`).
    """
    head = locked_session(work, head_id)
    if not head.is_series:
        raise Conflict("This session is no series; make a new session for another date.")
    if head.status == "cancelled":
        raise Conflict("The series is cancelled and stays so; make a new one instead.")
    one = occurrence(start, end, head.end - head.start, head.timezone)
    if one.recurrence_id <= work.now:
        raise Invalid("This date is in the past.", field="start")
    dates = dates_of(work, head)
    there = next((date for date in dates if one.recurrence_id in (date.recurrence_id, date.starts_at)), None)
    if there is not None and not (there.draft and there.recurrence_id == one.recurrence_id):
        raise Conflict("The series has a date at that time already, or had one that is cancelled.", extra={"id": there.id})
    if len(dates) >= recurrence.MOST and there is None:
        raise Invalid(f"A series has at most {recurrence.MOST} dates.", field="start")
    if there is not None:
        there.status, there.draft, there.own_entry, there.end = "scheduled", False, True, one.end
        there.entry_mode = MOVED if head.entry_mode == RULE else None
        there.ends_at = instants({"start": one.start, "end": one.end, "timezone": head.timezone})["ends_at"]
        work.db.flush()
    else:
        there = row(work, head, one, dates[0].capacity if head.seats_per_date else None, extra=True)
        add(work, [there])
    head.ends_at = max(head.ends_at, there.ends_at)
    head.version += 1
    head.updated_at = work.now
    work.record("date added", live_session_id=head.id, detail={"recurrence_id": key_of(there.recurrence_id)})
    work.db.flush()
    notifying.freeze(work, there)
    series_people.spread(work, head, everybody(work, head))
    return there


def cancel_date(work: Work, head_id: int, key: str, reason: str = "") -> LiveSession:
    """Cancel one date for everybody; in a series that is one entry it leaves by EXDATE, which asks nobody anything."""
    _head, date = find_date(work, head_id, key)
    return scheduling.cancel_session(work, date.id, reason)


def date_cancelled(work: Work, date: LiveSession, reason: str) -> None:
    """One date was cancelled: the entry of the series leaves it out. With its last date the series ends."""
    head = work.db.get_one(LiveSession, date.series_id)
    if head.status == "cancelled":
        return
    if all(one.status == "cancelled" for one in dates_of(work, head)):
        scheduling.cancel_row(work, head, reason)
    elif head.entry_mode == RULE and not date.own_entry:
        leave_out(work, head)
        scheduling.settle(work, head)


def cancel_rest(work: Work, head: LiveSession, reason: str) -> None:
    """The head is being cancelled: so is every date that has an entry of its own; the others go with it."""
    for date in dates_of(work, head):
        if date.status == "scheduled" and (date.ends_at > work.now or head.entry_mode == DATES):
            scheduling.cancel_row(work, locked_session(work, date.id), reason)


def split(work: Work, head_id: int, key: str) -> LiveSession:
    """ "This and following": the dates from this one on become a series of their own, which is returned, with the same people.

    Where each date is an entry nobody is told anything; where the series is one entry, people get the second one, and the first ends sooner.
    """
    head, date = find_date(work, head_id, key)
    dates = dates_of(work, head)
    following = [one for one in dates if one.recurrence_id >= date.recurrence_id]
    if len(following) == len(dates):
        raise Conflict("That is the first date; change the whole series instead.")
    rule = recurrence.parse_rule(head.recurrence, head.timezone)
    local = date.recurrence_id.astimezone(vevent.load(head.timezone)).replace(tzinfo=None)
    before, after = recurrence.after_split(rule, head.start, head.timezone, local)
    length = head.end - head.start
    second = LiveSession(
        organisation_id=head.organisation_id, course_id=head.course_id, group_id=head.group_id, created_at=work.now, updated_at=work.now,
        **{name: getattr(head, name) for name in (*SHARED, *SEATS, "timezone", "fold", "entry_mode", "own_entry", "seats_per_date")},
        start=local, end=local + length, recurrence=after.text(), starts_at=following[0].starts_at, ends_at=following[-1].ends_at,
    )  # fmt: skip
    work.db.add(second)
    work.db.flush()
    copy_people(work, head, second)
    ids = [one.id for one in following]
    work.db.execute(update(LiveSession).where(LiveSession.id.in_(ids)).values(series_id=second.id))
    head.recurrence, head.ends_at = before.text(), max(one.ends_at for one in dates if one.recurrence_id < date.recurrence_id)
    head.version += 1
    head.updated_at = work.now
    work.db.flush()
    work.db.expire_all()
    for one in (second, head):
        leave_out(work, one)
    work.record("split", live_session_id=head.id, detail={"from": key, "series": second.id})
    notifying.freeze(work, second)
    notifying.begin(work, second)
    scheduling.settle(work, head)
    return second


def _edit_times(work: Work, head: LiveSession, changed: Mapping[str, Any]) -> None:
    """Every date moves with the series. Where some are over, only "this and following" says what is meant."""
    every = dates_of(work, head)
    dates = [one for one in every if one.entry_mode != EXTRA]
    over = [one for one in dates if one.status == "scheduled" and one.ends_at <= work.now]
    if over:
        following = next((key_of(one.recurrence_id) for one in dates if one.ends_at > work.now), "")
        words = f"{len(over)} dates of this series are over. Split it at the next date ({following}) and change what follows."
        raise Conflict(words, extra={"split_at": following})
    values = {name: changed.get(name, getattr(head, name)) for name in (*TIMES, "recurrence")}
    if "recurrence" not in changed:
        rule = recurrence.parse_rule(head.recurrence, head.timezone)
        values["recurrence"] = recurrence.shifted(rule, head.start, values["start"], head.timezone).text()
    values["entry_mode"], values["seats_per_date"] = head.entry_mode, head.seats_per_date
    planned = plan(values)
    work.record("edited", live_session_id=head.id, detail={"version": head.version + 1, "changes": _changes(head, changed)})
    head.version += 1
    head.updated_at = work.now
    for date, one in zip(dates, planned.dates, strict=False):
        _move(work, head, date, one, values["timezone"])
    for date in dates[len(planned.dates) :]:
        if date.status == "scheduled":
            scheduling.cancel_row(work, locked_session(work, date.id), "")
    for name in TIMES:
        setattr(head, name, values[name])
    head.recurrence = planned.rule.text()
    capacity = dates[0].capacity if head.seats_per_date else None
    more = [row(work, head, one, capacity) for one in planned.dates[len(dates) :]]
    add(work, more)
    span(head, [*every, *more])
    work.db.flush()
    leave_out(work, head)
    if more:
        for one in more:
            if one.own_entry:
                notifying.freeze(work, one)
        series_people.spread(work, head, everybody(work, head))
    series_own.refresh(work, head)
    offering.clamp(work, head)
    scheduling.settle(work, head)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _changes(head: LiveSession, changed: Mapping[str, Any]) -> dict[str, list]:
    return {name: [_plain(getattr(head, name)), _plain(changed[name])] for name in (*TIMES, "recurrence") if name in changed}


def _move(work: Work, head: LiveSession, date: LiveSession, one: Occurrence, timezone: str) -> None:
    times = {"start": one.start, "end": one.end, "timezone": timezone, "fold": one.fold}
    if date.own_entry and date.entry_mode != MOVED and date.status == "scheduled":
        scheduling.edit_row(work, locked_session(work, date.id), times)
    elif date.entry_mode != MOVED:
        for name, value in {**times, **instants(times)}.items():
            setattr(date, name, value)
    date.recurrence_id = one.recurrence_id


def _to_come(work: Work, head: LiveSession) -> list[LiveSession]:
    return series_people.coming_dates(work, head)
