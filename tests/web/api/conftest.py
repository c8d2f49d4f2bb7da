"""An organisation with a token, called as programs call it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from feedserver.services import access
from feedserver.services.house import House
from feedserver.settings import Settings
from feedserver.store.database import Database
from feedserver.store.organisations import Organisation
from feedserver.web import create_app

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Api:
    """The API in the hands of one organisation."""

    client: FlaskClient
    house: House
    clock: Clock
    organisation_id: int
    token: str

    def call(self, method: str, path: str, json: Any = None, status: int | None = 200, **options: Any):
        """Call and expect `status` (None: whatever); gives the response."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        response = self.client.open(f"/api/v1{path}", method=method, headers=headers, **options)
        assert status in (None, response.status_code), f"{method} {path}: {response.status_code} {response.text}"
        return response

    def get(self, path: str, **options: Any) -> Any:
        """The JSON at a path."""
        return self.call("GET", path, **options).json

    def post(self, path: str, json: Any = None, status: int = 201, **options: Any) -> Any:
        """The JSON that a POST answers."""
        return self.call("POST", path, json, status, **options).json

    def put(self, path: str, json: Any, status: int = 200, **options: Any) -> Any:
        """The JSON that a PUT answers."""
        return self.call("PUT", path, json, status, **options).json

    def patch(self, path: str, json: Any, status: int = 200, **options: Any) -> Any:
        """The JSON that a PATCH answers."""
        return self.call("PATCH", path, json, status, **options).json

    def learner(self, name: str = "Ada", **fields: Any) -> dict:
        """A new learner."""
        return self.post("/learners", {"email": f"{name.lower()}@example.org", "name": name, **fields})

    def course(self) -> dict:
        """A new course."""
        return self.post("/courses", {"name": "Fire safety"})

    def session(self, **fields: Any) -> dict:
        """A new session, of a new course unless one is named."""
        return self.post("/sessions", a_session(**{"course_id": fields.get("course_id") or self.course()["id"], **fields}))

    def do(self, verb: Any) -> Any:
        """Run a verb in this organisation."""
        return self.house.run(self.organisation_id, "system", verb)


def a_session(**fields: Any) -> dict:
    """What a session needs."""
    return {
        "course_id": 1, "title": "Practice", "start": "2027-03-01T09:00", "end": "2027-03-01T10:30", "timezone": "Europe/Berlin", **fields,
    }  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def app(database: Database, clock: Clock):
    return create_app(Settings(database_url=database.url, secret_keys=("k" * 32,)), database, clock)


@pytest.fixture
def api(app, database: Database, clock: Clock) -> Api:
    """The first organisation."""
    return open_house(app, database, clock, "Acme")


@pytest.fixture
def other(app, api: Api, database: Database, clock: Clock) -> Api:
    """A second organisation."""
    return open_house(app, database, clock, "Globex")


def open_house(app, database: Database, clock: Clock, name: str) -> Api:
    """A further organisation with a token."""
    address = f"training@{name.lower()}.example"
    row = Organisation(
        name=name, mailbox_name=name, mailbox_address=address, mailbox_key=address, timezone="Europe/Berlin", created_at=clock.now
    )
    with database.write() as db:
        db.add(row)
        db.flush()
        organisation_id = row.id
    house = House(database, "http://127.0.0.1:8000", clock=clock)
    token = house.run(organisation_id, "system", lambda work: access.create_token(work, "test"))
    return Api(app.test_client(), house, clock, organisation_id, token)
