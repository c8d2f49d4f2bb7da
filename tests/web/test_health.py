"""What watches the product sees."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest

from feedserver.settings import Settings
from feedserver.store import migrations
from feedserver.store.database import Database
from feedserver.store.rows import Worker
from feedserver.web import create_app, health

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def client(database):
    return create_app(Settings(database_url=database.url, secret_keys=("k" * 32,)), database, lambda: NOW).test_client()


def test_it_is_healthy_once_the_schema_is_current(client):
    healthy = client.get("/healthz")
    assert healthy.status_code == 200 and healthy.json["version"] and healthy.json["iana"] > "2026"


def test_an_empty_database_is_not_healthy_yet(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    client = create_app(Settings(database_url=database.url, secret_keys=("k" * 32,)), database).test_client()
    assert client.get("/healthz").status_code == 503 and client.get("/readyz").status_code == 503
    migrations.upgrade(database.url)
    assert client.get("/healthz").status_code == 200
    database.close()


def test_under_serve_the_receiver_must_listen(tmp_path, sqlite_url, monkeypatch):
    database = Database(sqlite_url)
    client = create_app(Settings(database_url=sqlite_url, secret_keys=("k" * 32,)), database).test_client()
    monkeypatch.setenv(health.EXPECT_RECEIVER, "1")
    assert "receiver" in client.get("/healthz").json["detail"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (tmp_path / health.INBOUND_ADDRESS).write_text(f"127.0.0.1:{listener.getsockname()[1]}\n")
        assert client.get("/healthz").status_code == 200
    database.close()


def test_it_is_ready_while_a_worker_is_seen(client, database):
    assert "worker" in client.get("/readyz").json["detail"]
    with database.write() as db:
        db.add(Worker(name="w", started_at=NOW, alive_until=NOW + timedelta(seconds=10)))
    assert client.get("/readyz").status_code == 200
    assert "feedserver_workers_alive 1.0" in client.get("/metrics").text


def test_figures_name_every_state(client):
    text = client.get("/metrics").text
    assert 'feedserver_outbox{state="dead"} 0.0' in text and 'feedserver_inbound{outcome="quarantined"} 0.0' in text


def test_every_answer_carries_the_headers_that_protect(client):
    for path in ("/healthz", "/api/v1/learners", "/api/v1/docs", "/nothing"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in headers and "Access-Control-Allow-Origin" not in headers


def test_the_host_header_makes_no_link(client):
    wrong = client.get("/api/v1/openapi.json", headers={"Host": "evil.example"})
    assert "evil.example" not in wrong.text and "evil.example" not in client.get("/api/v1/docs", headers={"Host": "evil.example"}).text
