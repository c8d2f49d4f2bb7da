"""The plan of a session: what is planned, what publishing it would do and for whom, publishing it as one, or forgetting it."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, request, url_for

from ...errors import Conflict
from ...ical import plaintext
from ...services import planning, preview
from ...services.finding import find
from ...services.work import Work
from ...store.rooms import Room
from ...store.sessions import LiveSession
from .. import pages
from ..house import house, settings
from .desk import act, admin, look
from .sessions import FIELDS

_LABELS = {f.name: f.label for f in FIELDS} | {"room_id": "Room"}
_ON = {"calendar_enabled", "waiting_list", "approval_required"}


@admin.get("/sessions/<id:session_id>/preview")
def preview_session(session_id: int) -> Response:
    """Before and after, and who gets what; changes nothing."""
    session = look(lambda work: find(work, LiveSession, session_id))
    if not session.planning:
        return redirect(url_for("admin.session", session_id=session_id), 303)
    try:
        seen = house().rehearse(g.who.organisation_id, f"admin:{g.who.email}", lambda work: preview.preview(work, session_id))
    except Conflict:
        return redirect(url_for("admin.session", session_id=session_id), 303)
    rooms = look(_rooms)
    changes = [(_LABELS.get(c.field, c.field), _words(c.field, c.before, rooms), _words(c.field, c.after, rooms)) for c in seen.changes]
    rate = settings().smtp_rate
    return pages.page(
        "admin/preview.html",
        session=session,
        seen=seen,
        changes=changes,
        rate=rate,
        minutes=preview.minutes(seen, rate),
        shown=preview.SHOWN,
    )


@admin.post("/sessions/<id:session_id>/publish")
def publish_session(session_id: int) -> Response:
    """Publish the plan that was looked at; where it has changed since, look again."""
    version = request.form.get("version", "")

    def verb(work: Work) -> str:
        sent = preview.publish(work, session_id, int(version) if version.isdecimal() and len(version) < 10 else None)
        return (
            f"Published as one change: {sent} {'mail goes' if sent == 1 else 'mails go'} out."
            if sent
            else "Published. Nobody had to be told."
        )

    return act(verb, "session", session_id=session_id)


@admin.post("/sessions/<id:session_id>/plan/discard")
def discard_plan(session_id: int) -> Response:
    """Forget what is planned."""

    def verb(work: Work) -> str:
        planning.discard(work, session_id)
        return "The plan is forgotten. The session is as it was; nobody was told anything."

    return act(verb, "session", session_id=session_id)


def _rooms(work: Work) -> dict[int, str]:
    return {room.id: room.place for room in work.db.query(Room).filter(Room.organisation_id == work.organisation_id).limit(1000)}


def _words(field: str, value: Any, rooms: dict[int, str]) -> str:
    if field in ("start", "end"):
        return f"{value:%a} {value.day} {value:%b %Y, %H:%M}"
    if field == "room_id":
        return rooms.get(value, "none")
    if field in _ON:
        return "yes" if value else "no"
    if field == "capacity":
        return "no limit" if value is None else str(value)
    if field == "description":
        return plaintext.plain(value)
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)
