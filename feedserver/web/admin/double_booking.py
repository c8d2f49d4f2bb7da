"""What a session's form says before it saves: who or what is wanted twice. Saving the same again saves it all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from flask import request

from ...services import conflicts, planning, rooming
from ...services.conflicts import Finding
from ...services.work import Work
from ...store.sessions import LiveSession
from ..forms import Field, Form
from .desk import look

ROOM = Field("room_id", "Room", "choice", hint="Stands in the invitation where no place is written.")


def with_rooms(fields: Sequence[Field]) -> list[Field]:
    """The fields with the rooms to choose from; without the field while there is no room."""
    rooms = look(rooming.all_rooms)
    choices = [("", "No room"), *((str(room.id), room.name) for room in rooms)]
    return [replace(one, choices=choices) if one.name == ROOM.name else one for one in fields if rooms or one.name != ROOM.name]


def of_new(form: Form, values: dict, group_id: int | None) -> list[Finding]:
    """What a new session would want twice, unless that was seen and sent again."""
    return _unseen(form, lambda work: conflicts.find_conflicts(work, values, group_id=group_id))


def of_edit(form: Form, values: dict, session: LiveSession) -> list[Finding]:
    """The same of an edit; one that touches neither times nor people nor rooms asks nothing."""
    wanted = {name: values[name] for name in conflicts.FIELDS if name in values}
    if all(planning.as_planned(session, name) == value for name, value in wanted.items()):
        return []
    return _unseen(form, lambda work: conflicts.find_conflicts(work, wanted, session=session))


def mark(found: Sequence[Finding]) -> str:
    """What stands in the form that shows them, so that others than those are shown again."""
    return ",".join(f"{one.kind}:{one.session_id or 0}" for one in found)


def _unseen(form: Form, find: Callable[[Work], list[Finding]]) -> list[Finding]:
    found = form.attempt(lambda: look(find)) or []
    return [] if request.form.get("anyway") == mark(found) else found
