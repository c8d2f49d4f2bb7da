"""An organisation, somebody signed in at the desk, and pages read as a browser without JavaScript reads them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from feedserver import tokens
from feedserver.services import access, grouping, learning, scheduling
from feedserver.services.house import House
from feedserver.settings import Settings
from feedserver.store.database import Database
from feedserver.store.organisations import Organisation
from feedserver.web import create_app

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECRETS = ("a-secret-of-the-tests-0123456789",)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Clock:
    """Stands still until it is moved."""

    now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Desk:
    """A browser in the hands of one person."""

    client: FlaskClient
    app: Flask
    house: House
    clock: Clock
    organisation_id: int

    def get(self, path: str, status: int = 200) -> str:
        """The page at a path, as text with entities resolved nowhere."""
        response = self.client.get(path, headers={"Accept": "text/html"})
        assert response.status_code == status, f"GET {path}: {response.status_code} {response.text[:2000]}"
        return response.text

    def send(self, path: str, status: int | None = 303, /, page: str = "/", **fields: Any):
        """Send a form with the token of a page of ours; gives the response."""
        token = html.unescape(_TOKEN.search(self.client.get(page).text)[1])
        response = self.client.post(path, data={"csrf_token": token, **fields}, headers={"Accept": "text/html"})
        assert status in (None, response.status_code), f"POST {path}: {response.status_code} {response.text[:2000]}"
        return response

    def do(self, verb: Any) -> Any:
        """Run a verb in this organisation."""
        return self.house.run(self.organisation_id, "system", verb)

    def sign_in(self, email: str, role: str) -> None:
        """Sign in by a fresh link."""
        link = self.do(lambda work: access.create_sign_in(work, email, role))
        self.send(f"/sign-in/{link}", page=f"/sign-in/{link}")

    def learner(self, name: str, **fields: Any):
        """A new learner."""
        return self.do(lambda work: learning.create_learner(work, {"name": name, "email": f"{name.lower()}@example.org", **fields}))

    def session(self, *names: str, **fields: Any):
        """A session of a new course for a group of new learners."""
        who = [self.learner(name).id for name in names]
        start = datetime(2027, 3, 10, 14)
        values = {"title": "Fire safety", "start": start, "end": start + timedelta(hours=1), "timezone": "Europe/Berlin", **fields}

        def verb(work):
            course = grouping.create_course(work, {"name": "Safety at work", "description": "", "url": ""})
            group = grouping.create_group(work, course.id, "Berlin", who)
            return scheduling.create_session(work, course.id, values, group.id)

        return self.do(verb)

    def my_page(self, learner) -> str:
        """The path of a learner's own page."""
        return self.do(lambda work: f"/my/{tokens.sign(tokens.LEARNER_PAGE, learner.page_id, work.key_secret)}")

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """What the database is told meanwhile."""
        told: list[str] = []

        def note(_connection, _cursor, statement, *_rest) -> None:
            told.append(statement)

        event.listen(self.house.database.engine, "before_cursor_execute", note)
        yield told
        event.remove(self.house.database.engine, "before_cursor_execute", note)


def writes(told: list[str]) -> list[str]:
    """Those statements that change something."""
    return [one for one in told if one.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """Where the rows are; a module that wants both databases overrides it."""
    return sqlite_url


@pytest.fixture
def house(store_url: str, clock: Clock) -> Iterator[House]:
    database = Database(store_url)
    yield House(database, "http://127.0.0.1:8000", clock=clock)
    database.close()


@pytest.fixture
def visitor(house: House, clock: Clock) -> Desk:
    """Somebody who has not signed in."""
    with house.database.write() as db:
        row = Organisation(
            name="Acme", mailbox_name="Training", mailbox_address="training@localhost", mailbox_key="training@localhost",
            timezone="Europe/Berlin", created_at=clock.now,
        )  # fmt: skip
        db.add(row)
        db.flush()
        organisation_id = row.id
    app = create_app(Settings(database_url=house.database.url, secret_keys=SECRETS), house.database, clock)
    return Desk(app.test_client(), app, house, clock, organisation_id)


@pytest.fixture
def desk(visitor: Desk) -> Desk:
    """The owner, signed in."""
    visitor.sign_in("olga@example.org", "owner")
    return visitor
