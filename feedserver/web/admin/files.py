"""The files of a session: put there, looked at, taken away."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for

from ...errors import Invalid
from ...services import filing
from ...services.finding import find
from ...services.work import Work
from ...store.sessions import LiveSession
from .. import pages
from ..forms import Form
from .desk import act, admin, look, run


@admin.route("/sessions/<id:session_id>/files", methods=["GET", "POST"])
def session_files(session_id: int) -> Response:
    """The files of a session; with a form that puts one there."""
    form = Form(())
    if request.method == "POST":
        name = form.attempt(lambda: run(lambda work: _add(work, session_id)))
        if name:
            flash(f"{name} is there. Invitations link to it after the settle time.", "done")
            return redirect(url_for("admin.session_files", session_id=session_id), 303)

    def shown(work: Work) -> dict:
        files = filing.files_of(work, session_id)
        return {"session": find(work, LiveSession, session_id), "files": [(one, filing.address(work, one)) for one in files]}

    kinds, status = sorted(filing.KINDS), 200 if form.ok else 422
    return pages.page("admin/files.html", status, form=form, kinds=kinds, most=filing.MOST, **look(shown))


@admin.post("/sessions/<id:session_id>/files/<id:file_id>/delete")
def delete_file(session_id: int, file_id: int) -> Response:
    """Take one away."""

    def verb(work: Work) -> str:
        filing.remove_file(work, session_id, file_id)
        return "The file is taken away. Its address ends at once; invitations stop naming it after the settle time."

    return act(verb, "session_files", session_id=session_id)


def _add(work: Work, session_id: int) -> str:
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid("Choose a file first.", field="file")
    return filing.add_file(work, session_id, sent.filename, sent.stream.read(filing.LARGEST + 1)).name
