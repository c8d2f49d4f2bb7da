"""An SMTP relay on a thread that misbehaves by script and keeps a ledger of what it took.

    with FakeRelay({"RCPT": ["550 5.1.1 no such user"]}) as relay:
        …                       # the first RCPT is refused, all others are taken
        relay.messages          # what was stored, in order, each noted before its 250 went out

The script maps a moment to what happens there: a list is used up one step a time over all connections (then the default
holds), a single step holds for ever. A moment is a command ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET",
"QUIT"), "connect" (the banner), "body" (after 354) or "dot" (the message is whole). A step is the reply as text or raw
bytes, None for the default, or one of CUT, SILENCE (mute from then on), CutAfter(bytes of body), STORE_THEN_CUT,
STORE_THEN_SILENCE, StoreThen(reply).
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("localhost.pem")
OTHER_CERTIFICATE = Path(__file__).with_name("elsewhere.pem")
CUT, SILENCE, STORE_THEN_CUT, STORE_THEN_SILENCE = object(), object(), object(), object()


@dataclass(frozen=True)
class CutAfter:
    """End the connection with a reset after so many bytes of body."""

    octets: int


@dataclass(frozen=True)
class StoreThen:
    """Store the message, then say this."""

    reply: str


@dataclass
class Received:
    """One stored message: `data` unstuffed, `parameters` what followed the addresses, the number of its connection."""

    sender: str
    recipients: list[str]
    data: bytes
    parameters: list[str] = field(default_factory=list)
    connection: int = 0
    at: float = field(default_factory=time.monotonic)


def server_context(certificate: Path = CERTIFICATE) -> ssl.SSLContext:
    """A TLS context that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class FakeRelay:
    """See above. `messages`, `acknowledged` (those whose 250 is on its way), `commands` (every command line), `connections` (how many were made), `url`, `wait_for`."""

    def __init__(
        self,
        script: Mapping[str, object] | None = None,
        *,
        pipelining: bool = True,
        offers: Sequence[str] = ("8BITMIME", "SIZE 10485760", "ENHANCEDSTATUSCODES"),
        tls: ssl.SSLContext | None = None,
        smtps: bool = False,
        users: Mapping[str, str] | None = None,
        per_connection: int | None = None,
        drip: float = 0.0,
        dawdle: float = 0.0,
        port: int = 0,
    ) -> None:
        """`tls` offers STARTTLS (or, with `smtps`, encrypts at once), `users` offers AUTH PLAIN and asks for it,
        `per_connection` says 421 to the MAIL after so many messages, `drip` sends byte by byte, seconds apart,
        `dawdle` takes so many seconds for each message: half of them before it is stored, half before its 250."""
        self.script = {k: list(v) if isinstance(v, list) else v for k, v in (script or {}).items()}
        self.offers = [*(["PIPELINING"] if pipelining else []), *offers]
        self.tls, self.smtps, self.users, self.per_connection, self.drip = tls, smtps, users, per_connection, drip
        self.dawdle = dawdle
        self.messages: list[Received] = []
        self.acknowledged: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The setting SMTP_URL that leads here."""
        return f"smtps://localhost:{self.port}" if self.smtps else f"smtp://localhost:{self.port}"

    def __enter__(self) -> FakeRelay:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take no more connections and drop those that are open."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def wait_for(self, number: int, timeout: float = 60.0) -> list[Received]:
        """The messages, once there are `number` of them (or the time is up)."""
        until = time.monotonic() + timeout
        while len(self.messages) < number and time.monotonic() < until:
            time.sleep(0.005)
        return self.messages

    def step(self, moment: str) -> object:
        """What the script has for this moment now."""
        with self._lock:
            steps = self.script.get(moment)
            return (steps.pop(0) if steps else None) if isinstance(steps, list) else steps

    def _accept(self) -> None:
        while True:
            try:
                sock = self._server.accept()[0]
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                number = self.connections
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, _Ended):
            if self.smtps:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._open.add(sock)
            _Talk(self, sock, number).run()
        self._open.discard(sock)
        sock.close()


class _Ended(Exception):
    pass


class _Talk:
    """One connection."""

    def __init__(self, relay: FakeRelay, sock: socket.socket, number: int) -> None:
        self.relay, self.sock, self.number = relay, sock, number
        self.file = sock.makefile("rb")
        self.encrypted, self.signed_in, self.taken = relay.smtps, not relay.users, 0
        self.clear()

    def clear(self) -> None:
        self.sender, self.recipients, self.parameters = None, [], []

    def run(self) -> None:
        self.do("connect", "220 fake ESMTP")
        while line := self.file.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.relay.commands.append(text)
            verb = text.split(" ", 1)[0].upper()
            getattr(self, f"on_{verb.lower()}", self.unknown)(text)

    def do(self, moment: str, default: str) -> bool:
        """Play the step for this moment; True when the default was said."""
        step = self.relay.step(moment)
        if step is CUT:
            raise _Ended
        if step is SILENCE:
            self.mute()
        self.say(default if step is None else step)
        return step is None

    def mute(self) -> None:
        while self.file.read(4096):
            pass
        raise _Ended

    def say(self, reply: str | bytes) -> None:
        data = reply if isinstance(reply, bytes) else reply.encode() + b"\r\n"
        self.said = data
        if not self.relay.drip:
            self.sock.sendall(data)
        for at in range(len(data) if self.relay.drip else 0):
            self.sock.sendall(data[at : at + 1])
            time.sleep(self.relay.drip)
        if data.startswith(b"421"):
            raise _Ended

    def unknown(self, text: str) -> None:
        self.say("500 5.5.2 what?")

    def on_ehlo(self, text: str) -> None:
        offers = list(self.relay.offers)
        if self.relay.tls and not self.encrypted:
            offers.append("STARTTLS")
        if self.relay.users:
            offers.append("AUTH PLAIN LOGIN")
        self.do("EHLO", "\r\n".join([*(f"250-{line}" for line in ["fake", *offers]), "250 HELP"]))

    def on_helo(self, text: str) -> None:
        self.do("HELO", "250 fake")

    def on_starttls(self, text: str) -> None:
        self.do("STARTTLS", "220 go ahead")
        if self.said.startswith(b"220"):
            self.sock = self.relay.tls.wrap_socket(self.sock, server_side=True)
            self.relay._open.add(self.sock)
            self.file, self.encrypted = self.sock.makefile("rb"), True

    def on_auth(self, text: str) -> None:
        _, user, password = base64.b64decode(text.split(" ")[2]).decode().split("\0")
        good = self.relay.users.get(user) == password
        self.signed_in = self.do("AUTH", "235 2.7.0 welcome" if good else "535 5.7.8 wrong password") and good

    def on_mail(self, text: str) -> None:
        if not self.signed_in:
            return self.say("530 5.7.0 sign in first")
        if self.relay.per_connection is not None and self.taken >= self.relay.per_connection:
            return self.say("421 4.7.0 that is enough for one connection")
        if self.do("MAIL", "250 2.1.0 ok"):
            path, _, parameters = text[len("MAIL FROM:<") :].partition(">")
            self.sender, self.parameters = path, parameters.split()

    def on_rcpt(self, text: str) -> None:
        if self.sender is None:
            return self.say("503 5.5.1 MAIL first")
        if self.do("RCPT", "250 2.1.5 ok"):
            path, _, parameters = text[len("RCPT TO:<") :].partition(">")
            self.recipients.append(path)
            self.parameters += parameters.split()

    def on_rset(self, text: str) -> None:
        self.clear()
        self.do("RSET", "250 2.0.0 ok")

    def on_noop(self, text: str) -> None:
        self.do("NOOP", "250 2.0.0 ok")

    def on_quit(self, text: str) -> None:
        self.do("QUIT", "221 2.0.0 bye")

    def on_data(self, text: str) -> None:
        if not self.recipients:
            return self.say("503 5.5.1 no valid recipients")
        if self.do("DATA", "354 go ahead"):
            self.body()
            self.clear()

    def body(self) -> None:
        step, lines, size = self.relay.step("body"), [], 0
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise _Ended
            lines.append(line[1:] if line.startswith(b".") else line)
            size += len(line)
            if isinstance(step, CutAfter) and size > step.octets:
                # with a linger of 0 the close is a reset, as from a relay that fell over
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                raise _Ended
        self.dot(b"".join(lines))

    def dot(self, data: bytes) -> None:
        step = self.relay.step("dot")
        time.sleep(self.relay.dawdle / 2)
        if step in (None, STORE_THEN_CUT, STORE_THEN_SILENCE) or isinstance(step, StoreThen):
            message = Received(self.sender, self.recipients, data, self.parameters, self.number)
            self.relay.messages.append(message)
            self.taken += 1
            time.sleep(self.relay.dawdle / 2)
        if step in (CUT, STORE_THEN_CUT):
            raise _Ended
        if step in (SILENCE, STORE_THEN_SILENCE):
            self.mute()
        number = len(self.relay.messages)
        if step is None:
            self.relay.acknowledged.append(message)
        self.say(step.reply if isinstance(step, StoreThen) else (step or f"250 2.0.0 queued as {number}"))
