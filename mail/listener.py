"""SMTP and LMTP in: listens, bounds what strangers may take, and ends without dropping a message half handed over.

The conversation is `mail.dialogue`, the storing before 250 is `mail.arrival`; what a message means is not decided here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import ssl
from collections import Counter
from collections.abc import Callable

from feedserver.errors import ConfigurationError

from .arrival import Arrival, GroupCommit, Store
from .dialogue import Dialogue
from .smtp_input import Limits

__all__ = ["Arrival", "GroupCommit", "Limits", "Listener", "Store", "run", "serve"]

OnListening = Callable[[str, int], None]


class Listener:
    """What all connections share: where to listen, whose mail to take, where to store it, and who is connected."""

    def __init__(
        self,
        bind: tuple[str, int],
        protocol: str,
        store: Store,
        hostname: str,
        limits: Limits | None = None,
        accepts: Callable[[str], bool] = lambda address: False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`protocol` is smtp or lmtp, `accepts` says whether we read mail for an address (at once), `tls` offers STARTTLS."""
        self.bind, self.protocol, self.store, self.hostname = bind, protocol, store, hostname
        self.limits, self.accepts, self.tls = limits or Limits(), accepts, tls
        self.closing = False
        self.held = 0
        self._open: dict[Dialogue, str] = {}
        self._peers: Counter[str] = Counter()
        self._empty = asyncio.Event()

    def admit(self, dialogue: Dialogue, transport: asyncio.BaseTransport) -> str | None:
        """Count the connection in; the refusal when there are too many, in all or from this peer (an IPv6 network is one)."""
        peer, most = _peer(transport.get_extra_info("peername"), self.limits)
        if self.closing:
            return "421 4.3.2 Shutting down, please come back"
        if len(self._open) >= self.limits.connections or self._peers[peer] >= most:
            return "421 4.7.0 Too many connections"
        self._open[dialogue] = peer
        self._peers[peer] += 1
        return None

    def left(self, dialogue: Dialogue) -> None:
        """Count the connection out."""
        peer = self._open.pop(dialogue, None)
        if peer is not None:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]
        if not self._open:
            self._empty.set()

    async def finish(self) -> None:
        """Dismiss who is idle, let those who hand over a message end it (10 s), then close the store."""
        self.closing = True
        self._empty.clear()
        for dialogue in list(self._open):
            dialogue.dismiss()
        if self._open:
            try:
                await asyncio.wait_for(self._empty.wait(), self.limits.finish)
            except TimeoutError:
                for dialogue in list(self._open):
                    dialogue.drop()
        await self.store.close()


def _peer(peername: tuple | str | None, limits: Limits) -> tuple[str, int]:
    """Under which name a connection is counted, and how many it may have."""
    try:
        address = ipaddress.ip_address(peername[0].partition("%")[0])
    except (ValueError, TypeError, IndexError, AttributeError):
        return "local", limits.loopback
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return "local", limits.loopback
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False)), limits.per_peer
    return str(address), limits.per_peer


async def serve(listener: Listener, on_listening: OnListening | None = None, stop: asyncio.Event | None = None) -> None:
    """Listen until `stop` is set; `on_listening` gets the real host and port. Raises `ConfigurationError` for a taken port."""
    loop = asyncio.get_running_loop()
    host, port = listener.bind
    try:
        server = await loop.create_server(lambda: Dialogue(listener), host, port, backlog=256)
    except OSError as error:
        words = f"INBOUND_BIND is wrong: nothing can listen at {host}:{port} ({error.strerror or error})."
        raise ConfigurationError(words, field="INBOUND_BIND") from error
    if on_listening is not None:
        on_listening(*server.sockets[0].getsockname()[:2])
    try:
        await (stop or asyncio.Event()).wait()
    finally:
        server.close()
        await listener.finish()


def run(listener: Listener, on_listening: OnListening | None = None) -> None:
    """Serve in this process until SIGTERM or SIGINT. For the main thread; on uvloop where it can be had."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(listener, on_listening, stop)

    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(main())


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the quickest event loop here; None is asyncio's own."""
    try:
        import uvloop
    except ImportError:  # uvloop has no build for every machine
        return None
    return uvloop.new_event_loop
