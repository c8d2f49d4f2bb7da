"""Files of a session: taken in by an allow-list of kinds, by name and by content; given out so that no browser runs them as a page of ours."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import undefer

from ..errors import Conflict, Invalid, NotFound
from ..ical.lines import clean_line
from ..store.files import SessionFile
from ..store.sessions import LiveSession
from ..tokens import new_id
from . import scheduling
from .finding import find, locked_session
from .work import Work

LARGEST = 10 * 1024 * 1024
MOST = 10
OCTETS = "application/octet-stream"
_LONGEST_NAME = 100
_UNFIT = re.compile(r'[<>:"|?*\\/\x00-\x1f\x7f]')
_MOST_MEMBERS = 10_000


@dataclass(frozen=True)
class FileKind:
    """A kind that is taken: `looks_right` judges the octets, `media_type` is what it is given out as."""

    words: str
    media_type: str
    looks_right: Callable[[bytes], bool]


def _begins(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magic)


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _is_office(folder: str) -> Callable[[bytes], bool]:
    """A document of Office Open XML: its main folder is there, and no macro."""

    def looks_right(data: bytes) -> bool:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError):
            return False
        inside = any(name.startswith(f"{folder}/") for name in names)
        macros = any(name.lower().endswith(("vbaproject.bin", ".exe", ".js", ".html", ".htm")) for name in names)
        return len(names) <= _MOST_MEMBERS and "[Content_Types].xml" in names and inside and not macros

    return looks_right


_JPEG = FileKind("a JPEG picture", "image/jpeg", _begins(b"\xff\xd8\xff"))
KINDS: dict[str, FileKind] = {
    "pdf": FileKind("a PDF", "application/pdf", _begins(b"%PDF-")),
    "png": FileKind("a PNG picture", "image/png", _begins(b"\x89PNG\r\n\x1a\n")),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "txt": FileKind("plain text in UTF-8", "text/plain; charset=utf-8", _is_text),
    "docx": FileKind("a Word document without macros", OCTETS, _is_office("word")),
    "xlsx": FileKind("an Excel workbook without macros", OCTETS, _is_office("xl")),
    "pptx": FileKind("a PowerPoint presentation without macros", OCTETS, _is_office("ppt")),
}
"""What is taken, by the end of its name."""


def files_of(work: Work, session_id: int) -> list[SessionFile]:
    """The files of a session, oldest first, without their octets; raises `NotFound`."""
    find(work, LiveSession, session_id)
    mine = select(SessionFile).where(SessionFile.live_session_id == session_id, SessionFile.organisation_id == work.organisation_id)
    return list(work.db.scalars(mine.order_by(SessionFile.id)))


def add_file(work: Work, session_id: int, name: str, data: bytes) -> SessionFile:
    """Put a file to a session; invitations and feeds link to it after the settle time. Raises `Invalid` with what can be taken."""
    session = locked_session(work, session_id)
    if session.status == "cancelled":
        raise Conflict("The session is cancelled; nothing can be added to it.")
    name = clean_name(name)
    kind = check(name, data)
    known = files_of(work, session.id)
    if len(known) >= MOST:
        raise Conflict(f"A session has {MOST} files at most; take one away first.")
    row = SessionFile(
        organisation_id=work.organisation_id, live_session_id=session.id, public_id=new_id(), name=_unlike(name, {one.name for one in known}),
        media_type=kind.media_type, size=len(data), body=data, created_at=work.now,
    )  # fmt: skip
    work.db.add(row)
    work.db.flush()
    _show(work, session)
    return row


def remove_file(work: Work, session_id: int, file_id: int) -> None:
    """Take a file away: its address answers 404 at once, invitations stop naming it after the settle time. Raises `NotFound`."""
    session = locked_session(work, session_id)
    row = next((one for one in files_of(work, session.id) if one.id == file_id), None)
    if row is None:
        raise NotFound(f"The session has no file {file_id}.")
    work.db.delete(row)
    work.db.flush()
    if session.status != "cancelled":
        _show(work, session)


def address(work: Work, row: SessionFile) -> str:
    """Where it is fetched; whoever has the address can."""
    return f"{work.base_url}/files/{row.public_id}/{quote(row.name)}"


def fetch(db, public_id: str) -> SessionFile | None:
    """The file with this address, with its octets."""
    return db.scalars(select(SessionFile).where(SessionFile.public_id == public_id).options(undefer(SessionFile.body))).first()


def clean_name(name: str) -> str:
    """A file's name without folders and without what file systems or headers trip over."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    last = clean_line(_UNFIT.sub(" ", last)).strip(". ")
    stem, end = PurePosixPath(last).stem, PurePosixPath(last).suffix
    if not end or not stem.strip(". "):
        raise Invalid(f"The file needs a name that ends in one of {_ends()}.", field="file")
    return f"{stem[: _LONGEST_NAME - len(end)].strip()}{end}"


def check(name: str, data: bytes) -> FileKind:
    """The kind that a name and its octets agree on; raises `Invalid`."""
    end = name.rpartition(".")[2].lower()
    kind = KINDS.get(end)
    if kind is None:
        raise Invalid(f"Files that end in .{end[:20]} are not taken; these are: {_ends()}.", field="file")
    if not data:
        raise Invalid("The file is empty.", field="file")
    if len(data) > LARGEST:
        raise Invalid(
            f"The file is larger than {LARGEST // 1024 // 1024} MiB; put it somewhere else and link to it in the description.", field="file"
        )
    if not kind.looks_right(data):
        raise Invalid(f"This is called .{end} but is not {kind.words}.", field="file")
    return kind


def _show(work: Work, session: LiveSession) -> None:
    names = [[one.name, address(work, one)] for one in files_of(work, session.id)]
    scheduling.edit_session(work, session.id, {"files": names or None})


def _unlike(name: str, taken: set[str]) -> str:
    stem, end = PurePosixPath(name).stem, PurePosixPath(name).suffix
    number = 2
    while name in taken:
        name, number = f"{stem} ({number}){end}", number + 1
    return name


def _ends() -> str:
    return ", ".join(f".{end}" for end in KINDS)
