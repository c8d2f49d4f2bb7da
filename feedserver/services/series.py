"""Series: a head and a row for each date (design decision 15, decision 0015). Made, changed, split, cancelled here; who is in them: `series_people`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, literal, select, update

from ..errors import Conflict, Invalid, NotFound
from ..ical import vevent
from ..store.courses import Course, GroupMember, TrainingGroup
from ..store.enrolments import Enrolment
from ..store.sessions import LiveSession, Seats
from ..training import recurrence
from ..training.changes import instant
from ..training.recurrence import Occurrence, Rule
from ..training.recurrence_words import in_words
from ..training.wall_time import check_times, check_zone
from . import enrolling, notifying, scheduling, series_own, series_people
from .finding import find, locked_session
from .session_fields import EDITABLE, SHOWN_FIELDS, TIMES, instants
from .work import Work

DATES, RULE, MOVED = "dates", "rule", "moved"
ENTRIES_UP_TO = 6
"""Up to so many dates stand in calendars as an entry each, unless the session says otherwise."""
_SHARED = tuple(name for name in EDITABLE if name not in (*TIMES, "capacity", "waiting_list", "approval_required"))
_SEATS = ("capacity", "waiting_list", "approval_required")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a series would be: its rule, its dates, what stands in calendars, and what the editor has to say about it."""

    rule: Rule
    dates: list[Occurrence]
    mode: str
    warnings: tuple[str, ...]


def plan(values: Mapping[str, Any]) -> Plan:
    """Look at a series before it is made; raises `Invalid`. `values` as for a session, with `recurrence` and perhaps `entry_mode`."""
    timezone = check_zone(values["timezone"])
    check_times(values["start"], values["end"], timezone, values.get("fold", 0))
    rule = recurrence.parse_rule(values["recurrence"], timezone)
    dates = recurrence.occurrences(rule, values["start"], values["end"], timezone)
    spoken = rule.outlook_knows and _one_zone(values, dates)
    mode = values.get("entry_mode") or (RULE if len(dates) > ENTRIES_UP_TO and spoken and not values.get("seats_per_date") else DATES)
    if mode == RULE and values.get("seats_per_date"):
        raise Invalid("Seats for each date need an entry for each date.", field="entry_mode")
    if mode == RULE and not spoken:
        raise Invalid("Outlook would refuse this rule, or no program could read its times: let each date be an entry.", field="entry_mode")
    return Plan(rule, dates, mode, _warnings(dates, timezone))


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
    _span(head, planned.dates)
    if head.seats_per_date:
        head.capacity = None
    work.db.add(head)
    work.db.flush()
    dates = [_date(work, head, one, fields.get("capacity") if head.seats_per_date else None) for one in planned.dates]
    work.db.add_all(dates)
    work.db.flush()
    work.db.add_all([Seats(live_session_id=one.id, capacity=one.capacity) for one in (head, *dates)])
    work.db.flush()
    _leave_out(work, head)
    for one in (head, *(date for date in dates if date.own_entry)):
        notifying.freeze(work, one)
    work.record("created", live_session_id=head.id, detail={"title": head.title, "recurrence": head.recurrence, "dates": len(dates)})
    if group_id is not None:
        members = select(GroupMember.learner_id).where(GroupMember.group_id == group_id)
        enrolling.invite_many(work, head, work.db.scalars(members.order_by(GroupMember.created_at, GroupMember.learner_id)).all())
    return head


def dates_of(work: Work, head: LiveSession) -> list[LiveSession]:
    """Every date, by its original start."""
    return list(work.db.scalars(select(LiveSession).where(LiveSession.series_id == head.id).order_by(LiveSession.recurrence_id)))


def key_of(recurrence_id: datetime) -> str:
    """The original start as the API writes it."""
    return f"{recurrence_id:%Y%m%dT%H%M%SZ}"


def words_of(session: LiveSession) -> str | None:
    """The rule of a series in words; None of anything else."""
    if not session.is_series:
        return None
    return in_words(recurrence.parse_rule(session.recurrence, session.timezone), session.start, session.timezone)


