"""The learner's own page `/my/<token>`: what is coming, answers, how to subscribe. GET shows, a button POSTs."""

from __future__ import annotations

from flask import Flask

from .. import pages
from . import catalogue, days, reach, views

__all__ = ["catalogue", "days", "reach", "register"]


def register(app: Flask) -> None:
    """Put the page into the application."""
    pages.ready(app)
    app.register_blueprint(views.learner)
