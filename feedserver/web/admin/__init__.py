"""Administrators' pages, server-rendered: everything works without JavaScript."""

from __future__ import annotations

from flask import Flask

from .. import pages
from . import (
    adding,
    attendance,
    audiences,
    calendar_view,
    certificate_kinds,
    certificates,
    compliance,
    connections,
    courses,
    departures,
    enrolments,
    files,
    groups,
    imports,
    learners,
    letters,
    mail_checks,
    mail_in,
    mail_out,
    many,
    milestones,
    onboarding_plans,
    onboardings,
    organisation,
    plans,
    programs,
    proposals,
    reports,
    rooms,
    series_pages,
    sessions,
    sign_in,
    slots,
    start,
    sync,
)
from .desk import admin
from .kind_words import KIND_WORDS

__all__ = [
    "adding",
    "attendance",
    "audiences",
    "calendar_view",
    "certificate_kinds",
    "certificates",
    "compliance",
    "connections",
    "courses",
    "departures",
    "enrolments",
    "files",
    "groups",
    "imports",
    "learners",
    "letters",
    "mail_checks",
    "mail_in",
    "mail_out",
    "many",
    "milestones",
    "onboarding_plans",
    "onboardings",
    "organisation",
    "plans",
    "programs",
    "proposals",
    "reports",
    "rooms",
    "series_pages",
    "sessions",
    "sign_in",
    "slots",
]
__all__ += ["register", "start", "sync"]


def register(app: Flask) -> None:
    """Put the pages into the application."""
    pages.ready(app)
    app.jinja_env.globals["kind_words"] = KIND_WORDS
    app.register_blueprint(admin)
