"""Series at the desk: looked at before they are made or moved; a further date; "this and following"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import func, select

from ...errors import Invalid, NotFound
from ...services import conflicts, series
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course, GroupMember
from ...store.learners import Learner
from ...store.sessions import LiveSession
from ...training import recurrence
from ...training.recurrence import Occurrence
from ...training.recurrence_words import in_words
from .. import pages
from ..forms import Field, Form
from . import series_form
from .desk import act, admin, look, run

DATE_FIELDS = (
    Field("start", "Starts", "time", required=True),
    Field("end", "Ends", "time", hint="Empty: as long as the others."),
)


_MODES = {series.DATES: "An entry for each date", series.RULE: "One entry for all dates"}


@dataclass(frozen=True)
class Row:
    """A date in the preview. `marks` say what is odd about it, `wants` what it would want twice."""

    date: Occurrence
    out: bool
    extra: bool
    marks: Sequence[str] = ()
    wants: Sequence[str] = ()


@dataclass(frozen=True)
class Mode:
    """A way to stand in calendars: how many entries each person has, or why it cannot be."""

    value: str
    words: str
    entries: int = 0
    refused: str = ""


@dataclass(frozen=True)
class Look:
    """What the preview shows."""

    words: str
    rows: Sequence[Row]
    modes: Sequence[Mode]
    mode: str
    warnings: Sequence[str]
    people: int = 0
    problem: str = ""
    extra: str = ""
    number: int = field(default=0)


def making(form: Form, course: Course, values: Mapping[str, Any], group_id: int | None) -> Response | None:
    """The preview of a new series, or the series made; None where the form has to be shown again, with what is wrong in it."""
    if request.form.get("planning"):
        form.problem = "A series cannot be a draft. Turn invitations off, and nobody is told before you turn them on."
    step = request.form.get("step", "")
    whole = {**values, "seats_per_date": form.values["seats_per_date"]}
    plain = form.attempt(lambda: _with_rule(form, whole)) if step != "form" else None
    base = form.attempt(lambda: series.plan(plain)) if plain else None
    if base is None:
        return None
    chosen = Form(())
    wanted = chosen.attempt(lambda: _with_choices(plain)) or plain
    planned = chosen.attempt(lambda: series.plan(wanted)) or base
    if step == "make" and chosen.ok:
        made = chosen.attempt(lambda: run(lambda work: series.create(work, course.id, wanted, group_id)))
        if made:
            flash(f"The series is made, with {len(planned.taking_place)} dates. Whoever is on its list is being invited.", "done")
            return redirect(url_for("admin.session", session_id=made.id), 303)
    seen = look(lambda work: _look(work, plain, planned, group_id, chosen.problem))
    return pages.page("admin/series_preview.html", 200 if chosen.ok else 422, form=form, course=course, seen=seen, session=None)


def moving(form: Form, course: Course, head: LiveSession, values: dict[str, Any]) -> Response | None:
    """The preview of a series' new dates, once; None where nothing of them changes, it was looked at, or the form has to be shown again."""
    if not form.ok:
        return None
    repeats = {name: form.texts[name] for name in form.texts if name in series_form.NAMES}
    before = Form.shown(series_form.RULE_FIELDS, series_form.shown(head.recurrence, head.start, head.timezone)).texts
    same_rule = all(repeats.get(name, "") == text for name, text in before.items())
    times = ("start", "end", "timezone", "fold")
    if not same_rule:
        values["recurrence"] = form.attempt(lambda: series_form.rule_text(form.values) if form.values["repeat"] else _must_repeat())
    if not form.ok or (same_rule and all(values[name] == getattr(head, name) for name in times)):
        return None
    rule = values.get("recurrence") or form.attempt(lambda: _shifted(head, values))
    plain = {**values, "recurrence": rule, "entry_mode": head.entry_mode, "seats_per_date": head.seats_per_date}
    planned = form.attempt(lambda: series.plan(plain))
    if planned is None or request.form.get("step") == "make":
        return None
    if request.form.get("step") == "form":
        form.problem = "Not saved yet."
        return None
    seen = look(lambda work: _look(work, plain, planned, None, ""))
    return pages.page("admin/series_preview.html", form=form, course=course, seen=seen, session=head)


@admin.post("/sessions/<id:session_id>/dates")
def add_date(session_id: int) -> Response:
    """A further date of a series."""
    form = Form.sent(DATE_FIELDS, request.form)

    def verb(work: Work) -> str:
        if not form.ok:
            raise Invalid(" ".join(form.errors.values()), field="start")
        date = series.add_date(work, session_id, form.values["start"], form.values["end"])
        return f"{_day(date.start)} {date.timezone} is added. Everybody in the series is invited to it, as an entry of its own."

    return act(verb, "session", session_id=session_id, _anchor="dates")


