"""/healthz, /readyz and /metrics: whether this process may be given work, whether the product works, and figures for Prometheus."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from importlib.metadata import version

import structlog
import tzdata
from flask import Flask, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import exists, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from .. import __version__
from ..services import circle_watch
from ..store import migrations
from ..store.base import microseconds
from ..store.destinations import STATES as PLACES
from ..store.destinations import Destination
from ..store.feeds import Feed
from ..store.inbox import OUTCOMES, InboundMessage
from ..store.outbox import DEFERRED, MAIL, QUEUED, STATES, Delivery, Worker, for_mail
from .house import house, settings

_log = structlog.get_logger()
_HEALTHY = "feedserver.healthy"
# Set by `serve`, which is only up once its receiver listens.
EXPECT_RECEIVER = "FEEDSERVER_EXPECT_RECEIVER"
INBOUND_ADDRESS = "inbound.addr"


def register(app: Flask) -> None:
    """Three addresses without a sign-in; they say nothing about people."""
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", metrics)


def healthz() -> tuple[Response, int]:
    """200 once the schema is current and, under `serve`, the receiver listens."""
    wrong = [words for holds, words in ((_schema_is_current(), "The schema is not current."), (_receiver_listens(), _DEAF)) if not holds]
    return _said(wrong)


def readyz() -> tuple[Response, int]:
    """200 while the database is reachable and a worker was seen lately."""
    try:
        with house().database.read() as db:
            alive = db.scalar(select(exists().where(*_alive())))
    except SQLAlchemyError as error:
        _log.warning("database not reachable", error=type(error).__name__)
        return _said(["The database cannot be reached."])
    return _said([] if alive else ["No worker was seen lately; start `python -m feedserver worker`."])


def metrics() -> Response:
    """Figures for Prometheus."""
    registry = CollectorRegistry()
    with house().database.read() as db:
        found = list(_figures(db))
    registry.register(_Found(found))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Found:
    """Figures that were read already, as prometheus-client wants to collect them."""

    def __init__(self, found: list[Metric]) -> None:
        self.found = found

    def collect(self) -> list[Metric]:
        """The figures."""
        return self.found


_DEAF = "The receiver does not listen yet."


def _said(wrong: list[str]) -> tuple[Response, int]:
    zones = {"tzdata": version("tzdata"), "iana": tzdata.IANA_VERSION}
    said = {"status": "wrong" if wrong else "ok", "version": __version__, **zones, **({"detail": " ".join(wrong)} if wrong else {})}
    return jsonify(said), 503 if wrong else 200


def _schema_is_current() -> bool:
    if current_app.extensions.get(_HEALTHY):
        return True
    try:
        with house().database.engine.connect().execution_options(readonly=True) as connection:
            current = migrations.is_current(connection)
    except SQLAlchemyError as error:
        _log.warning("database not reachable", error=type(error).__name__)
        return False
    current_app.extensions[_HEALTHY] = current
    return current


def _receiver_listens() -> bool:
    if not os.environ.get(EXPECT_RECEIVER):
        return True
    try:
        host, _, port = (settings().data_dir / INBOUND_ADDRESS).read_text().strip().rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    except (OSError, ValueError):
        return False


def _alive() -> tuple:
    return for_mail(), Worker.stopped_at.is_(None), Worker.alive_until > house().clock()


def _figures(db: Session) -> Iterator[Metric]:
    now = house().clock()
    yield _by("feedserver_outbox", "Outgoing messages by state.", "state", STATES, _counts(db, Delivery.state))
    due = select(func.min(Delivery.due_at)).where(Delivery.channel == MAIL, Delivery.state.in_((QUEUED, DEFERRED)))
    oldest = db.scalar(due)
    age = max(0.0, (microseconds(now) - microseconds(oldest)) / 1e6) if oldest is not None else 0.0
    yield _gauge("feedserver_outbox_oldest_due_seconds", "For how long the oldest message that is due has waited.", age)
    yield _by(
        "feedserver_destinations",
        "Calendars, webhooks and chat channels elsewhere by state.",
        "state",
        PLACES,
        _counts(db, Destination.state),
    )
    failing = db.scalar(select(func.count()).where(Destination.problem.is_not(None)))
    yield _gauge("feedserver_destinations_failing", "Those that did not take what was last tried.", failing)
    yield _by("feedserver_inbound", "Incoming messages by outcome.", "outcome", OUTCOMES, _counts(db, InboundMessage.outcome))
    workers = db.scalar(select(func.count()).select_from(Worker).where(*_alive()))
    yield _gauge("feedserver_workers_alive", "Workers seen lately.", workers)
    if not settings().captures:
        yield from _circles(db)
    live = select(func.count(), func.count(Feed.last_fetched_at)).where(Feed.revoked_at.is_(None))
    feeds, fetched = db.execute(live).one()
    yield _gauge("feedserver_feeds", "Feeds that answer.", feeds)
    yield _gauge("feedserver_feeds_fetched", "Feeds that some program has fetched.", fetched)
    information = GaugeMetricFamily("feedserver_build", "Versions.", labels=("version", "tzdata"))
    information.add_metric((__version__, version("tzdata")), 1)
    yield information


def _circles(db: Session) -> Iterator[Metric]:
    known = circle_watch.figures(db, house().clock()).values()
    broken = sum(not closed for closed, _ in known)
    yield _gauge("feedserver_circles_broken", "Organisations whose mail to themselves does not come back.", broken)
    ages = [seconds for _, seconds in known if seconds is not None]
    yield _gauge(
        "feedserver_circle_age_seconds",
        "How long ago the mail to ourselves last came back; of several the longest.",
        max(ages, default=0.0),
    )


def _counts(db: Session, column) -> dict[str, int]:
    return dict(db.execute(select(column, func.count()).group_by(column)).all())


def _by(name: str, words: str, label: str, known: tuple[str, ...], counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for one in known:
        family.add_metric((one,), counts.get(one, 0))
    return family


def _gauge(name: str, words: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, words)
    family.add_metric((), value)
    return family
