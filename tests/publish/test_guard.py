"""The way out: no address that a person enters takes us into the operator's own network, and no server holds us (S51, S55, S58)."""

from __future__ import annotations

import socket
import ssl
import time
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from feedserver.errors import Invalid
from feedserver.origins import origin_of
from feedserver.publish.addresses import embedded, is_public
from feedserver.publish.guard import NotAllowed, TooLarge, TooSlow, Unreachable, WayOut

from .hostile import closing, dripping, saying, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HERE = WayOut([ip_network("127.0.0.0/8")])
PEM = Path(__file__).parents[1] / "mail" / "localhost.pem"

INSIDE = [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "0", "0.0.0.0", "10.0.0.1", "172.16.3.4",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[ff02::1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:a9fe:a9fe::]", "[2002:7f00:1::1]", "[2001::1]",
    "[2001:db8::1]", "[100::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_an_address_inside_is_refused_however_it_is_written(host):
    with pytest.raises(NotAllowed):
        WayOut().open(f"https://{host}").request("GET", "/")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"])
def test_public_addresses_are_public(address):
    assert is_public(ip_address(address))
    assert embedded(ip_address(address)) in (ip_address("93.184.216.34"), ip_address("2606:2800:220:1::1"))


def test_a_name_that_also_leads_inside_is_refused():
    def both(host, port, **_):
        return [(0, 0, 0, "", ("93.184.216.34", port)), (0, 0, 0, "", ("10.0.0.7", port))]

    with pytest.raises(NotAllowed):
        WayOut(resolve=both).open("https://two.example.org").request("GET", "/")


def test_the_name_is_looked_up_once_so_that_it_cannot_say_something_else_later():
    asked = []

    def rebinding(host, port, **_):
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.7", port))]

    with serving(saying(OK)) as origin:
        client = WayOut([ip_network("127.0.0.1")], resolve=rebinding).open(origin.replace("127.0.0.1", "rebind.example.org"))
        assert client.request("GET", "/").body == b"ok"
    assert asked == ["rebind.example.org"]


def test_plain_http_goes_only_where_the_operator_allows_it():
    def public(host, port, **_):
        return [(0, 0, 0, "", ("93.184.216.34", port))]

    with pytest.raises(NotAllowed, match="https"):
        WayOut(resolve=public).open("http://example.org").request("GET", "/")


def test_a_network_that_the_operator_allows_is_reached_and_the_connection_is_kept():
    with serving(saying(OK)) as origin:
        client = HERE.open(origin)
        assert [client.request("PUT", "/a", body=b"12").status for _ in range(3)] == [200, 200, 200]
        client.close()


def test_a_redirect_is_an_answer_and_nothing_is_sent_after_it():
    with serving(saying(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")) as origin:
        answer = HERE.open(origin).request("GET", "/")
    assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")


def test_a_client_of_one_origin_takes_no_address_of_another():
    with pytest.raises(NotAllowed):
        HERE.open("http://127.0.0.1:9").request("GET", "https://elsewhere.example.org/x")


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_a_server_that_drips_is_left_at_the_deadline(first):
    with serving(dripping(first)) as origin, pytest.raises((TooSlow, TooLarge)) as caught:
        HERE.open(origin).request("GET", "/", seconds=0.4)
    assert first == b"" or isinstance(caught.value, TooSlow)
    assert caught.value.may_have_arrived


def test_a_resolver_that_hangs_is_left_at_the_deadline():
    with pytest.raises(TooSlow):
        WayOut(resolve=lambda *_, **__: time.sleep(3) or []).open("https://slow.example.org").request("GET", "/", seconds=0.2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, TooLarge),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n", TooLarge),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, TooLarge),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", TooLarge),
        (b"SSH-2.0-OpenSSH_9.2\r\n", TooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Unreachable),
        (b"", Unreachable),
    ],
)
def test_what_is_no_answer_is_an_error_with_words(answer, error):
    with serving(closing(answer)) as origin, pytest.raises(error) as caught:
        HERE.open(origin).request("GET", "/", largest=4096)
    assert caught.value.detail and caught.value.temporary


def test_a_certificate_of_another_name_is_no_connection():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)

    def tls(connection: socket.socket, over) -> None:
        context.wrap_socket(connection, server_side=True).close()

    with serving(tls) as origin, pytest.raises(Unreachable, match="safe connection"):
        HERE.open(origin.replace("http", "https")).request("GET", "/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.org/",
        "https://",
        "https://a:b@x.org/",
        "https://x.org:99999/",
        "javascript:alert(1)",
        "https://x .org/",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_web_address_is_refused_with_words(url):
    with pytest.raises(Invalid):
        origin_of(url)


def test_the_origin_leaves_the_usual_port_away():
    assert origin_of("https://Cal.Example.org:443/dav/x?y") == "https://cal.example.org"
    assert origin_of("http://[::1]:5232/") == "http://[::1]:5232"
