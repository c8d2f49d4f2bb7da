"""Feeds over HTTP: by the gate, by Flask, and by the server that the product starts."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from feedserver.settings import Settings
from feedserver.store.feeds import Feed
from feedserver.web import feeds, gate, server
from feedserver.web import house as parts
from tests.support.subscriber import Subscriber

ROOT = Path(__file__).resolve().parents[2]
JUDGE = ROOT / "../shared/interop/check_feed"


@pytest.fixture
def lea(sqlite_url: str) -> Iterator[Subscriber]:
    one = Subscriber(sqlite_url)
    one.session()
    yield one
    one.close()


@pytest.fixture
def front(lea) -> Iterator[gate.Gate]:
    """The gate, before an application that is built when it is needed."""
    made = []
    one = gate.Gate(lea.reader, lambda: made.append(1) or flask_of(lea), lambda: lea.moment)
    one.made = made
    yield one
    one.close()


def flask_of(lea: Subscriber) -> Flask:
    app = Flask("feeds alone")
    parts.install(app, lea.house, Settings())
    feeds.register(app)
    return app


def through(app, path: str, **request) -> tuple[str, dict[str, str], bytes]:
    body, status, headers = run_wsgi_app(app, EnvironBuilder(path, **request).get_environ(), buffered=True)
    return status, dict(headers), b"".join(body)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"method": "HEAD"},
        {"method": "POST", "data": b"x"},
        {"method": "PROPFIND"},
        {"method": "OPTIONS", "headers": {"Origin": "https://evil.example"}},
        {"headers": {"Accept-Encoding": "gzip"}},
        {"headers": {"If-None-Match": "*"}},
        {"headers": {"If-None-Match": '"' + "x" * 10_000 + '"'}},
        {"headers": {"Range": "bytes=0-0"}},
        {"headers": {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}},
        {"query_string": "token=another&kinds=deadline"},
    ],
    ids=str,
)
def test_gate_and_flask_answer_alike(lea, front, request_):
    by_gate = through(front, f"/feeds/{lea.token}.ics", **request_)
    by_flask = through(flask_of(lea), f"/feeds/{lea.token}.ics", **request_)
    assert by_gate[1].pop("Server") == "feedserver"
    assert by_flask == by_gate and b"evil" not in by_gate[2]


def test_what_is_no_feed_goes_to_flask_which_is_built_once(lea, front):
    through(front, f"/feeds/{lea.token}.ics")
    assert front.made == []
    replies = [through(front, path)[0] for path in ("/robots.txt", "/feeds/", f"/feeds/{lea.token}", "/feeds/a/b")]
    assert replies == ["200 OK", *["404 NOT FOUND"] * 3] and front.made == [1]


def test_robots_may_read_feeds(lea):
    lines = Client(flask_of(lea)).get("/robots.txt").text.splitlines()
    forbidden = [line.partition(": ")[2] for line in lines if line.startswith("Disallow")]
    assert forbidden and not any("/feeds/x.ics".startswith(path) or "/my/x".startswith(path) for path in forbidden)


class Served:
    """The product's web part as a process of its own."""

    def __init__(self, url: str) -> None:
        self.settings = server.with_port(replace(Settings(), http_bind=("127.0.0.1", 0)))
        own = {"FEEDSERVER_DATABASE_URL": url, "FEEDSERVER_BASE_URL": "https://t.example", **server.environment(self.settings)}
        self.process = subprocess.Popen(
            server.command(self.settings), cwd="/", env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert server.wait_until_up(self.settings, self.process, threading.Event()), self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_bind[1]}"

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(*self.settings.http_bind, timeout=20)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        found = reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        connection.close()
        return found

    def raw(self, octets: bytes) -> bytes:
        with socket.create_connection(self.settings.http_bind, timeout=20) as connection:
            connection.sendall(octets)
            return connection.makefile("rb").read()

    def stop(self) -> str:
        self.process.terminate()
        try:
            return self.process.communicate(timeout=15)[0].decode()
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0].decode()


