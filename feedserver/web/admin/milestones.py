"""The days that a course sets, and who has completed it."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import select

from ...errors import Invalid
from ...services import completing, completion_reports, course_milestones, importing_completions
from ...services.finding import find
from ...services.importing import Tally
from ...services.table_file import TableFile
from ...services.work import Work
from ...store.completions import Completion
from ...store.courses import Course, TrainingGroup
from ...store.learners import Learner
from ...store.milestones import Milestone
from ...training.milestones import OF_COURSES
from .. import pages
from ..forms import Field, Form
from . import people
from .attendance import csv_file
from .desk import LARGEST_ID, act, admin, look, run, typed

KIND_WORDS = {
    "enrolment_opens": "Enrolment opens",
    "enrolment_closes": "Enrolment closes",
    "completion_deadline": "Deadline to complete the course",
    "assessment": "Assessment",
    "certificate_expiry": "Certificate expires",
    "certificate_renewal": "Certificate to renew",
    "onboarding_step": "Onboarding step",
}
SHOWN = (
    Field("title", "Title", required=True, longest=200, hint="Calendars put the kind before it, as in: Deadline: Fire safety."),
    Field("day", "Day", "date", required=True),
    Field("description", "Description", "long", longest=20_000, more=True),
    Field("url", "Link", "url", longest=2000, more=True),
)
NEW = (
    Field("kind", "What", "choice", required=True, choices=[(kind.value, KIND_WORDS[kind]) for kind in OF_COURSES]),
    SHOWN[0],
    SHOWN[1],
    Field("group_id", "For", "choice", choices=[("", "Everybody who takes the course")]),
    *SHOWN[2:],
)
COMPLETED = (
    Field("people", "Who", "mails", longest=200_000, hint="Their addresses, one a line. Or choose a CSV file below."),
    Field("completed_on", "Completed on", "date", hint="Empty: today."),
    Field("reference", "Assessment", longest=200, hint="Empty: the whole course. Else the title of its assessment.", more=True),
    Field("note", "Note", longest=500, more=True),
)
_LARGEST = 2 * 1024 * 1024
_MOST = 500


@admin.route("/courses/<id:course_id>/milestones", methods=["GET", "POST"])
def course_days(course_id: int) -> Response:
    """Its milestones, and a form for another one."""

    def found(work: Work) -> dict[str, Any]:
        course = find(work, Course, course_id)
        rows = list(
            work.db.scalars(select(Milestone).where(Milestone.course_id == course.id).order_by(Milestone.day, Milestone.id).limit(_MOST))
        )
        groups = work.db.execute(
            select(TrainingGroup.id, TrainingGroup.name).where(TrainingGroup.course_id == course.id).limit(_MOST)
        ).all()
        return {"course": course, "rows": rows, "counts": course_milestones.done_of(work, [r.id for r in rows]), "groups": dict(groups)}

    values = look(found)
    fields = Form.shown(NEW, {"kind": "completion_deadline"}).with_choices(
        group_id=[("", "Everybody who takes the course"), *((str(number), name) for number, name in values["groups"].items())]
    )
    form = Form.sent(fields.fields, request.form) if request.method == "POST" else fields
    if request.method == "POST":
        group = int(form.values.get("group_id") or 0) or None
        made = form.attempt(lambda: run(lambda work: course_milestones.add(work, course_id, {**form.values, "group_id": group})))
        if made:
            flash("Set. It stands in the calendars of everybody whom it concerns.", "done")
            return redirect(url_for("admin.course_days", course_id=course_id), 303)
    return pages.page("admin/course_days.html", 200 if form.ok else 422, form=form, words=KIND_WORDS, **values)


@admin.route("/milestones/<id:milestone_id>", methods=["GET", "POST"])
def edit_milestone(milestone_id: int) -> Response:
    """Move or reword it; calendars follow."""
    one = look(lambda work: find(work, Milestone, milestone_id))
    form = Form.sent(SHOWN, request.form) if request.method == "POST" else Form.shown(SHOWN, {f.name: getattr(one, f.name) for f in SHOWN})
    back = url_for("admin.course_days", course_id=one.course_id)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: course_milestones.edit(work, milestone_id, form.values))):
        flash("Saved. Calendars of those who have not done it follow.", "done")
        return redirect(back, 303)
    title = f"Change {KIND_WORDS[one.kind].lower()}"
    return pages.page("admin/form.html", 200 if form.ok else 422, form=form, title=title, button="Save", back=back)


@admin.post("/milestones/<id:milestone_id>/cancel")
def cancel_milestone(milestone_id: int) -> Response:
    """It no longer holds."""
    one = look(lambda work: find(work, Milestone, milestone_id))

    def verb(work: Work) -> str:
        course_milestones.cancel(work, milestone_id, typed("reason", 500))
        return "Cancelled. It leaves the calendars of those who have not done it."

    return act(verb, "course_days", course_id=one.course_id)


@admin.get("/courses/<id:course_id>/completions")
def completions(course_id: int) -> Response:
    """Who takes the course, and who has completed it."""
    return _completions(course_id, Form(COMPLETED))


@admin.post("/courses/<id:course_id>/completions")
def note_completions(course_id: int) -> Response:
    """Some people have completed it: by their addresses, or from a file."""
    form = Form.sent(COMPLETED, request.form)
    sent = request.files.get("file")
    data = sent.stream.read(_LARGEST + 1) if sent is not None and sent.filename else b""
    told = form.attempt(lambda: run(lambda work: _file(work, data) if data else _people(work, course_id, form.values)))
    if told is None:
        return _completions(course_id, form)
    flash(told[0], "done" if told[1] else "refused")
    return redirect(url_for("admin.completions", course_id=course_id), 303)


@admin.post("/completions/<id:completion_id>/undo")
def undo_completion(completion_id: int) -> Response:
    """It was not so; that stays on record."""
    one = look(lambda work: find(work, Completion, completion_id))

    def verb(work: Work) -> str:
        completing.undo(work, completion_id)
        return "Undone. What it had ended, and is still to come, is to be noted again."

    return act(verb, "completions", course_id=one.course_id)


@admin.get("/reports/completions")
def completion_report() -> Response:
    """Who has completed what, by course and by team."""
    by = request.args.get("by") if request.args.get("by") in completion_reports.BY else "course"
    rows = look(lambda work: pages.paged(lambda n, o: completion_reports.summary(work, by, n, o)))
    return pages.page("admin/completion_report.html", by=by, rows=rows)


@admin.get("/reports/completions.csv")
def completion_csv() -> Response:
    """Person by person, for a spreadsheet; of one course where it is named."""
    text = request.args.get("course", "")
    course = min(int(text), LARGEST_ID) if text.isascii() and text.isdecimal() and len(text) < 20 else None
    return csv_file(look(lambda work: completion_reports.as_csv(work, course_id=course)), "completions.csv")


def _completions(course_id: int, form: Form) -> Response:
    def found(work: Work) -> dict[str, Any]:
        course = find(work, Course, course_id)
        (total,) = completion_reports.summary(work, "course", 1, course_id=course.id) or [None]
        record = (
            select(Completion, Learner.name)
            .join(Learner, Learner.id == Completion.learner_id)
            .where(Completion.course_id == course.id)
            .order_by(Completion.id.desc())
            .limit(50)
        )
        return {
            "course": course,
            "rows": pages.paged(lambda n, o: completion_reports.people(work, n, o, course_id=course.id)),
            "total": total,
            "record": list(work.db.execute(record)),
        }

    return pages.page("admin/completions.html", 200 if form.ok else 422, form=form, **look(found))


def _people(work: Work, course_id: int, values: dict[str, Any]) -> tuple[str, bool]:
    who = people.with_addresses(work, values["people"], "people")
    kind = "assessment" if values["reference"] else "course"
    day: date | None = values["completed_on"]
    made = completing.complete(work, who, course_id, kind, source="button", on=day, reference=values["reference"], note=values["note"])
    return f"{len(made)} noted" + (", the others were on record already." if len(made) < len(who) else "."), True


def _file(work: Work, data: bytes) -> tuple[str, bool]:
    if len(data) > _LARGEST:
        raise Invalid("The file is larger than 2 MiB; bring it in by the command, `import completions`.", field="people")
    try:
        table = TableFile(io.BufferedReader(io.BytesIO(data)), importing_completions.COLUMNS, importing_completions.REQUIRED)
    except Invalid as error:
        raise Invalid(error.detail, field="people") from error
    tally: Tally = importing_completions.take(work, table)
    words = f"{tally.added} noted, {tally.unchanged} on record already, {len(tally.refused)} refused."
    return " ".join([words, *(f"Line {one.line}: {one.reason}" for one in tally.refused[:10])]), not tally.refused
