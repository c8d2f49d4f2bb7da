"""A certificate with its warnings on record; awarding one to a learner, revoking, bringing in a file."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from flask import Response, flash, g, redirect, request, url_for

from ...errors import Invalid
from ...services import certifying, importing_certificates
from ...services.certifying import Awarded
from ...services.finding import find
from ...services.importing import Tally
from ...services.table_file import TableFile
from ...services.work import Work
from ...store.certificates import COMPLIANCE, Certificate, CertificateKind
from ...store.learners import Learner
from ...training.certificates import CURRENT
from .. import pages
from ..forms import Field, Form
from ..house import house
from .certificate_kinds import AWARDED
from .compliance import STATE_WORDS
from .desk import act, admin, look, run, typed

SOURCE_WORDS = {
    "button": "by hand", "csv": "from a file", "api": "by a program", "attendance": "by attending", "learner": "by completing the course",
    "system": "by itself",
}  # fmt: skip
_LARGEST = 256 * 1024
_SHOWN = 500


@admin.get("/certificates/<id:certificate_id>")
def certificate(certificate_id: int) -> Response:
    """Who has it, until when, and what became of each warning of its end."""

    def found(work: Work) -> dict[str, Any]:
        one = find(work, Certificate, certificate_id)
        kind, warnings = find(work, CertificateKind, one.kind_id), certifying.warnings_of(work, one.id)
        state = certifying.state_of(work, one)
        done = {(each.warning.days, each.warning.recipient.partition(":")[0]) for each in warnings}
        wanted = [(days, who) for who, some in (("learner", kind.reminder_days), ("manager", kind.notify_days)) for days in some]
        coming = [(one.expires_on - timedelta(days=days), who) for days, who in wanted if one.expires_on and (days, who) not in done]
        return {
            "one": one, "kind": kind, "holder": find(work, Learner, one.learner_id), "state": state, "warnings": warnings,
            "coming": sorted(coming) if state in CURRENT else [],
        }  # fmt: skip

    return pages.page(
        "admin/certificate.html", words=STATE_WORDS, sources=SOURCE_WORDS, watcher=COMPLIANCE, **look(found)
    )  # fmt: skip


@admin.post("/certificates/<id:certificate_id>/revoke")
def revoke_certificate(certificate_id: int) -> Response:
    """It does not hold any more."""
    reason = typed("reason", 500)

    def verb(work: Work) -> str:
        certifying.revoke(work, certificate_id, reason)
        return "Revoked. Its end leaves the calendar; what it had renewed stands again."

    return act(verb, "certificate", certificate_id=certificate_id)


@admin.post("/learners/<id:learner_id>/certificates")
def award_certificate(learner_id: int) -> Response:
    """A learner has a certificate."""
    form = Form.sent(look(award_form).fields, request.form)

    def award(work: Work) -> Awarded:
        days = {"on": form.values["awarded_on"], "expires_on": form.values["expires_on"]}
        return certifying.award_many(work, [learner_id], int(form.values["kind_id"]), source="button", **days)

    done = form.attempt(lambda: run(award))
    if done is None or done.refused:
        words = form.problem or " ".join(f"{form.field(name).label}: {why}" for name, why in form.errors.items())
        flash(words or done.refused[0][1], "refused")
    else:
        flash("Awarded. Its end stands in the calendar." if done.made else "That is on record already.", "done")
    return redirect(url_for("admin.learner", learner_id=learner_id, _anchor="certificates"), 303)


@admin.route("/certificates/import", methods=["GET", "POST"])
def import_certificates() -> Response:
    """Asks for the file, shows what would happen, and does it at the second press."""
    form, text, tally = Form(()), "", None
    if request.method == "POST":
        form, sent = Form.sent((), request.form), request.form.get("send") == "1"
        text = form.attempt(_text) or ""
        if form.ok:
            tally = form.attempt(lambda: _take(text, sent))
        if sent and tally is not None:
            flash(f"{tally.added} awarded, {tally.unchanged} on record already, {len(tally.refused)} refused.", "done")
            return redirect(url_for("admin.compliance_report"), 303)
    return pages.page("admin/certificate_import.html", 200 if form.ok else 422, form=form, text=text, tally=tally, most=_SHOWN)


def award_form(work: Work) -> Form:
    """Asks which kind a learner is awarded, from when until when."""
    choices = [(str(one.id), one.name) for one in certifying.kinds(work, _SHOWN)]
    return Form((Field("kind_id", "Certificate", "choice", choices=choices, required=True), *AWARDED))


def _text() -> str:
    """The lines, from a file or as they were pasted; raises `Invalid`."""
    sent = request.files.get("file")
    data = sent.stream.read(_LARGEST + 1) if sent is not None and sent.filename else request.form.get("text", "").encode("utf-8", "replace")
    if not data.strip():
        raise Invalid("Choose a file, or paste its lines.", field="file")
    if len(data) > _LARGEST:
        raise Invalid("That is more than 256 KiB; `python -m feedserver import certificates` takes any size.", field="file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Spreadsheets of old write another coding; a workbook is told for what it is.
        _table(data)
        raise Invalid("It is not UTF-8; save the file as CSV in UTF-8.", field="file") from error
    _table(data)
    return text


def _table(data: bytes) -> TableFile:
    return TableFile(io.BufferedReader(io.BytesIO(data)), importing_certificates.COLUMNS, importing_certificates.REQUIRED)


def _take(text: str, sent: bool) -> Tally:
    """What becomes of the lines; nothing of it is kept where it was not `sent`."""
    carry_out = house().run if sent else house().rehearse
    return carry_out(g.who.organisation_id, f"admin:{g.who.email}", lambda work: importing_certificates.take(work, _table(text.encode())))
