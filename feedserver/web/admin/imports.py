"""Importing learners: a file is looked at, then brought in at the press of a button; a long one shows how far it is."""

from __future__ import annotations

import threading
import time

import structlog
from flask import Response, g, redirect, request, url_for

from ...errors import Invalid
from ...services import import_jobs
from ...services.house import House
from ...services.work import Work
from ...store.imports import RUNNING
from .. import pages
from ..forms import Field, Form
from ..house import house
from .adding import groups_of
from .desk import admin, look, run

_NO_GROUP = ("", "No group: they are only brought in")
GROUP = Field(
    "group_id", "Put them into a training group", "choice", choices=(_NO_GROUP,), hint="Members are invited to its coming sessions."
)
WELCOME = Field("welcome", "Send each new learner the welcome mail", "check")
# What a person waits for; what takes longer goes on behind the page.
_PATIENCE = 2.0
_log = structlog.get_logger()


@admin.route("/learners/import", methods=["GET", "POST"])
def import_learners() -> Response:
    """Asks for the file."""
    groups, welcomes = look(lambda work: (groups_of(work), work.organisation.welcome))
    fields = [GROUP, *([WELCOME] if welcomes else [])]
    form = Form.shown(fields, {}).with_choices(group_id=[_NO_GROUP, *groups])
    if request.method == "POST":
        form = Form.sent(form.fields, request.form)
        number = form.attempt(lambda: run(lambda work: _prepare(work, form.values)))
        if number:
            return redirect(url_for("admin.import_job", job_id=number), 303)
    return pages.page("admin/import.html", 200 if form.ok else 422, form=form)


@admin.get("/learners/import/<id:job_id>")
def import_job(job_id: int) -> Response:
    """What would happen, how far it is, or what came of it."""

    def shown(work: Work) -> dict:
        job = import_jobs.of(work, job_id)
        return {"job": job, "stopped": import_jobs.stopped(work, job)}

    return pages.page("admin/import_job.html", **look(shown))


@admin.post("/learners/import/<id:job_id>")
def start_import(job_id: int) -> Response:
    """Bring them in, or go on where it stopped."""
    state = run(lambda work: import_jobs.start(work, job_id).state)
    if state == RUNNING:
        runner = (house(), g.who.organisation_id, f"admin:{g.who.email}", job_id)
        if not _carry_on(*runner, until=time.monotonic() + _PATIENCE):
            threading.Thread(target=_carry_on, args=runner, name="import", daemon=True).start()
    return redirect(url_for("admin.import_job", job_id=job_id), 303)


def _carry_on(home: House, organisation_id: int, actor: str, job_id: int, until: float | None = None) -> bool:
    """Piece by piece to the end, or until so long; True when done. A pause as long as each piece lets others write."""
    try:
        while until is None or time.monotonic() < until:
            began = time.monotonic()
            if not home.run(organisation_id, actor, lambda work: import_jobs.piece(work, job_id)):
                return True
            if until is None:
                time.sleep(time.monotonic() - began)
    except Exception:
        if until is not None:
            raise
        _log.exception("an import stopped", import_id=job_id)
    return False


def _prepare(work: Work, values: dict) -> int:
    sent = request.files.get("file")
    text = request.form.get("text", "")
    data = sent.stream.read(import_jobs.LARGEST + 1) if sent is not None and sent.filename else text.encode("utf-8", "replace")
    if not data.strip():
        raise Invalid("Choose a file, or paste its lines.", field="file")
    group = int(values["group_id"]) if values.get("group_id") else None
    return import_jobs.prepare(work, data, group_id=group, welcome=bool(values.get("welcome"))).id
