"""The one way out to addresses that people enter (security.md S51, S55, S58): for CalDAV, webhooks and chat alike.

The name is resolved once, every address is checked, and the socket is connected to a checked one, whose peer is looked at once more: no second
look-up that could say something else. https only, plain http only into networks that the operator allows. No proxy, no .netrc, no redirect is
ever followed, no compression; at most `largest` octets of an answer, and one deadline over the whole exchange, so that a server that drips
holds nobody. Python's own http.client on a socket of ours (docs/decisions/0014-own-way-out.md).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import FeedserverError
from ..origins import PORTS, origin_of
from . import addresses
from .addresses import Network

SECONDS = 20.0
CONNECT = 5.0
LARGEST = 1024 * 1024
_CHUNK = 65536


class OutboundError(FeedserverError):
    """An exchange that came to nothing. `may_have_arrived`: the request was at least begun to be sent."""

    title = "The other server could not be used"
    may_have_arrived = False


class NotAllowed(OutboundError):
    """An address that nobody may make us connect to; trying again does not help."""


class Unreachable(OutboundError):
    """No connection, or it broke off."""

    temporary = True


class TooSlow(Unreachable):
    """It did not finish within the deadline."""


class TooLarge(OutboundError):
    """The answer is longer than anybody needs, or no HTTP."""

    temporary = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. Names of headers in lower case; of several alike the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WayOut:
    """The rules of this installation; `networks`: what the operator allows besides public addresses (OUTBOUND_NETWORKS)."""

    def __init__(
        self,
        networks: Iterable[Network] = (),
        *,
        resolve: Callable[..., list] = socket.getaddrinfo,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.networks = tuple(networks)
        self._resolve = resolve
        self._context = context

    @property
    def context(self) -> ssl.SSLContext:
        """Made at first use: it reads the machine's certificates."""
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context

    def open(self, origin: str) -> Client:
        """A client of one origin; nothing is connected yet."""
        return Client(self, origin_of(origin))

    def connect(self, origin: str, deadline: float) -> socket.socket:
        """A socket to a checked address of the origin, with TLS for https; `deadline` by time.monotonic(). Raises `OutboundError`."""
        parts = urlsplit(origin)
        port = parts.port or PORTS[parts.scheme]
        found = self.checked(parts.hostname or "", port, deadline, plain=parts.scheme == "http")
        sock = _first_that_answers(found, port, deadline)
        if parts.scheme == "http":
            return sock
        try:
            sock.settimeout(_left(deadline))
            return self.context.wrap_socket(sock, server_hostname=parts.hostname)
        except (OSError, ValueError) as error:
            sock.close()
            raise Unreachable(f"No safe connection to {parts.hostname}: {_reason(error)}") from error

    def checked(self, host: str, port: int, deadline: float, *, plain: bool) -> list[str]:
        """The addresses of a host, every one of them allowed; raises `NotAllowed`, `Unreachable`."""
        found = _resolved(self._resolve, host, port, deadline)
        for text in found:
            address = addresses.parse(text)
            listed = addresses.is_allowed(address, self.networks)
            if not listed and not addresses.is_public(address):
                raise NotAllowed(f"{host} is not a public address. The operator can allow its network (FEEDSERVER_OUTBOUND_NETWORKS).")
            if plain and not listed:
                raise NotAllowed(f"{host} is to be reached by https: plain http would show password and content to everybody on the way.")
        return found


