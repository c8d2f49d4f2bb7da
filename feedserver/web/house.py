"""The parts that `create_app` was given, for views: `house()` runs verbs, `settings()` gives the settings, `calendars()` asks other servers."""

from __future__ import annotations

from flask import Flask, current_app

from ..errors import Conflict
from ..services.connecting import CalendarServers
from ..services.house import House
from ..settings import Settings

_HOUSE = "feedserver.house"
_SETTINGS = "feedserver.settings"
_CALENDARS = "feedserver.calendars"


def install(app: Flask, house: House, settings: Settings, calendars: CalendarServers | None = None) -> None:
    """Hand the parts to an application, once, at its making."""
    app.extensions[_CALENDARS] = calendars
    app.extensions[_HOUSE] = house
    app.extensions[_SETTINGS] = settings


def house() -> House:
    """Where verbs run: `house().run(organisation_id, actor, verb)`, `.read(...)`, `.clock()`, `.database`."""
    return current_app.extensions[_HOUSE]


def calendars() -> CalendarServers:
    """Who speaks with calendar servers elsewhere; raises `Conflict` in a process that was given nobody."""
    found = current_app.extensions[_CALENDARS]
    if found is None:
        raise Conflict("This process speaks with no other servers.")
    return found


def allow(url: str | None) -> None:
    """Raises `Invalid` for an address that deliveries would never go to; a process that speaks with no other servers leaves it to the worker."""
    found = current_app.extensions[_CALENDARS]
    if url and found is not None:
        found.allow(url)


def settings() -> Settings:
    """The settings of this process."""
    return current_app.extensions[_SETTINGS]
