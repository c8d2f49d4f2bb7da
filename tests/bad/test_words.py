"""Words, files and addresses that want to be more (B11, B13, B15): they stay text in what we send and show, and nothing is fetched."""

from __future__ import annotations

import io
import socket
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from icalendar import Calendar

from feedserver.errors import Invalid
from feedserver.services import learning
from tests.bad.b11_outgoing import CASES as OUTGOING
from tests.bad.b13_targets import CASES as TARGETS
from tests.bad.b15_files import FILES, MARKUP
from tests.bad.front import Front
from tests.support import databases
from tests.support.world import World

ACTIVE = {
    "script",
    "iframe",
    "object",
    "embed",
    "base",
    "meta",
    "svg",
    "math",
    "form",
    "style",
    "link",
    "template",
    "noscript",
    "input",
    "details",
    "img",
}

# Titles that have to arrive as they are.
EXACT = {"11", "12", "13", "20", "21", "22", "25", "36", "45", "46", "47", "48"}
HEADERS: list[str] = []
PROPERTIES: set[str] = set()
OPTIONAL = {"DESCRIPTION", "LOCATION", "URL", "X-ALT-DESC"}


class Page(HTMLParser):
    """What is active in a page: how many tags of which kind, event attributes, and schemes of links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.events, self.schemes = Counter(), [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += tag in ACTIVE
        self.events += [name for name, _ in attrs if name.startswith("on")]
        # Icon and QR code are data: addresses of our own; a link never is.
        self.schemes |= {
            urlsplit(value or "").scheme for name, value in attrs if name in ("href", "src", "action") and tag not in ("link", "img")
        }


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    one = Front(databases.sqlite_copy(tmp_path_factory.mktemp("words") / "feedserver.db"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    one = World(databases.sqlite_copy(tmp_path_factory.mktemp("words") / "world.db"))
    yield one
    one.close()


def pages(front: Front) -> list[Page]:
    paths = ("/sessions/1", "/sessions/1/edit", f"/my/{front.my}", f"/rsvp/{front.rsvp}")
    return [Page(front.owner.get(path)) for path in paths]


@pytest.mark.parametrize("name", MARKUP)
def test_markup_in_a_description_is_text_on_every_page(front, name):
    front.api.patch("/sessions/1", {"description": "plain"})
    plain = pages(front)
    front.api.patch("/sessions/1", {"description": MARKUP[name]})
    shown = pages(front)
    assert [page.tags for page in shown] == [page.tags for page in plain]
    assert not any(page.events for page in shown) and not any(page.schemes & {"javascript", "data", "vbscript"} for page in shown)


@pytest.mark.parametrize(("name", "called", "content", "taken"), FILES, ids=[one[0] for one in FILES])
def test_a_file_is_saved_by_whoever_asks_and_never_run(front, name, called, content, taken):
    sent = {"data": {"file": (io.BytesIO(content), called)}, "content_type": "multipart/form-data"}
    response = front.api.call("POST", "/sessions/1/files", status=None, **sent)
    assert response.status_code in {True: (201,), False: (422,), None: (201, 422)}[taken], response.text
    if response.status_code == 201:
        got = front.app.test_client().get(urlsplit(response.json["url"]).path)
        assert got.status_code == 200 and got.headers["Content-Disposition"].startswith("attachment;")
        assert got.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in got.headers["Content-Security-Policy"]
        assert "/" not in response.json["name"] and "Set-Cookie" not in got.headers
        front.api.call("DELETE", f"/sessions/1/files/{response.json['id']}", status=204)


@pytest.mark.parametrize("target", TARGETS)
def test_an_address_is_text_and_nobody_connects_to_it(front, target, monkeypatch):
    asked = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: asked.append(a) or [])
    status = front.api.call("PATCH", "/sessions/1", {"join_url": target}, status=None).status_code
    assert status in (200, 422) and asked == []
    assert status == 422 or urlsplit(target).scheme in ("http", "https")
    assert front.owner.get("/sessions/1") and asked == []


@pytest.mark.parametrize(("name", "field", "value"), OUTGOING, ids=[one[0] for one in OUTGOING])
def test_words_do_not_become_headers_or_properties(world, name, field, value):
    person = f"P{name[:2]}"
    try:
        learner = {"name": value if field == "name" else person, "email": f"{person.lower()}@corp.example"}
        world.people[person] = world.do(lambda work: learning.create_learner(work, learner).id)
        world.session(person, **({field: value} if field != "name" else {}))
    except Invalid as error:
        assert error.field == field
        return
    (sent,) = world.mails()
    mail = message_from_bytes(sent.raw)
    assert sorted(name.lower() for name in mail) == HEADERS and mail["Bcc"] is None
    assert all(len(line) <= 998 for line in sent.raw.split(b"\r\n")) and b"\n" not in sent.raw.replace(b"\r\n", b"")
    (part,) = (p for p in mail.walk() if p.get_content_type() == "text/calendar")
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    (event,) = calendar.walk("VEVENT")
    assert set(event) - OPTIONAL == PROPERTIES and event["ATTENDEE"] == f"mailto:{person.lower()}@corp.example"
    assert event["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION" and str(calendar["METHOD"]) == "REQUEST"
    if field == "title" and name[:2] in EXACT:
        assert str(event["SUMMARY"]) == value.strip()


@pytest.fixture(autouse=True, scope="module")
def plain(world) -> None:
    """What a mail of plain words has."""
    world.session("Plain")
    (sent,) = world.mails()
    mail = message_from_bytes(sent.raw)
    HEADERS[:] = sorted(name.lower() for name in mail)
    (part,) = (p for p in mail.walk() if p.get_content_type() == "text/calendar")
    PROPERTIES.update(set(Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")[0]) - OPTIONAL)
