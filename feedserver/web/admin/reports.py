"""Reports: answered against attended, who said Yes and did not come, how full sessions are; each as bars, as a table, as CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, abort, request

from ...services import reporting
from ...services.reporting import Scope
from ...services.work import Work
from .. import pages
from ..forms import Field, Form
from . import courses
from .attendance import csv_file
from .desk import LARGEST_ID, admin, look

FIELDS = (
    Field("from", "From", "date"),
    Field("to", "To", "date"),
    Field("course", "Course", "choice"),
    Field("team", "Team", "choice"),
)


@dataclass(frozen=True)
class Kind:
    """One report: its name, what it says, its rows and its CSV."""

    words: str
    about: str
    rows: Callable[[Work, Scope, int, int], list]
    csv: Callable[[Work, Scope], bytes]


def _answers(by: str, words: str) -> Kind:
    about = "Sessions that have begun: what people answered, and who came."
    return Kind(
        words, about, lambda work, scope, n, o: reporting.attendance(work, by, scope, n, o), lambda work, scope: reporting.attendance_csv(work, by, scope)
    )  # fmt: skip


KINDS = {
    "sessions": _answers("session", "By session"),
    "courses": _answers("course", "By course"),
    "teams": _answers("team", "By team"),
    "no-shows": Kind(
        "Said Yes, did not come", "Twice or more, in the last twelve months unless you choose days.", reporting.no_shows, reporting.no_shows_csv
    ),
    "levels": Kind("Seats taken", "Coming sessions, unless you choose days.", reporting.levels, reporting.levels_csv),
}  # fmt: skip


@admin.get("/reports")
def reports() -> Response:
    """The first report."""
    return _report("sessions")


@admin.get("/reports/<kind>")
def report(kind: str) -> Response:
    """One report."""
    return _report(kind)


@admin.get("/reports/<kind>.csv")
def report_csv(kind: str) -> Response:
    """The whole of it, for a spreadsheet."""
    one = KINDS.get(kind) or abort(404)
    return csv_file(look(lambda work: one.csv(work, _scope(work, _form(work)))), f"{kind}.csv")


def _report(kind: str) -> Response:
    one = KINDS.get(kind) or abort(404)

    def found(work: Work) -> dict[str, Any]:
        form = _form(work)
        scope = _scope(work, form)
        rows = pages.paged(lambda limit, offset: one.rows(work, scope, limit, offset))
        total = reporting.attendance_total(work, scope) if kind in ("sessions", "courses", "teams") else None
        return {"form": form, "rows": rows, "total": total}

    kept = {name: value for name, value in request.args.items() if name in {f.name for f in FIELDS} and value}
    return pages.page("admin/reports.html", kinds=KINDS, kind=kind, one=one, kept=kept, **look(found))


def _form(work: Work) -> Form:
    choices = {
        "course": [("", "All"), *courses.choices(work)],
        "team": [("", "All"), *((name, name) for name in reporting.teams(work))],
    }
    fields = [Field(**{**vars(f), "choices": choices.get(f.name, ())}) for f in FIELDS]
    return Form.sent(fields, request.args)


def _scope(work: Work, form: Form) -> Scope:
    """What was chosen; a choice that cannot be read is shown at its field and counts for nothing."""
    values = form.values
    first, last = (values.get(name) if isinstance(values.get(name), date) else None for name in ("from", "to"))
    since, before = reporting.days(work, first, last)
    course = int(values["course"]) if values.get("course") else None
    return Scope(since, before, min(course, LARGEST_ID) if course else None, values.get("team") or None)
