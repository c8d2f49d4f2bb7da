"""Programs that listen, real ones on ports of their own: well, slow, down, redirecting, hostile, and back again."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from feedserver.publish.chat import Chat
from feedserver.publish.webhooks import Webhooks
from feedserver.services import chats, event_types, webhooks
from feedserver.store.destinations import Destination
from feedserver.store.outbox import Delivery
from tests.publish.desk import Desk
from tests.support.world import World

DOC = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
ILL = ("slow", "down", "redirect", "error", "endless")


class Program:
    """A receiver; `acts` says how it answers, `got` are the requests that it took well."""

    def __init__(self) -> None:
        self.acts, self.got, self.tries = "ok", [], 0
        self.over = threading.Event()
        program = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                program.tries += 1
                getattr(program, program.acts)(self, {name.lower(): value for name, value in self.headers.items()}, body)

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def ok(self, handler, headers: dict, body: bytes, code: int = 204, **more: str) -> None:
        if code < 300:
            self.got.append((headers, body))
        handler.send_response(code)
        for name, value in {"Content-Length": "0", **more}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    def error(self, handler, headers: dict, body: bytes) -> None:
        self.ok(handler, headers, body, 500)

    def redirect(self, handler, headers: dict, body: bytes) -> None:
        self.ok(handler, headers, body, 307, Location="http://169.254.169.254/latest/meta-data/")

    def gone(self, handler, headers: dict, body: bytes) -> None:
        self.ok(handler, headers, body, 410)

    def down(self, handler, headers: dict, body: bytes) -> None:
        handler.close_connection = True

    def slow(self, handler, headers: dict, body: bytes) -> None:
        self.over.wait(5)

    def endless(self, handler, headers: dict, body: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.over.is_set():
            handler.wfile.write(b"x" * 65536)


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    found = [Program() for _ in range(len(ILL) + 1)]
    yield found
    for one in found:
        one.close()


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    one = World(sqlite_url, settle=0)
    yield one
    one.close()


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world, {"webhook": Webhooks(seconds=0.5), "chat": Chat(apart=0)})


def listen(desk: Desk, program: Program, **values) -> tuple[int, str]:
    """(webhook, its secret)."""
    one, secret = desk.world.do(lambda work: webhooks.create(work, {"name": "A program", "url": program.url, **values}))
    return one.id, secret


def test_one_that_is_ill_delays_no_other_and_once_it_is_well_it_has_everything(desk: Desk, programs: list[Program]):
    well, *ill = programs
    secrets = {one: listen(desk, one)[1] for one in programs}
    for one, acts in zip(ill, ILL, strict=True):
        one.acts = acts
    session = desk.world.session("Ann", "Ben")
    desk.world.set_status(session, "Ann", "Registered")
    desk.world.cancel(session)
    loop = threading.Thread(target=desk.publishing.run)
    loop.start()
    try:
        _until(lambda: len(well.got) == 5 and all(one.tries for one in ill))
    finally:
        desk.stop.set()
        loop.join(20)
    assert not any(one.got for one in ill)
    for one in ill:
        one.acts = "ok"
    desk.stop.clear()
    desk.go()
    wanted = _by_object(well)
    for one in programs:
        assert _by_object(one) == wanted and len({headers["webhook-id"] for headers, _body in one.got}) == 5
        assert all(_verify()(secrets[one], headers, body, desk.world.moment.timestamp()) for headers, body in one.got[-1:])
    assert {one.state for one in desk.all(Delivery) if one.channel == "webhook"} == {"sent"}


def _by_object(program: Program) -> dict[str, list[bytes]]:
    """Of each object the bodies in the order of arrival, each once."""
    found: dict[str, list[bytes]] = {}
    for _headers, body in program.got:
        data = json.loads(body)["data"]
        mine = found.setdefault(f"{data.get('enrolment') or data['session']['id']}", [])
        if body not in mine:
            mine.append(body)
    return found


def _until(done, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_repeated_event_is_the_same_octets_signed_anew_by_both_secrets(desk: Desk, programs: list[Program]):
    program = programs[0]
    hook, old = listen(desk, program, events=["session"])
    desk.world.session()
    desk.once()
    new = desk.world.do(lambda work: webhooks.rotate(work, hook))[1]
    (delivery,) = [one for one in desk.all(Delivery) if one.channel == "webhook"]
    desk.world.do(lambda work: webhooks.send_again(work, webhooks.find(work, hook), delivery.id))
    desk.world.advance(60)
    desk.once()
    (first, body), (again, same) = program.got
    now = desk.world.moment.timestamp()
    assert body == same and first["webhook-id"] == again["webhook-id"] and first["webhook-timestamp"] != again["webhook-timestamp"]
    assert [_verify()(secret, again, body, now) for secret in (old, new, "whsec_AAAA")] == [True, True, False]
    assert not _verify()(new, again, body + b" ", now) and not _verify()(new, again, body, now + 301)
    desk.world.advance(60 * 60 * 25)
    desk.world.do(lambda work: webhooks.test(work, hook))
    desk.once()
    headers, body = program.got[-1]
    assert json.loads(body)["type"] == "ping" and not _verify()(old, headers, body, desk.world.moment.timestamp())


def test_who_says_gone_is_paused_and_gets_all_when_it_goes_on(desk: Desk, programs: list[Program]):
    program = programs[0]
    hook, _secret = listen(desk, program)
    program.acts = "gone"
    desk.world.session()
    desk.once()
    (one,) = desk.all(Destination)
    assert one.state == "paused" and "410" in one.problem
    desk.world.session(title="Second")
    desk.once()
    assert program.tries == 1
    program.acts = "ok"
    desk.world.do(lambda work: webhooks.edit(work, hook, {"active": True}))
    desk.go()
    assert [json.loads(body)["data"]["session"]["title"] for _headers, body in program.got] == ["Fire safety", "Second"]


def test_a_redirect_is_said_in_words_and_leads_nowhere(desk: Desk, programs: list[Program]):
    programs[0].acts = "redirect"
    listen(desk, programs[0])
    desk.world.session()
    desk.once()
    (one,) = [one for one in desk.all(Delivery) if one.channel == "webhook"]
    assert (one.state, one.last_code) == ("deferred", 307) and "never followed" in one.last_error


def test_an_address_inside_is_refused_by_where_it_really_leads(desk: Desk):
    desk.world.do(lambda work: webhooks.create(work, {"name": "x", "url": "http://localtest.invalid.10.0.0.1.nip.example/"}))
    desk.world.do(lambda work: webhooks.create(work, {"name": "y", "url": "https://0xa9fea9fe/latest"}))
    desk.world.session()
    desk.once()
    words = [one.last_error for one in desk.all(Delivery) if one.channel == "webhook"]
    assert "not a public address" in words[1] and all(words)


def test_chat_posts_to_the_sealed_address_and_never_says_it(desk: Desk, programs: list[Program]):
    program = programs[0]
    desk.world.do(lambda work: chats.create(work, {"name": "#t", "flavour": "teams", "url": program.url + "/SECRET", "locale": "de"}))
    desk.world.session(title="Brandschutz")
    desk.once()
    (said,) = [json.loads(body) for _headers, body in program.got]
    assert said["attachments"][0]["content"]["body"][0]["inlines"][0]["text"] == "Neu: Brandschutz"
    program.acts = "gone"
    desk.world.session()
    desk.once()
    (one,) = desk.all(Destination)
    assert one.state == "paused" and "SECRET" not in f"{one.problem}{[row.last_error for row in desk.all(Delivery)]}"


def _verify():
    """The verifier of the documentation."""
    (code,) = re.findall(r"```python\n(.*?)```", DOC, re.S)
    names: dict = {}
    exec(code, names)
    return names["verify"]


def test_the_documentation_names_every_type_of_event():
    named = set(re.findall(r"`(\w+\.\w+)`", DOC))
    assert {*event_types.TYPES.values(), *event_types.STATUS_TYPES} == {
        one for one in named if one.partition(".")[0] in event_types.FAMILIES
    }
