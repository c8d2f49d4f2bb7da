"""Rooms: the list, a new one, an edit, and taking one away."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import func, select

from ...services import rooming
from ...services.finding import find
from ...services.work import Work
from ...store.rooms import Room
from ...store.sessions import TAKES_PLACE, LiveSession
from .. import pages
from ..forms import Field, Form
from .desk import act, admin, look, run, search_text

FIELDS = (
    Field("name", "Name", required=True, longest=200),
    Field("location", "Where it is", longest=300, hint="For example: Main building, 2nd floor. It stands behind the name in invitations."),
    Field("capacity", "Seats", "number", hint="Empty: not said. A session with more seats is pointed out."),
)


@admin.get("/rooms")
def rooms() -> Response:
    """All rooms, by name, with what is coming in each."""
    text = search_text()
    return pages.page("admin/rooms.html", q=text, rooms=look(lambda work: pages.paged(lambda n, o: _list(work, text, n, o))))


@admin.route("/rooms/new", methods=["GET", "POST"])
def new_room() -> Response:
    """A new room."""
    form = Form.sent(FIELDS, request.form) if request.method == "POST" else Form(FIELDS)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: rooming.create_room(work, form.values))):
        flash("The room is there. Sessions can take place in it now.", "done")
        return redirect(url_for("admin.rooms"), 303)
    return _form(form, "New room", "Make the room")


@admin.route("/rooms/<id:room_id>/edit", methods=["GET", "POST"])
def edit_room(room_id: int) -> Response:
    """Change a room; coming sessions whose place it is tell it."""
    room = look(lambda work: find(work, Room, room_id))
    shown = {f.name: getattr(room, f.name) for f in FIELDS}
    form = Form.sent(FIELDS, request.form) if request.method == "POST" else Form.shown(FIELDS, shown)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: rooming.edit_room(work, room_id, form.values))):
        flash("Saved. Coming sessions in it tell everybody if it is their place.", "done")
        return redirect(url_for("admin.rooms"), 303)
    return _form(form, f"Edit {room.name}", "Save")


@admin.post("/rooms/<id:room_id>/delete")
def delete_room(room_id: int) -> Response:
    """Take a room away, unless coming sessions are in it."""

    def verb(work: Work) -> str:
        rooming.delete_room(work, room_id)
        return "The room is taken away. Past sessions keep its name as their place."

    return act(verb, "rooms")


def _form(form: Form, title: str, button: str) -> Response:
    status = 200 if form.ok else 422
    return pages.page("admin/form.html", status, form=form, title=title, button=button, back=url_for("admin.rooms"), section="rooms")


def _list(work: Work, text: str, limit: int, offset: int) -> list:
    S = LiveSession
    here = (S.organisation_id == work.organisation_id, S.room_id == Room.id, S.status == "scheduled", S.ends_at > work.now, TAKES_PLACE)
    coming = select(func.count()).select_from(S).where(*here).correlate(Room).scalar_subquery()
    following = select(func.min(S.starts_at)).where(*here).correlate(Room).scalar_subquery()
    query = select(Room, coming, following).where(Room.organisation_id == work.organisation_id)
    if text:
        query = query.where(Room.name.icontains(text, autoescape=True) | Room.location.icontains(text, autoescape=True))
    return list(work.db.execute(query.order_by(Room.name, Room.id).limit(limit).offset(offset)))