class Client:
    """Exchanges with one origin over one connection that stays open. Not for several threads."""

    def __init__(self, way_out: WayOut, origin: str) -> None:
        self.way_out, self.origin = way_out, origin
        self._wire: _Wire | None = None

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"", seconds: float = SECONDS, largest: int = LARGEST,
    ) -> Answer:  # fmt: skip
        """One exchange; `url` is a path or a whole address of this origin. Every status is an answer; raises `OutboundError` where there is none."""
        path = self._path(url)
        deadline = time.monotonic() + seconds
        host = urlsplit(self.origin).hostname or ""
        try:
            wire = self._connected(deadline)
        except TimeoutError as error:
            raise _failure(error, host) from error
        try:
            answer, keep = _exchange(wire, urlsplit(self.origin).netloc, method, path, dict(headers or {}), body, largest)
        except (OSError, http.client.HTTPException, ValueError, OutboundError) as error:
            self.close()
            failed = _failure(error, host)
            failed.may_have_arrived = wire.begun
            raise failed from error
        if not keep:
            self.close()
        return answer

    def abort(self) -> None:
        """End the exchange that another thread is in: it fails there at once."""
        wire = self._wire
        if wire is not None:
            with contextlib.suppress(OSError):
                wire.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection go."""
        if self._wire is not None:
            self._wire.end()
            self._wire = None

    def _path(self, url: str) -> str:
        if not url.startswith("/") or url.startswith("//"):
            if origin_of(url) != self.origin:
                raise NotAllowed(f"{url[:200]} is not at {self.origin}: nothing is sent elsewhere.")
            parts = urlsplit(url)
            url = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return url

    def _connected(self, deadline: float) -> _Wire:
        if self._wire is not None and self._wire.is_stale():
            self.close()
        if self._wire is None:
            self._wire = _Wire(self.way_out.connect(self.origin, min(deadline, time.monotonic() + CONNECT)))
        self._wire.deadline, self._wire.begun = deadline, False
        return self._wire


class _Wire:
    """What http.client takes for a socket: every wait ends at `deadline`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.deadline, self.begun = sock, 0.0, False

    def is_stale(self) -> bool:
        """The server has closed it, or said something unasked."""
        return bool(select.select([self.sock], [], [], 0)[0])

    def sendall(self, data: Any) -> None:
        view = memoryview(data)
        while view:
            self.sock.settimeout(_left(self.deadline))
            self.begun = True
            view = view[self.sock.send(view[:_CHUNK]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        """http.client closes before it has read, where the server will: the body is still to come."""

    def end(self) -> None:
        self.sock.close()


class _Reading(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._on = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._on.sock.settimeout(_left(self._on.deadline))
        return self._on.sock.recv_into(buffer)


def _exchange(wire: _Wire, host: str, method: str, path: str, headers: dict[str, str], body: bytes, largest: int) -> tuple[Answer, bool]:
    """(answer, whether the connection can be used again)."""
    connection = http.client.HTTPConnection("checked.invalid")
    connection.sock = wire  # never connects by itself: where to is settled
    connection.auto_open = False
    connection.request(
        method, path, body=body or None, headers={"Host": host, "User-Agent": "feedserver", "Accept-Encoding": "identity", **headers}
    )
    response = connection.getresponse()
    content = response.read(largest + 1)
    if len(content) > largest:
        raise TooLarge(f"It answers with more than {largest} octets.")
    if response.length:
        raise Unreachable(f"It broke off {response.length} octets before the end of its answer.")
    found = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, found, content), not response.will_close


def _resolved(resolve: Callable[..., list], host: str, port: int, deadline: float) -> list[str]:
    """Every address of the host, each once. The resolver knows no deadline, so it is waited for from outside."""
    said: queue.SimpleQueue = queue.SimpleQueue()

    def ask() -> None:
        try:
            said.put(list(dict.fromkeys(one[4][0] for one in resolve(host, port, type=socket.SOCK_STREAM))))
        except (OSError, ValueError) as error:
            said.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = said.get(timeout=_left(deadline))
    except queue.Empty:
        raise TooSlow(f"The address of {host} could not be looked up in time.") from None
    if isinstance(found, Exception):
        raise Unreachable(f"There is no address of {host}: {_reason(found)}") from found
    if not found:
        raise Unreachable(f"There is no address of {host}.")
    return found


def _first_that_answers(found: list[str], port: int, deadline: float) -> socket.socket:
    trouble: Exception | None = None
    for number, text in enumerate(found):
        left = _left(deadline)
        try:
            sock = socket.create_connection((text, port), timeout=left / (len(found) - number))
        except OSError as error:
            trouble = error
            continue
        if addresses.parse(sock.getpeername()[0]) != addresses.parse(text):
            sock.close()
            raise NotAllowed(f"The connection to {text} went elsewhere.")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise Unreachable(f"It does not answer: {_reason(trouble)}") from trouble


def _failure(error: Exception, host: str) -> OutboundError:
    if isinstance(error, OutboundError):
        return error
    if isinstance(error, TimeoutError):
        return TooSlow(f"{host} did not finish its answer in time.")
    if isinstance(error, http.client.RemoteDisconnected | OSError):
        return Unreachable(f"{host} broke off: {_reason(error)}")
    return TooLarge(f"{host} does not speak HTTP as it should: {_reason(error)}")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _reason(error: Exception | None) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
