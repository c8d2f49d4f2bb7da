"""Compliance: which certificates hold, end soon or have lapsed, by kind and by team; as bars, as a table, one by one, as CSV."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from ...services import certifying, compliance, reporting
from ...services.compliance import Scope
from ...services.work import Work
from ...training.certificates import CURRENT
from .. import pages
from ..forms import Field, Form
from .attendance import csv_file
from .desk import LARGEST_ID, admin, look

STATE_WORDS = {
    "valid": "Valid",
    "expiring": "Ends within 60 days",
    "lapsed": "Lapsed",
    "renewed": "Renewed",
    "revoked": "Revoked",
}
FIELDS = (Field("kind", "Certificate", "choice"), Field("team", "Team", "choice"), Field("state", "State", "choice"))
_NO_TEAM = "-"


@admin.get("/reports/compliance")
def compliance_report() -> Response:
    """The sums by kind or team, and below them each certificate."""
    by = request.args.get("by") if request.args.get("by") in compliance.BY else "kind"

    def found(work: Work) -> dict[str, Any]:
        form = _form(work)
        scope = _scope(form)
        whole = Scope(scope.kind_id, scope.team)
        return {
            "form": form,
            "total": compliance.total(work, whole),
            "sums": compliance.summary(work, by, pages.PAGE_SIZE + 1, scope=whole),
            "rows": pages.paged(lambda limit, offset: compliance.holders(work, scope, limit, offset)),
        }

    values = look(found)
    kept = {field.name: values["form"].texts[field.name] for field in FIELDS if values["form"].values.get(field.name)}
    return pages.page("admin/compliance.html", by=by, kept=kept, words=STATE_WORDS, few=pages.PAGE_SIZE, **values)


@admin.get("/reports/compliance.csv")
def compliance_csv() -> Response:
    """One by one, for a spreadsheet."""
    return csv_file(look(lambda work: compliance.as_csv(work, _scope(_form(work)))), "compliance.csv")


def _form(work: Work) -> Form:
    choices = {
        "kind": [("", "All"), *((str(one.id), one.name) for one in certifying.kinds(work, 1000))],
        "team": [("", "All"), (_NO_TEAM, "(no team)"), *((name, name) for name in reporting.teams(work))],
        "state": [("", "All"), *((state, STATE_WORDS[state]) for state in CURRENT)],
    }
    fields = [Field(one.name, one.label, one.kind, choices=choices[one.name]) for one in FIELDS]
    return Form.sent(fields, request.args)


def _scope(form: Form) -> Scope:
    """What was chosen; a choice that cannot be read is shown at its field and counts for nothing."""
    values = form.values
    team = values.get("team") or None
    kind = min(int(values["kind"]), LARGEST_ID) if values.get("kind") else None
    return Scope(kind, "" if team == _NO_TEAM else team, values.get("state") or None)
