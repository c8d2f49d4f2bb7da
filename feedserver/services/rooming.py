"""Rooms: where sessions take place, and how many people fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update

from ..errors import Conflict, Invalid
from ..store.rooms import Room
from ..store.sessions import TAKES_PLACE, LiveSession
from . import scheduling
from .finding import find
from .work import Work

FIELDS = ("name", "location", "capacity")


def create_room(work: Work, values: Mapping[str, Any]) -> Room:
    """A new room with `FIELDS`; `Conflict` where another has the name."""
    known = {k: v for k, v in values.items() if k in FIELDS}
    _check_name(work, known["name"])
    room = Room(organisation_id=work.organisation_id, created_at=work.now, **known)
    work.db.add(room)
    work.db.flush()
    work.record("room made", detail={"room_id": room.id})
    return room


def edit_room(work: Work, room_id: int, values: Mapping[str, Any]) -> Room:
    """Change `FIELDS`; coming sessions whose place is the room tell it after the settle time."""
    room = find(work, Room, room_id, lock=True)
    changed = {k: v for k, v in values.items() if k in FIELDS and getattr(room, k) != v}
    if not changed:
        return room
    if "name" in changed:
        _check_name(work, changed["name"], room.id)
    before = room.place
    for name, value in changed.items():
        setattr(room, name, value)
    work.record("room edited", detail={"room_id": room.id, "fields": sorted(changed)})
    work.db.flush()
    if room.place != before:
        scheduling.room_changed(work, room.id)
    return room


def delete_room(work: Work, room_id: int) -> None:
    """Take a room away. `Conflict` while coming sessions are in it; past ones keep its words as their place."""
    room = find(work, Room, room_id, lock=True)
    coming = sessions_in(work, room)
    if coming:
        words = "1 coming session is" if coming == 1 else f"{coming} coming sessions are"
        raise Conflict(f"{words} in this room; move them first.", extra={"sessions": coming})
    here = LiveSession.organisation_id == work.organisation_id, LiveSession.room_id == room.id
    keep = update(LiveSession).where(*here, LiveSession.location == "").values(location=room.place)
    for statement in (keep, update(LiveSession).where(*here).values(room_id=None)):
        work.db.execute(statement.execution_options(synchronize_session=False))
    work.db.delete(room)
    work.record("room taken away", detail={"name": room.name})
    work.db.flush()


def sessions_in(work: Work, room: Room) -> int:
    """How many coming sessions take place in it."""
    here = (LiveSession.organisation_id == work.organisation_id, LiveSession.room_id == room.id, TAKES_PLACE)
    query = select(func.count()).where(*here, LiveSession.status == "scheduled", LiveSession.ends_at > work.now)
    return work.db.scalar(query) or 0


def all_rooms(work: Work) -> list[Room]:
    """Every room, by name."""
    return list(work.db.scalars(select(Room).where(Room.organisation_id == work.organisation_id).order_by(Room.name, Room.id)))


def _check_name(work: Work, name: str, room_id: int = 0) -> None:
    if not name.strip():
        raise Invalid("Give the room a name.", field="name")
    same = select(Room.id).where(Room.organisation_id == work.organisation_id, Room.name == name, Room.id != room_id)
    found = work.db.scalar(same.limit(1))
    if found is not None:
        raise Conflict("There is already a room of that name.", field="name", extra={"id": found})
