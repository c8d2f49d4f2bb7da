"""What other systems sent: the last lists, what each changed, and which rows were refused, with the reason."""

from __future__ import annotations

from flask import Response

from ...services import syncing
from ...services.finding import find
from ...services.work import Work
from ...store.sync import SyncRun
from .. import pages
from .desk import admin, look

_PAGES = {
    "learners": ("admin.learner", "learner_id"),
    "courses": ("admin.course", "course_id"),
    "sessions": ("admin.session", "session_id"),
}


@admin.get("/sync")
def sync_runs() -> Response:
    """The last fifty."""
    return pages.page("admin/sync_runs.html", runs=look(syncing.runs))


@admin.get("/sync/<id:sync_run_id>")
def sync_run(sync_run_id: int) -> Response:
    """One of them."""

    def shown(work: Work) -> dict:
        run = find(work, SyncRun, sync_run_id)
        ids = [one[1] for one in run.changes if run.kind == "learners" and one[1]]
        names = {row.id: row.name for row in syncing.people(work, ids)}
        return {"run": run, "names": names}

    found = look(shown)
    return pages.page("admin/sync_run.html", leads_to=_PAGES.get(found["run"].kind), most=syncing.MOST_SHOWN, **found)
