"""Connecting: the calendars of a real server are found from whatever address a person has, and one is tried before it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from feedserver.errors import Conflict, Invalid
from feedserver.publish.guard import WayOut
from feedserver.publish.servers import CalendarServers
from feedserver.services.connecting import Access
from tests.support.caldav_servers import PASSWORD, USER, Radicale, Server, Xandikos, running

from .hostile import saying, serving

SERVERS = CalendarServers(WayOut([ip_network("127.0.0.0/8")]))


@pytest.fixture(scope="module", params=[Radicale, Xandikos], ids=["radicale", "xandikos"])
def server(request, tmp_path_factory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp("dav")) as one:
        yield one


EVENT = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:x\r
BEGIN:VEVENT\r
UID:a&b\r
DTSTAMP:20200101T000000Z\r
DTSTART:20200101T000000Z\r
SUMMARY:<x>\r
END:VEVENT\r
END:VCALENDAR\r
"""


def access(url: str, password: str = PASSWORD) -> Access:
    return Access(url, USER, password)


def test_calendars_are_found_from_the_server_the_account_and_the_calendar(server):
    rooms = server.collection("rooms")
    for start in (server.url, f"{server.url}/", f"{server.url}/{USER}/"):
        assert f"{server.url}{rooms}" in [one.url for one in SERVERS.collections(access(start))]
    (itself,) = SERVERS.collections(access(server.url + rooms))
    assert itself.url == server.url + rooms


def test_an_address_inside_is_refused_before_anything_goes_there_and_an_unknown_name_is_not():
    outside = CalendarServers(WayOut(resolve=lambda host, port, **_: {"one": [(2, 1, 6, "", ("127.0.0.1", port))]}[host]))
    for url in ("https://one/hook", "http://one/"):
        with pytest.raises(Invalid, match="public address"):
            outside.allow(url)

    def unknown(*_: object, **__: object) -> list:
        raise OSError("no such name")

    CalendarServers(WayOut(resolve=unknown)).allow("https://later.example/")


def test_a_try_leaves_nothing_and_what_stands_there_can_be_read(server):
    path = server.collection("tried")
    SERVERS.rehearse(access(server.url + path))
    assert SERVERS.read(access(server.url + path)) == []
    assert server.ask("PUT", f"{path}a%26b.ics", EVENT, Content_Type="text/calendar")[0] == 201
    (one,) = SERVERS.read(access(server.url + path))
    assert b"SUMMARY:<x>" in one.data and one.etag and one.href.startswith(path)


def test_a_wrong_password_and_a_wrong_address_are_said_in_words(server):
    if isinstance(server, Radicale):
        with pytest.raises(Conflict, match="password"):
            SERVERS.collections(access(server.url, "wrong"))
    with pytest.raises(Conflict):
        SERVERS.rehearse(access(f"{server.url}{server.home}nowhere/"))


ELSEWHERE = b"""<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:response><d:href>/</d:href><d:propstat><d:prop>
<c:calendar-home-set><d:href>https://p42.elsewhere.example/me/</d:href></c:calendar-home-set></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"""
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><d:multistatus xmlns:d="DAV:"><d:href>&a;</d:href></d:multistatus>'
DEEP = b"<d:multistatus xmlns:d='DAV:'>" + b"<d:x>" * 5000 + b"</d:x>" * 5000 + b"</d:multistatus>"


def answering(body: bytes) -> bytes:
    return b"HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answering(ELSEWHERE), "p42.elsewhere.example"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n", "evil.example"),
        (answering(BOMB), "document type"),
        (answering(DEEP), "too deeply"),
        (answering(b"<html>hello</html>"), "multistatus"),
        (answering(b"not xml"), "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "no calendar server|200"),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "password"),
    ],
)
def test_a_server_that_is_none_or_lies_gets_words_and_nothing_is_sent_elsewhere(answer, words):
    with serving(saying(answer)) as origin, pytest.raises(Conflict, match=words):
        SERVERS.collections(access(origin))
