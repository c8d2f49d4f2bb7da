"""A listener on a thread, the ledger of what it stored, and a bare socket that talks to it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

from mail.arrival import Arrival
from mail.listener import GroupCommit, Limits, Listener, fast_loop, serve


class Ledger:
    """A writer that keeps what it is given; `fail` raises for a batch that has a message it says yes to."""

    def __init__(self, fail=lambda arrival: False, seconds: float = 0.0) -> None:
        self.arrivals: list[Arrival] = []
        self.batches: list[int] = []
        self.fail, self.seconds = fail, seconds

    def __call__(self, batch: list[Arrival]) -> None:
        time.sleep(self.seconds)
        self.batches.append(len(batch))
        if any(self.fail(arrival) for arrival in batch):
            raise RuntimeError("the secret path /var/db is full")
        self.arrivals += batch


class Receiving:
    """`with Receiving(ledger, …) as here:` listens at `here.port`; `stop()` is what SIGTERM does."""

    def __init__(self, ledger: Ledger | None = None, protocol: str = "smtp", limits: Limits | None = None, **more) -> None:
        self.ledger = ledger or Ledger()
        self._make = lambda: Listener(
            ("127.0.0.1", 0), protocol, GroupCommit(self.ledger), "mx.example.net", limits, lambda a: a.endswith("@example.net"), **more
        )
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        self._loop, self._stop, self.listener = asyncio.get_running_loop(), asyncio.Event(), self._make()
        await serve(self.listener, self._up, self._stop)

    def _up(self, host: str, port: int) -> None:
        self.port = port
        self._listening.set()

    def __enter__(self) -> Receiving:
        self._thread.start()
        assert self._listening.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(60)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)

    def ended(self, timeout: float = 60) -> bool:
        """Whether the listener has come to its end in time."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def talk(self, greet: str | None = "EHLO client.example.org") -> Talk:
        """A connection that has read the banner and said hello."""
        talk = Talk(self.port)
        if greet:
            talk.reply()
            talk.say(greet)
        return talk


class Talk:
    """A bare socket: bytes out, reply lines in."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.sock.makefile("rb")

    def say(self, line: str | bytes) -> str:
        """Send a line, return the last line of the reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reply(self) -> str:
        """The last line of the next reply; empty when the other side has ended it."""
        line = b"-" * 4
        while line[3:4] == b"-":
            try:
                line = self.file.readline()
            except ConnectionError:
                return ""
        return line.decode().rstrip("\r\n")

    def rest(self) -> list[str]:
        """All lines until the other side ends it."""
        lines = []
        while line := self.reply():
            lines.append(line)
        return lines

    def data(self, content: bytes, sender: str = "ana@example.org", *recipients: str) -> str:
        """A whole transaction; returns the reply to the final dot."""
        self.say(f"MAIL FROM:<{sender}>")
        for recipient in recipients or ("training@example.net",):
            self.say(f"RCPT TO:<{recipient}>")
        assert self.say("DATA").startswith("354")
        return self.say(content + b".")

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.sock.close()
