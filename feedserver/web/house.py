"""The parts that `create_app` was given, for views: `house()` runs verbs, `settings()` gives the settings."""

from __future__ import annotations

from flask import Flask, current_app

from ..services.house import House
from ..settings import Settings

_HOUSE = "feedserver.house"
_SETTINGS = "feedserver.settings"


def install(app: Flask, house: House, settings: Settings) -> None:
    """Hand the parts to an application, once, at its making."""
    app.extensions[_HOUSE] = house
    app.extensions[_SETTINGS] = settings


def house() -> House:
    """Where verbs run: `house().run(organisation_id, actor, verb)`, `.read(...)`, `.clock()`, `.database`."""
    return current_app.extensions[_HOUSE]


def settings() -> Settings:
    """The settings of this process."""
    return current_app.extensions[_SETTINGS]
