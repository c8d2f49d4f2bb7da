"""The calendar of sessions by month, week and as an agenda, and what it shares with their list: the filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, request
from sqlalchemy import ColumnElement, Text, cast, select

from ...services.work import Work
from ...store.courses import Course, TrainingGroup
from ...store.enrolments import Enrolment
from ...store.rooms import Room
from ...store.sessions import TAKES_PLACE, LiveSession, Seats
from ...training.statuses import EnrolmentStatus
from .. import pages
from ..forms import Field, Form
from ..house import house
from .desk import admin, look, search_text
from .overview import SessionLine, session_lines

S = LiveSession
VIEWS = {"month": "Month", "week": "Week", "agenda": "Agenda"}
STATES = (
    ("", "All but cancelled"),
    ("full", "Full"),
    ("waiting", "With a waiting list"),
    ("planning", "Being planned"),
    ("cancelled", "Cancelled"),
)
SIGNS = (("", "On or off"), ("on", "Invitations on"), ("off", "Invitations off"))
FILTERS = (
    Field("course", "Course", "choice"),
    Field("group", "Training group", "choice"),
    Field("room", "Room", "choice"),
    Field("instructor", "Instructor", hint="Part of the address."),
    Field("state", "State", "choice", choices=STATES),
    Field("sign", "Calendar sign", "choice", choices=SIGNS),
)
DATES = (Field("from", "From", "date"), Field("to", "To", "date"))
_CHOICES, _MOST, _AGENDA = 500, 500, 28
_FIRST, _LAST = date(1990, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class Day:
    """One day of the calendar with its sessions, in the organisation's zone."""

    date: date
    lines: Sequence[SessionLine]
    here: bool = True


@admin.get("/calendar")
def calendar() -> Response:
    """A month, a week, or four weeks as a list; `on` is a day in it."""
    view = request.args.get("view", "month")
    view = view if view in VIEWS else "month"
    zone = look(lambda work: work.organisation.timezone)
    today = house().clock().astimezone(ZoneInfo(zone)).date()
    on = _day(request.args.get("on", ""), today)
    first, days = _span(view, on)
    form, lines = look(lambda work: _found(work, first, days, zone))
    weeks = [lines[n : n + 7] for n in range(0, len(lines), 7)]
    if view == "month":
        weeks = [[Day(d.date, d.lines, d.date.month == on.month) for d in week] for week in weeks]
    kept = {k: v for k, v in request.args.to_dict().items() if v and k not in ("view", "on")}
    return pages.page(
        "admin/calendar.html", view=view, views=VIEWS, on=on, today=today, weeks=weeks, form=form, kept=kept, q=search_text(),
        before=_step(view, on, -1), after=_step(view, on, 1), last=first + timedelta(days=days - 1), first=first,
    )  # fmt: skip


def filters(work: Work, dates: bool = False) -> tuple[Form, list[ColumnElement[bool]]]:
    """The filter form with its choices, and the conditions that it says; what cannot be read filters nothing."""
    mine = work.organisation_id
    lists = {"course": Course, "group": TrainingGroup, "room": Room}
    choices = {}
    for name, row in lists.items():
        found = work.db.execute(select(row.id, row.name).where(row.organisation_id == mine).order_by(row.name).limit(_CHOICES))
        choices[name] = [("", "All"), *((str(number), words) for number, words in found)]
    form = Form(FILTERS + (DATES if dates else ())).with_choices(**choices)
    form.texts = {f.name: request.args.get(f.name, "")[:200] for f in form.fields}
    return form, [*_conditions(form, work), *_matching(search_text())]


def _conditions(form: Form, work: Work) -> list[ColumnElement[bool]]:
    given = {
        f.name: form.texts[f.name]
        for f in form.fields
        if form.texts[f.name] and (f.kind != "choice" or form.texts[f.name] in dict(f.choices))
    }
    number = {name: int(given[name]) for name in ("course", "group", "room") if name in given}
    found = [
        column == number[name] for name, column in (("course", S.course_id), ("group", S.group_id), ("room", S.room_id)) if name in number
    ]
    if "instructor" in given:
        found.append(cast(S.instructors, Text).icontains(given["instructor"].strip(), autoescape=True))
    if "sign" in given:
        found.append(S.calendar_enabled.is_(given["sign"] == "on"))
    zone = ZoneInfo(work.organisation.timezone)
    for name in ("from", "to"):
        day = _day(given.get(name, ""), None)
        if day is not None:
            begin = datetime.combine(day + timedelta(days=name == "to"), time(), zone)
            found.append(S.ends_at > begin if name == "from" else S.starts_at < begin)
    return [*found, *_STATES.get(given.get("state", ""), lambda: [])()]


def _full() -> list[ColumnElement[bool]]:
    full = select(Seats.live_session_id).where(Seats.capacity.is_not(None), Seats.taken >= Seats.capacity)
    # The dates of a series share its seats.
    return [S.id.in_(full) | (S.series_id.in_(full) & ~S.seats_per_date)]


def _waiting() -> list[ColumnElement[bool]]:
    return [S.id.in_(select(Enrolment.live_session_id).where(Enrolment.status == EnrolmentStatus.WAITING_LIST))]


_STATES = {"full": _full, "waiting": _waiting, "planning": lambda: [S.planning.is_(True)], "cancelled": lambda: [S.status == "cancelled"]}


def _matching(text: str) -> list[ColumnElement[bool]]:
    if not text:
        return []
    return [
        S.title.icontains(text, autoescape=True)
        | Course.name.icontains(text, autoescape=True)
        | S.location.icontains(text, autoescape=True)
    ]


def _found(work: Work, first: date, days: int, zone: str) -> tuple[Form, list[Day]]:
    form, where = filters(work)
    begin, end = (datetime.combine(day, time(), ZoneInfo(zone)) for day in (first, first + timedelta(days=days)))
    if form.texts["state"] != "cancelled":
        where.append(S.status == "scheduled")
    lines = session_lines(work, TAKES_PLACE, S.ends_at > begin, S.starts_at < end, *where, limit=_MOST)
    by_day: dict[date, list[SessionLine]] = {first + timedelta(days=n): [] for n in range(days)}
    for line in lines:
        start = max(line.session.starts_at.astimezone(ZoneInfo(zone)).date(), first)
        by_day[start].append(line)
    return form, [Day(day, found) for day, found in by_day.items()]


def _span(view: str, on: date) -> tuple[date, int]:
    """(first day, number of days); weeks begin on Monday."""
    if view == "agenda":
        return on, _AGENDA
    if view == "week":
        return on - timedelta(days=on.weekday()), 7
    first = on.replace(day=1)
    begin = first - timedelta(days=first.weekday())
    following = (first + timedelta(days=31)).replace(day=1)
    return begin, -(-(following - begin).days // 7) * 7


def _step(view: str, on: date, by: int) -> date:
    if view == "month":
        first = on.replace(day=1)
        return (first + timedelta(days=31)).replace(day=1) if by > 0 else (first - timedelta(days=1)).replace(day=1)
    return on + timedelta(days=by * (7 if view == "week" else _AGENDA))


def _day(text: str, otherwise: date | None) -> date | None:
    """A day that a calendar can be turned to."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return day if _FIRST < day < _LAST else otherwise
