"""`/files/<id>/<name>`: a file of a session, for whoever has its address. Saved and never shown: it cannot run as a page of ours (S64)."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Flask, Response, abort, make_response

from ..services import filing
from .house import house

files = Blueprint("files", __name__)


def register(app: Flask) -> None:
    """Put the address into the application."""
    app.register_blueprint(files)


@files.get("/files/<public_id>/<name>")
def file(public_id: str, name: str) -> Response:
    """The octets, as something to save."""
    with house().database.read() as db:
        found = filing.fetch(db, public_id) if len(public_id) < 64 and public_id.isascii() else None
        if found is None or found.name != name:
            abort(404)
        response = make_response(found.body)
        plain = found.name.encode("ascii", "replace").decode().replace("?", "_")
        response.headers["Content-Type"] = found.media_type
        response.headers["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response
