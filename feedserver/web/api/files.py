"""Files of sessions."""

from __future__ import annotations

from datetime import datetime

from ...services import filing
from ...services.work import Work
from ...store.files import SessionFile
from .fields import Out, RowId
from .routing import Answer, Call, route
from .uploads import Upload


class FileOut(Out):
    """A file of a session. Whoever has its `url` can fetch it; `size` is in octets."""

    id: RowId
    session_id: RowId
    name: str
    media_type: str
    size: int
    url: str
    created_at: datetime


class FilesOut(Out):
    """The files of a session, oldest first; there are never more than ten."""

    items: list[FileOut]
    next: None = None


def show(work: Work, row: SessionFile) -> FileOut:
    """A row as it is answered."""
    return FileOut(
        id=row.id, session_id=row.live_session_id, name=row.name, media_type=row.media_type, size=row.size, url=filing.address(work, row), created_at=row.created_at
    )  # fmt: skip


@route("POST", "/sessions/<id:session_id>/files", body=Upload, answer=FileOut, status=201, problems=(404, 409))
def add_file(work: Work, call: Call) -> Answer:
    """Put a file to a session, as `multipart/form-data` with the field `file`: 10 MiB, ten a session, of a few kinds. Invitations link to it."""
    row = filing.add_file(work, call.path["session_id"], call.body.name, call.body.data)
    shown = show(work, row)
    return Answer(shown, headers={"Location": shown.url})


@route("GET", "/sessions/<id:session_id>/files", answer=FilesOut, problems=(404,))
def list_files(work: Work, call: Call) -> FilesOut:
    """List the files of a session."""
    return FilesOut(items=[show(work, row) for row in filing.files_of(work, call.path["session_id"])])


@route("DELETE", "/sessions/<id:session_id>/files/<id:file_id>", status=204, problems=(404,))
def delete_file(work: Work, call: Call) -> None:
    """Take a file away: its address ends at once, invitations stop naming it after the settle time."""
    filing.remove_file(work, call.path["session_id"], call.path["file_id"])