@admin.route("/sessions/<id:session_id>/following", methods=["GET", "POST"])
def split_series(session_id: int) -> Response:
    """ "This and following": says what splitting does, splits, and leads to the form of what follows."""
    date, head, left = look(lambda work: _date(work, session_id))
    if request.method == "POST":
        form = Form(())
        second = form.attempt(lambda: run(lambda work: series.split(work, head.id, series.key_of(date.recurrence_id)).id))
        if second:
            flash("This and the following dates are a series of their own now. What you change here is for them alone.", "done")
            return redirect(url_for("admin.edit_session", session_id=second), 303)
        flash(form.problem, "refused")
        return redirect(url_for("admin.session", session_id=head.id, _anchor="dates"), 303)
    return pages.page("admin/split.html", session=date, head=head, left=left)


def _date(work: Work, session_id: int) -> tuple[LiveSession, LiveSession, int]:
    date = find(work, LiveSession, session_id)
    if date.series_id is None:
        raise NotFound(f"Session {session_id} is not a date of a series.")
    head = find(work, LiveSession, date.series_id)
    every = series.dates_of(work, head)
    return date, head, sum(one.recurrence_id >= date.recurrence_id and one.status == "scheduled" for one in every)


def _day(start: datetime) -> str:
    return f"{start:%A}, {start.day} {start:%B %Y, %H:%M}"


def _must_repeat() -> str:
    raise Invalid("A series goes on repeating: choose how, or cancel the dates that do not take place.", field="repeat")


def _shifted(head: LiveSession, values: Mapping[str, Any]) -> str:
    """The rule of the same dates where only their times change."""
    rule = recurrence.parse_rule(head.recurrence, head.timezone)
    return recurrence.shifted(rule, head.start, values["start"], head.timezone).text()


def _with_rule(form: Form, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "recurrence": series_form.rule_text(form.values)}


def _with_choices(plain: Mapping[str, Any]) -> dict[str, Any]:
    """What the preview asks besides: which dates are left out, which are added, and how they stand in calendars."""
    mode = request.form.get("entry_mode", "")
    return {
        **plain,
        "left_out": series_form.ticked(request.form.getlist("out")),
        "extra_dates": series_form.typed_dates(request.form.get("extra", "")),
        "entry_mode": mode if mode in _MODES else None,
    }


def _look(work: Work, plain: Mapping[str, Any], planned: series.Plan, group_id: int | None, problem: str) -> Look:
    timezone = plain["timezone"]
    every = sorted([*planned.dates, *planned.extra], key=lambda one: one.recurrence_id)
    wants = conflicts.of_dates(work, plain, every, group_id)
    rows = []
    for one, wanted, marks in zip(every, wants, recurrence.clock_marks(every, timezone), strict=True):
        out = one.recurrence_id in planned.left_out
        rows.append(Row(one, out, one in planned.extra, marks, () if out else [finding.detail for finding in wanted]))
    return Look(
        in_words(planned.rule, plain["start"], timezone), rows, [_mode(plain, planned, value) for value in _MODES], planned.mode, planned.warnings,
        people=_mailed(work, group_id, plain), problem=problem, extra=request.form.get("extra", "")[:20_000], number=len(planned.taking_place),
    )  # fmt: skip


def _mode(plain: Mapping[str, Any], planned: series.Plan, value: str) -> Mode:
    choices = {
        "left_out": [one.start for one in planned.dates if one.recurrence_id in planned.left_out],
        "extra_dates": [(one.start, one.end) for one in planned.extra],
        "entry_mode": value,
    }
    try:
        return Mode(value, _MODES[value], series.plan({**plain, **choices}).entries(plain["timezone"]))
    except Invalid as error:
        return Mode(value, _MODES[value], refused=error.detail)


def _mailed(work: Work, group_id: int | None, values: Mapping[str, Any]) -> int:
    """How many of a group get invitations by mail at once."""
    if group_id is None or not values.get("calendar_enabled"):
        return 0
    members = (
        select(func.count())
        .select_from(GroupMember)
        .join(Learner, Learner.id == GroupMember.learner_id)
        .where(GroupMember.group_id == group_id, Learner.channel != "feed", Learner.left_at.is_(None))
    )
    return min(work.db.scalar(members) or 0, values.get("capacity") or 1_000_000)
