"""Rooms."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ...services import rooming
from ...services.finding import find
from ...services.work import Work
from ...store.rooms import Room
from . import paging
from .fields import Body, Out, RowId, line, optional
from .paging import Page
from .routing import Answer, Call, at, route
from .session_shapes import Capacity


class NewRoom(Body):
    """A room; `location` says where it is, `capacity` how many fit."""

    name: line(200, empty=False)
    location: line(300) = ""
    capacity: Capacity | None = None


class RoomChange(Body):
    """What is to change; sessions whose place is the room tell it after the settle time."""

    name: line(200, empty=False) = optional()
    location: line(300) = optional()
    capacity: Capacity | None = optional()


class RoomOut(Out):
    """A room."""

    id: RowId
    name: str
    location: str
    capacity: int | None
    created_at: datetime


def show(room: Room) -> RoomOut:
    """A row as it is answered."""
    return RoomOut.model_validate(room, from_attributes=True)


@route("POST", "/rooms", body=NewRoom, answer=RoomOut, status=201)
def create_room(work: Work, call: Call) -> Answer:
    """Add a room. A name that is there already answers 409 with its id."""
    room = rooming.create_room(work, call.body.model_dump())
    return Answer(show(room), headers=at("rooms", room.id))


@route("GET", "/rooms", query=paging.Query, answer=Page[RoomOut])
def list_rooms(work: Work, call: Call) -> Page[RoomOut]:
    """List rooms."""
    query = select(Room).where(Room.organisation_id == work.organisation_id)
    rows, following = paging.by_id(work.db, query, Room.id, call.query)
    return Page[RoomOut](items=[show(row) for row in rows], next=following)


@route("GET", "/rooms/<id:room_id>", answer=RoomOut, problems=(404,))
def get_room(work: Work, call: Call) -> RoomOut:
    """One room."""
    return show(find(work, Room, call.path["room_id"]))


@route("PATCH", "/rooms/<id:room_id>", body=RoomChange, answer=RoomOut, problems=(404, 409))
def edit_room(work: Work, call: Call) -> RoomOut:
    """Change a room."""
    return show(rooming.edit_room(work, call.path["room_id"], call.body.given()))


@route("DELETE", "/rooms/<id:room_id>", status=204, problems=(404, 409))
def delete_room(work: Work, call: Call) -> None:
    """Take a room away. While coming sessions are in it: 409 with how many; past ones keep its words as their place."""
    rooming.delete_room(work, call.path["room_id"])
