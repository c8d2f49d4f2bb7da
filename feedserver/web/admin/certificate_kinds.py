"""Kinds of certificates: what is certified, for how long, who is warned when; and awarding one to many."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, flash, redirect, request, url_for

from ...errors import Invalid
from ...services import certifying, compliance
from ...services.compliance import Scope
from ...services.finding import find
from ...services.work import Work
from ...store.certificates import CertificateKind
from ...store.courses import Course
from ...training.certificates import USUAL_DAYS, USUAL_NOTIFY_DAYS
from .. import pages
from ..forms import Field, Form
from . import courses, people
from .compliance import STATE_WORDS
from .desk import admin, look, run

_NO_COURSE = ("", "No course")
_DAYS = "Days, as in 60, 30, 7, 0; 0 is the last day on which it holds. Empty: never."
FIELDS = (
    Field("name", "Name", required=True, longest=200, hint="Calendars show it on the last day, as in: Certificate expires: First aid."),
    Field("validity_months", "Holds for so many months", "number", hint="Empty: for ever."),
    Field("course_id", "Completing this course awards it", "choice"),
    Field("renewal_course_id", "Completing this course renews it", "choice", hint="No course: the one that awards it."),
    Field("reminder_days", "Warn the learner before the end", hint=_DAYS),
    Field("notify_days", "Warn the manager and the compliance managers", hint="One mail with the list. " + _DAYS),
    Field("description", "Description", "long", longest=20_000, more=True),
)  # fmt: skip
AWARDED = (
    Field("awarded_on", "Awarded on", "date", hint="Empty: today."),
    Field("expires_on", "Last day on which it holds", "date", hint="Empty: as its kind says."),
)
MANY = (Field("people", "Who", "mails", required=True, longest=200_000, hint="Their addresses, one a line."), *AWARDED)


@admin.get("/certificate-kinds")
def certificate_kinds() -> Response:
    """All of them, with how many hold, end soon, have lapsed."""

    def found(work: Work) -> dict[str, Any]:
        rows = pages.paged(lambda limit, offset: certifying.kinds(work, limit, offset))
        return {"rows": rows, "sums": {one.key: one for one in compliance.summary(work, "kind", compliance.MOST_ROWS)}}

    return pages.page("admin/certificate_kinds.html", **look(found))


@admin.route("/certificate-kinds/new", methods=["GET", "POST"])
def new_certificate_kind() -> Response:
    """A new kind."""
    usual = {"reminder_days": _written(USUAL_DAYS), "notify_days": _written(USUAL_NOTIFY_DAYS)}
    form = _form(usual)
    if request.method == "POST":
        made = form.attempt(lambda: run(lambda work: certifying.create_kind(work, _values(form))))
        if made:
            flash("The kind is there. Award it below, or by completing its course.", "done")
            return redirect(url_for("admin.certificate_kind", certificate_kind_id=made.id), 303)
    back = url_for("admin.certificate_kinds")
    status = 200 if form.ok else 422
    return pages.page("admin/form.html", status, form=form, title="New kind of certificate", button="Add it", back=back)


@admin.get("/certificate-kinds/<id:certificate_kind_id>")
def certificate_kind(certificate_kind_id: int) -> Response:
    """One kind: its rules, who has it, and a form to award it."""
    return _page(certificate_kind_id, Form(MANY))


@admin.route("/certificate-kinds/<id:certificate_kind_id>/edit", methods=["GET", "POST"])
def edit_certificate_kind(certificate_kind_id: int) -> Response:
    """Change it; certificates that there are keep their end."""
    one = look(lambda work: find(work, CertificateKind, certificate_kind_id))
    shown = {field.name: getattr(one, field.name) for field in FIELDS}
    form = _form({**shown, "reminder_days": _written(one.reminder_days), "notify_days": _written(one.notify_days)})
    back = url_for("admin.certificate_kind", certificate_kind_id=one.id)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: certifying.edit_kind(work, certificate_kind_id, _values(form)))):
        flash("Saved. Certificates that there are keep their end; warnings follow the new days.", "done")
        return redirect(back, 303)
    return pages.page("admin/form.html", 200 if form.ok else 422, form=form, title=f"Edit {one.name}", button="Save", back=back)


@admin.post("/certificate-kinds/<id:certificate_kind_id>/awards")
def award_certificates(certificate_kind_id: int) -> Response:
    """Award it to a pasted list."""
    form = Form.sent(MANY, request.form)
    done = form.attempt(lambda: run(lambda work: _award(work, certificate_kind_id, form.values)))
    if done is None:
        return _page(certificate_kind_id, form)
    flash(f"{len(done.made)} awarded" + (f", {done.already} had it from that day on already." if done.already else "."), "done")
    for _who, why in done.refused[:20]:
        flash(why, "refused")
    return redirect(url_for("admin.certificate_kind", certificate_kind_id=certificate_kind_id), 303)


def _award(work: Work, kind_id: int, values: dict[str, Any]) -> certifying.Awarded:
    who = people.with_addresses(work, values["people"], "people")
    return certifying.award_many(work, who, kind_id, source="button", on=values["awarded_on"], expires_on=values["expires_on"])


def _form(shown: dict[str, Any]) -> Form:
    """What was sent, or what is to be shown, with the courses to choose from."""
    choices = [_NO_COURSE, *look(courses.choices)]
    fields = Form.shown(FIELDS, shown).with_choices(course_id=choices, renewal_course_id=choices).fields
    return Form.sent(fields, request.form) if request.method == "POST" else Form.shown(fields, shown)


def _values(form: Form) -> dict[str, Any]:
    """What the form says, as `certifying` takes it; raises `Invalid`."""
    values = {**form.values}
    for name in ("course_id", "renewal_course_id"):
        values[name] = int(values[name]) if values[name] else None
    for name in ("reminder_days", "notify_days"):
        values[name] = _days(values[name], name)
    return values


def _days(text: str, field: str) -> list[int]:
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
        raise Invalid("Write whole numbers of days with commas between, as in 60, 30, 7, 0.", field=field)
    return [int(part) for part in parts]


def _written(days: Any) -> str:
    return ", ".join(str(one) for one in days)


def _page(kind_id: int, form: Form) -> Response:
    def found(work: Work) -> dict[str, Any]:
        kind = find(work, CertificateKind, kind_id)
        scope = Scope(kind.id)
        return {
            "kind": kind,
            "awarding": kind.course_id and find(work, Course, kind.course_id),
            "renewing": kind.renewal_course_id and find(work, Course, kind.renewal_course_id),
            "total": compliance.total(work, scope),
            "rows": pages.paged(lambda limit, offset: compliance.holders(work, scope, limit, offset)),
        }

    return pages.page("admin/certificate_kind.html", 200 if form.ok else 422, form=form, words=STATE_WORDS, **look(found))