@pytest.fixture
def served(lea) -> Iterator[Served]:
    one = Served(lea.database.url)
    yield one
    one.stop()


def test_the_server_keeps_what_the_gate_says(lea, served):
    path = f"/feeds/{lea.token}.ics"
    status, headers, body = served.ask("GET", path)
    assert status == 200 and body.endswith(b"END:VCALENDAR\r\n") and "set-cookie" not in headers
    assert headers["server"] == "feedserver" and headers["content-type"] == "text/calendar; charset=utf-8"
    head_status, head, nothing = served.ask("HEAD", path)
    assert (head_status, nothing, head["content-length"]) == (200, b"", str(len(body)))
    status, same, nothing = served.ask("GET", path, If_None_Match=headers["etag"])
    assert (status, nothing, same["etag"], same["last-modified"]) == (304, b"", headers["etag"], headers["last-modified"])
    status, refused, _ = served.ask("PROPFIND", path, Depth="0")
    assert (status, refused["allow"]) == (405, "GET, HEAD")


def test_a_change_is_in_the_very_next_answer(lea, served):
    path = f"/feeds/{lea.token}.ics"
    for number in range(20):
        etag = served.ask("GET", path)[1]["etag"]
        lea.session(f"Number {number}")
        status, _, body = served.ask("GET", path, If_None_Match=etag)
        assert status == 200 and f"SUMMARY:Number {number}\r\n".encode() in body


def test_strange_requests_get_a_plain_answer(lea, served):
    token, known = lea.token, served.ask("GET", "/feeds/wrong.ics")
    wrong = ["%00" + token, token + "%00", "..%2f" + token, token.replace(".", "%252E"), token + "%3D", "%ff%fe", "A" * 9000, ""]
    for one in wrong:
        status, _, body = served.ask("GET", f"/feeds/{one}.ics")
        assert (status, body) == (known[0], known[2]) == (404, known[2]), one
    path = f"/feeds/{token}.ics".encode()
    absolute = b"GET http://evil.example" + path + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    for request in (absolute, b"GET " + path + b" HTTP/1.0\r\n\r\n"):
        reply = served.raw(request)
        assert b" 200 OK\r\n" in reply[:20] and b"evil" not in reply
    huge = served.raw(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"a" * 600_000 + b"\r\n\r\n")
    assert huge[:13] in (b"", b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")
    assert served.ask("GET", path.decode())[0] == 200


def test_fetches_are_written_down_at_the_latest_when_the_server_ends_and_no_log_holds_a_token(lea, served):
    served.ask("GET", f"/feeds/{lea.token}.ics", User_Agent="Calendar/1.0")
    said = served.stop()
    assert lea.token not in said and lea.token.partition(".")[0] not in said
    with lea.database.read() as db:
        assert db.get_one(Feed, lea.feed_id).last_user_agent == "Calendar/1.0"


@pytest.mark.slow
@pytest.mark.skipif(not JUDGE.exists(), reason="the judges of feeds are not here")
def test_judges_that_none_of_us_wrote_find_nothing(lea, served):
    listed = lea.session("Listed", status=None, capacity=0, waiting_list=True, timezone="America/New_York")
    from feedserver.services import enrolling, scheduling

    lea.do(lambda work: enrolling.register(work, listed.id, lea.learner_id))
    cancelled = lea.session("Off", days=9, description="Größe; Stil, *Farbe*\n\n" + "lang " * 100, join_url="https://meet.example/x?a=1,2")
    lea.do(lambda work: scheduling.cancel_session(work, cancelled.id))
    lea.change_feed(alarms=True)
    done = subprocess.run([JUDGE, f"{served.url}/feeds/{lea.token}.ics"], capture_output=True, text=True, timeout=110)
    found = [line for line in done.stdout.splitlines() if line.lstrip().startswith(("FAIL", "WARN"))]
    assert found == [] and done.returncode == 0, done.stdout + done.stderr
