"""Servers that misbehave: a listener on a port of its own that does one thing to each connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Act = Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def serving(act: Act) -> Iterator[str]:
    """The origin of a server that does `act(connection, over)` with each connection, in a thread of its own."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            act(connection, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                threads.append(threading.Thread(target=one, args=(connections[-1],), daemon=True))
                threads[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):  # most are closed already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(2)


def head(connection: socket.socket) -> bytes:
    """Read a request up to its empty line."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            break
        data += piece
    return data


def saying(answer: bytes) -> Act:
    """Read a request and answer these octets, again and again on one connection."""

    def act(connection: socket.socket, over: threading.Event) -> None:
        while head(connection):
            connection.sendall(answer)

    return act


def dripping(first: bytes, piece: bytes = b"x") -> Act:
    """Answer `first`, then an octet now and then, without end."""

    def act(connection: socket.socket, over: threading.Event) -> None:
        head(connection)
        connection.sendall(first)
        while not over.wait(0.02):
            connection.sendall(piece)

    return act


def closing(answer: bytes = b"") -> Act:
    """Read a request, answer these octets and hang up."""

    def act(connection: socket.socket, over: threading.Event) -> None:
        head(connection)
        connection.sendall(answer)

    return act