def find_date(work: Work, head_id: int, key: str) -> tuple[LiveSession, LiveSession]:
    """(head, date), both held for this transaction; raises `NotFound` with the dates that there are."""
    head = locked_session(work, head_id)
    if not head.is_series:
        raise NotFound(f"Session {head_id} is no series: it has one date.")
    try:
        at = datetime.strptime(key, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid("Name a date by its original start in UTC, as 20270512T070000Z.", field="recurrence_id") from error
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
    shared = {name: value for name, value in changed.items() if name in _SHARED}
    before = {name: getattr(head, name) for name in shared}
    if shared:
        for date in _to_come(work, head):
            mine = {name: value for name, value in shared.items() if getattr(date, name) == before[name]}
            if mine:
                scheduling.edit_session(work, date.id, mine)
    if head.seats_per_date and set(changed) & set(_SEATS):
        for date in _to_come(work, head):
            scheduling.edit_session(work, date.id, {name: changed[name] for name in _SEATS if name in changed})
    done = {*TIMES, "recurrence", *(_SEATS if head.seats_per_date else ())}
    return {name: value for name, value in values.items() if name not in done}


def edit_date(work: Work, head_id: int, key: str, values: Mapping[str, Any], version: int | None = None) -> LiveSession:
    """Change one date alone. In a series that is one entry it becomes an entry of its own, sent first, and leaves the others by EXDATE."""
    head, date = find_date(work, head_id, key)
    if head.status == "cancelled" or date.status == "cancelled":
        raise Conflict("That date is cancelled and stays so.")
    changed = {name: value for name, value in values.items() if getattr(date, name, None) != value}
    if not changed or date.own_entry or not set(changed) & set(SHOWN_FIELDS):
        return scheduling.edit_session(work, date.id, values, version)
    times = {name: values.get(name, getattr(date, name)) for name in TIMES}
    check_zone(times["timezone"])
    check_times(*(times[name] for name in TIMES))
    date.own_entry, date.entry_mode = True, MOVED
    for name, value in changed.items():
        if name not in EDITABLE:
            raise Invalid("This cannot be changed in a session; make a new session instead.", field=name)
        setattr(date, name, value)
    for name, value in instants(times).items():
        setattr(date, name, value)
    date.version += 1
    date.updated_at = work.now
    work.db.flush()
    work.record("moved out of the series", live_session_id=date.id, detail={"recurrence_id": key, "changes": sorted(changed)})
    notifying.begin(work, date)
    _leave_out(work, head)
    scheduling.settle(work, head)
    return date


def cancel_date(work: Work, head_id: int, key: str, reason: str = "") -> LiveSession:
    """Cancel one date for everybody; in a series that is one entry it leaves by EXDATE, which asks nobody anything."""
    head, date = find_date(work, head_id, key)
    if date.status == "cancelled":
        return date
    scheduling.cancel_session(work, date.id, reason)
    if head.entry_mode == RULE and not date.own_entry:
        _leave_out(work, head)
        scheduling.settle(work, head)
    return date


def cancel_rest(work: Work, head: LiveSession, reason: str) -> None:
    """The head is being cancelled: so is every date that has an entry of its own; the others go with it."""
    for date in dates_of(work, head):
        if date.status == "scheduled" and (date.ends_at > work.now or head.entry_mode == DATES):
            scheduling.cancel_session(work, date.id, reason)


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
        **{name: getattr(head, name) for name in (*_SHARED, *_SEATS, "timezone", "fold", "entry_mode", "own_entry", "seats_per_date")},
        start=local, end=local + length, recurrence=after.text(), starts_at=following[0].starts_at, ends_at=following[-1].ends_at,
    )  # fmt: skip
    work.db.add(second)
    work.db.flush()
    _copy_people(work, head, second)
    ids = [one.id for one in following]
    work.db.execute(update(LiveSession).where(LiveSession.id.in_(ids)).values(series_id=second.id))
    head.recurrence, head.ends_at = before.text(), max(one.ends_at for one in dates if one.recurrence_id < date.recurrence_id)
    head.version += 1
    head.updated_at = work.now
    work.db.flush()
    work.db.expire_all()
    for one in (second, head):
        _leave_out(work, one)
    work.record("split", live_session_id=head.id, detail={"from": key, "series": second.id})
    notifying.freeze(work, second)
    notifying.begin(work, second)
    scheduling.settle(work, head)
    return second


def _edit_times(work: Work, head: LiveSession, changed: Mapping[str, Any]) -> None:
    """Every date moves with the series. Where some are over, only "this and following" says what is meant."""
    dates = dates_of(work, head)
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
            scheduling.cancel_session(work, date.id)
    for name in TIMES:
        setattr(head, name, values[name])
    head.recurrence = planned.rule.text()
    capacity = dates[0].capacity if head.seats_per_date else None
    more = [_date(work, head, one, capacity) for one in planned.dates[len(dates) :]]
    work.db.add_all(more)
    work.db.flush()
    work.db.add_all([Seats(live_session_id=one.id, capacity=one.capacity) for one in more])
    _span(head, planned.dates)
    work.db.flush()
    _leave_out(work, head)
    if more:
        for one in more:
            if one.own_entry:
                notifying.freeze(work, one)
        series_people.spread(work, head, _everybody(work, head))
    series_own.refresh(work, head)
    scheduling.settle(work, head)


def _changes(head: LiveSession, changed: Mapping[str, Any]) -> dict[str, list]:
    plain = lambda value: value.isoformat() if hasattr(value, "isoformat") else value  # noqa: E731
    return {name: [plain(getattr(head, name)), plain(changed[name])] for name in (*TIMES, "recurrence") if name in changed}


