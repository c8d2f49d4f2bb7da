"""Slots: a trainer's hours cut into sessions of one place each; looked at first, then made."""

from __future__ import annotations

from datetime import time, timedelta

from flask import Response, flash, redirect, request, url_for

from ...errors import Invalid
from ...services import slotting
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course
from ...training.slots import slots as cut
from .. import pages
from ..forms import Field, Form
from ..house import house
from .desk import admin, look, run

FIELDS = (
    Field("title", "Title", required=True),
    Field("first", "First day", "date", required=True),
    Field("days", "On how many weekdays in a row", "number", hint="1 for that day alone; Saturdays and Sundays are left out unless the first day is one."),
    Field("begins", "From", required=True, longest=5, hint="As 13:00, on the clock of the time zone below."),
    Field("ends", "Until", required=True, longest=5),
    Field("length", "Minutes each", "number", required=True),
    Field("pause", "Minutes between two", "number"),
    Field("instructors", "Who gives them (addresses, one a line)", "mails", longest=5000),
    Field("timezone", "Time zone", "zone", required=True, more=True),
    Field("location", "Place", longest=500, more=True),
    Field("join_url", "Link to join online", "url", longest=2000, more=True),
    Field("approval_required", "Somebody approves those who pick one", "check", more=True),
)  # fmt: skip
_MOST_DAYS = 60


@admin.route("/courses/<id:course_id>/slots", methods=["GET", "POST"])
def new_slots(course_id: int) -> Response:
    """Asks for the hours, shows what they give, and makes it at the second press."""
    course, zone = look(lambda work: (find(work, Course, course_id), work.organisation.timezone))
    found: list = []
    if request.method == "POST":
        form = Form.sent(FIELDS, request.form)
        values = form.attempt(lambda: _values(form)) or {}
        found = form.attempt(lambda: cut(values["days"], values["begins"], values["ends"], values["length"], values["pause"])) or []
        if found and request.form.get("make") == "1":
            made = form.attempt(lambda: run(lambda work: _make(work, course_id, values)))
            if made:
                flash(f"{made} slots are there, with one place each. Learners pick them on their page.", "done")
                return redirect(url_for("admin.course", course_id=course_id), 303)
    else:
        first = house().clock().date() + timedelta(days=7)
        while first.weekday() > 4:
            first += timedelta(days=1)
        shown = {
            "title": course.name,
            "first": first,
            "days": 1,
            "begins": "13:00",
            "ends": "16:00",
            "length": 30,
            "timezone": zone,
        }
        form = Form.shown(FIELDS, shown)
    return pages.page("admin/slots.html", 200 if form.ok else 422, form=form, course=course, slots=found if form.ok else [])


def _values(form: Form) -> dict:
    given = dict(form.values)
    first, count = given.pop("first"), given.pop("days") or 1
    if count > _MOST_DAYS:
        raise Invalid(f"At most {_MOST_DAYS} days at once.", field="days")
    days = [first]
    while len(days) < count:
        following = days[-1] + timedelta(days=1)
        while following.weekday() > 4:
            following += timedelta(days=1)
        days.append(following)
    return {**given, "days": days, "begins": _clock(given, "begins"), "ends": _clock(given, "ends"), "pause": given["pause"] or 0}


def _clock(given: dict, name: str) -> time:
    try:
        return time.fromisoformat(given[name].rjust(5, "0")).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError as error:
        raise Invalid("Write the time as 13:00.", field=name) from error


def _make(work: Work, course_id: int, values: dict) -> int:
    return len(slotting.make_slots(work, course_id, **values))
