"""The API under /api/v1: one file a noun, a table of calls, and its description made from both."""

from __future__ import annotations

from flask import Blueprint, Flask

from . import (
    adding,
    attendance,
    audiences,
    certificate_kinds,
    certificates,
    completions,
    courses,
    deliveries,
    description,
    destinations,
    enrolments,
    feeds,
    files,
    groups,
    inbound,
    learners,
    milestones,
    occurrences,
    onboarding,
    planning,
    proposals,
    reports,
    rooms,
    routing,
    sessions,
    sync,
    webhooks,
)

NOUNS = (
    learners,
    courses,
    groups,
    rooms,
    sessions,
    occurrences,
    planning,
    files,
    enrolments,
    adding,
    attendance,
    milestones,
    completions,
    certificate_kinds,
    certificates,
    onboarding,
    feeds,
    audiences,
    destinations,
    webhooks,
    deliveries,
    inbound,
    proposals,
    reports,
    sync,
)
"""In the order in which the description and its page show them; a call of a module that is missing here fails at start."""

routing.arrange(noun.__name__ for noun in NOUNS)


def register(app: Flask) -> None:
    """Mount the calls, the OpenAPI description and its page."""
    blueprint = Blueprint("api", __name__, url_prefix=routing.PREFIX)
    routing.mount(blueprint)
    description.mount(blueprint)
    app.register_blueprint(blueprint)