def _move(work: Work, head: LiveSession, date: LiveSession, one: Occurrence, timezone: str) -> None:
    times = {"start": one.start, "end": one.end, "timezone": timezone, "fold": one.fold}
    if date.own_entry and date.entry_mode != MOVED and date.status == "scheduled":
        scheduling.edit_session(work, date.id, times)
    elif date.entry_mode != MOVED:
        for name, value in {**times, **instants(times)}.items():
            setattr(date, name, value)
    date.recurrence_id = one.recurrence_id


def _date(work: Work, head: LiveSession, one: Occurrence, capacity: int | None) -> LiveSession:
    """A row for one date. Times that exist twice or not at all are read differently by programs: such a date leaves an RRULE entry from the start."""
    alone = head.entry_mode == RULE and recurrence.awkward(one.start, head.timezone)
    of_its_own = {name: getattr(head, name) for name in ("waiting_list", "approval_required")} if head.seats_per_date else {}
    return LiveSession(
        organisation_id=head.organisation_id, course_id=head.course_id, group_id=head.group_id, series_id=head.id, recurrence_id=one.recurrence_id,
        **{name: getattr(head, name) for name in _SHARED if getattr(head, name) is not None},
        start=one.start, end=one.end, timezone=head.timezone, fold=one.fold, **instants(
            {"start": one.start, "end": one.end, "timezone": head.timezone, "fold": one.fold}
        ),
        capacity=capacity, seats_per_date=head.seats_per_date, own_entry=alone or head.entry_mode == DATES, entry_mode=MOVED if alone else None,
        created_at=work.now, updated_at=work.now, **of_its_own,
    )  # fmt: skip


def _span(head: LiveSession, dates: list[Occurrence]) -> None:
    length = head.end - head.start
    head.starts_at = dates[0].recurrence_id
    first = instants({"start": head.start, "end": head.end, "timezone": head.timezone, "fold": head.fold or 0})
    head.ends_at = dates[-1].recurrence_id + (first["ends_at"] - first["starts_at"] if length else timedelta(0))


def _leave_out(work: Work, head: LiveSession) -> None:
    """What an RRULE entry leaves out: dates that are cancelled, and those that have an entry of their own."""
    work.db.flush()
    if head.entry_mode != RULE:
        return
    rule = recurrence.parse_rule(head.recurrence, head.timezone)
    # As the rule writes them: a time that does not exist comes back from its instant as another.
    written = {instant(local, head.timezone): local.isoformat() for local in recurrence.starts(rule, head.start, head.timezone)}
    out = [written[date.recurrence_id] for date in dates_of(work, head) if date.status == "cancelled" or date.own_entry]
    head.left_out = sorted(out) or None
    work.db.flush()


def _copy_people(work: Work, head: LiveSession, second: LiveSession) -> None:
    """Who is in the first part is in the second, with the same status and a seat where they have one."""
    seats = work.db.get_one(Seats, head.id, populate_existing=True)
    work.db.add(Seats(live_session_id=second.id, capacity=seats.capacity, taken=seats.taken, over_capacity=seats.over_capacity))
    work.db.flush()
    names = (
        "organisation_id",
        "learner_id",
        "status",
        "partstat",
        "responded_at",
        "queued_at",
        "offer_until",
        "hold_until",
        "version",
        "created_at",
        "updated_at",
    )
    rows = select(*(getattr(Enrolment, name) for name in names), literal(second.id)).where(
        Enrolment.live_session_id == head.id, Enrolment.status != enrolling.S.CANCELLED
    )
    work.db.execute(insert(Enrolment).from_select([*names, "live_session_id"], rows, include_defaults=False))


def _everybody(work: Work, head: LiveSession) -> list[int]:
    return list(work.db.scalars(select(Enrolment.learner_id).where(Enrolment.live_session_id == head.id)))


def _to_come(work: Work, head: LiveSession) -> list[LiveSession]:
    return series_people.coming_dates(work, head)


def _one_zone(values: Mapping[str, Any], dates: list[Occurrence]) -> bool:
    """Whether local times with a VTIMEZONE can say all of it (UTC itself needs none)."""
    zone = vevent.load(values["timezone"])
    if zone is None:
        return False
    return (
        vevent.is_utc(values["timezone"])
        or vevent.vtimezone(values["timezone"], dates[0].recurrence_id, dates[-1].recurrence_id) is not None
    )


def _warnings(dates: list[Occurrence], timezone: str) -> tuple[str, ...]:
    said = []
    if recurrence.crosses_clock_change([one.start for one in dates], timezone):
        said.append("The clocks change between these dates: the time of day stays, the instant moves.")
    odd = [f"{one.start:%Y-%m-%d}" for one in dates if recurrence.awkward(one.start, timezone)]
    if odd:
        said.append(f"On {', '.join(odd)} this time exists twice or not at all.")
    return tuple(said)
