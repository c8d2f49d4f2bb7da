"""Administrators' pages, server-rendered: everything works without JavaScript."""

from __future__ import annotations

from flask import Flask

from .. import pages
from . import (
    attendance,
    calendar_view,
    courses,
    enrolments,
    groups,
    learners,
    mail_in,
    mail_out,
    many,
    organisation,
    plans,
    reports,
    rooms,
    sessions,
    sign_in,
    start,
)
from .desk import admin

__all__ = [
    "attendance",
    "calendar_view",
    "courses",
    "enrolments",
    "groups",
    "learners",
    "mail_in",
    "mail_out",
    "many",
    "organisation",
    "plans",
    "reports",
    "rooms",
    "sessions",
    "sign_in",
]
__all__ += ["register", "start"]


def register(app: Flask) -> None:
    """Put the pages into the application."""
    pages.ready(app)
    app.register_blueprint(admin)
