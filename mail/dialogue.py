"""One inbound conversation, SMTP (RFC 5321) or LMTP (RFC 2033), with a limit on everything a stranger can do.

Built on aiosmtpd for its streams, timer and STARTTLS. Replaced are its command loop and its commands: it has no limit on
connections, recipients or errors, answers our own faults with a final 500 and their text, refuses lines above 1,001 octets
for good, and reads DATA line by line (three times slower).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP, TLSSetupException

from .arrival import Arrival, oddities
from .replies import shown
from .smtp_input import read_data, read_path, refused_parameter

if TYPE_CHECKING:
    from .listener import Listener

log = logging.getLogger(__name__)

# a browser can be made to post mail commands here; what follows BDAT would be read as commands
_NOT_SMTP = frozenset({"GET", "POST", "PUT", "HEAD", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BDAT"})
_OWN_FAULT = "451 4.3.0 Our fault, not yours: please try again later"


class Dialogue(SMTP):
    """The protocol of one connection; `listener` holds what all connections share."""

    line_length_limit = 64 * 1024  # of the stream: a message may be longer, it is read in pieces of this

    def __init__(self, listener: Listener) -> None:
        self.command_size_limits = {}  # aiosmtpd would clear and raise one dict for all connections
        super().__init__(
            object(),  # no handler: every hook is overridden instead
            hostname=listener.hostname,
            tls_context=listener.tls,
            timeout=listener.limits.idle,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self.listener, self.limits = listener, listener.limits
        self.turned_away = False
        self._errors = self._commands = 0
        self._commands_known = _LMTP if listener.protocol == "lmtp" else _SMTP

    @property
    def in_transaction(self) -> bool:
        """Whether a message is being handed over."""
        return self.envelope is not None and self.envelope.mail_from is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit or turn away; also called a second time when TLS has started."""
        if self._original_transport is None and (refusal := self.listener.admit(self, transport)):
            self.turned_away = True
            transport.write(refusal.encode() + b"\r\n")
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Make room for others."""
        self.listener.left(self)
        if not self.turned_away:
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """A sender that hangs up."""
        return False if self.turned_away else super().eof_received()

    def dismiss(self) -> None:
        """Shutting down: end an idle conversation now; one in a transaction ends itself after its reply."""
        if not self.in_transaction and self.transport is not None:
            self._writer.write(b"421 4.3.2 Shutting down, please come back\r\n")
            self.transport.close()

    def drop(self) -> None:
        """End the connection without a word."""
        if self.transport is not None:
            self.transport.abort()

    async def push(self, status: str) -> None:
        """Say one reply line; the errors said are counted, and one too many ends the conversation."""
        if status.startswith("5"):
            self._errors += 1
            if self._errors > self.limits.errors:
                return await self._end("421 4.7.0 Too many errors")
        self._writer.write(status.encode("utf-8", "replace") + b"\r\n")
        await self._writer.drain()

    def _timeout_cb(self) -> None:
        if self._going_on:
            self._writer.write(b"421 4.4.2 Too slow\r\n")
            self.transport.close()

    async def _end(self, status: str) -> None:
        self._writer.write(status.encode("ascii", "replace") + b"\r\n")
        if self.transport is not None:
            self.transport.close()

    @property
    def _going_on(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    async def _handle_client(self) -> None:
        try:
            await self.push(f"220 {self.hostname} {'LMTP' if self.listener.protocol == 'lmtp' else 'ESMTP'}")
            while self._going_on:
                await self._turn()
        except asyncio.CancelledError:
            self._writer.close()
            raise
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            log.debug("%s went away: %s", self.session.peer, error)
            self._writer.close()

    async def _turn(self) -> None:
        """One command and its answer."""
        try:
            line = await self._reader.readuntil()
        except asyncio.LimitOverrunError:
            return await self._end("421 4.7.0 That is no mail command")
        self._reset_timeout()
        self._commands += 1
        if self._commands > self.limits.commands:
            return await self._end("421 4.7.0 Too many commands")
        try:
            await self._do(line.rstrip(b"\r\n"))
        except TLSSetupException as error:
            log.info("%s: no TLS: %s", self.session.peer, error.__cause__)
            if self.transport is not None:
                self.transport.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception:
            log.exception("a command of %s failed", self.session.peer)
            await self.push(_OWN_FAULT)
        if self.listener.closing and self._going_on:
            self.dismiss()

    async def _do(self, line: bytes) -> None:
        if len(line) > self.limits.command:
            return await self.push("500 5.5.2 Line too long")
        verb, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        verb = verb.upper()
        if verb in _NOT_SMTP or line.startswith(b"\x16\x03"):
            return await self._end("502 5.5.1 This is a mail server")
        method = self._commands_known.get(verb)
        if method is None:
            return await self.push("500 5.5.1 Command not known")
        await method(self, argument.strip())

    async def smtp_EHLO(self, name: str) -> None:
        """EHLO, or LHLO: who is there, and what we can do."""
        if not name:
            return await self.push("501 5.5.4 Say who you are")
        self._greeted(name)
        offers = ["PIPELINING", f"SIZE {self.limits.message}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self.tls_context and not self._tls_protocol:
            offers.append("STARTTLS")
        lines = [self.hostname, *offers]
        await self.push("\r\n".join([*(f"250-{one}" for one in lines[:-1]), f"250 {lines[-1]}"]))

    async def smtp_HELO(self, name: str) -> None:
        """HELO: an old sender."""
        if not name:
            return await self.push("501 5.5.4 Say who you are")
        self._greeted(name)
        await self.push(f"250 {self.hostname}")

    def _greeted(self, name: str) -> None:
        self._set_rset_state()
        self.session.host_name = shown(name)[:255]

    async def smtp_STARTTLS(self, argument: str) -> None:
        """RFC 3207; what was sent in clear after it is dropped by aiosmtpd."""
        if not self.tls_context:
            return await self.push("502 5.5.1 No TLS here")
        if self._tls_protocol:
            return await self.push("503 5.5.1 Already encrypted")
        await super().smtp_STARTTLS(argument)

    async def smtp_MAIL(self, argument: str) -> None:
        """A message begins; the null path is welcome (bounces)."""
        if not self.session.host_name:
            return await self.push("503 5.5.1 Say hello first")
        if self.in_transaction:
            return await self.push("503 5.5.1 One message at a time")
        address, parameters = read_path(argument, "FROM:")
        if address is None:
            return await self.push("501 5.1.7 Write it as MAIL FROM:<address>")
        words = parameters.upper().split()
        if refusal := refused_parameter(words, self.limits):
            return await self.push(refusal)
        self.envelope.smtp_utf8 = "SMTPUTF8" in words
        if not address.isascii() and not self.envelope.smtp_utf8:
            return await self.push("553 5.6.7 Such an address needs SMTPUTF8")
        self.envelope.mail_from = address
        await self.push("250 2.1.0 Sender ok")

    async def smtp_RCPT(self, argument: str) -> None:
        """For whom; only the addresses that we read mail for."""
        if not self.in_transaction:
            return await self.push("503 5.5.1 MAIL comes first")
        address, parameters = read_path(argument, "TO:")
        if not address or len(address.encode("utf-8", "replace")) > 254:
            return await self.push("501 5.1.3 Write it as RCPT TO:<address>")
        if parameters.strip():
            return await self.push("555 5.5.4 Parameter not known")
        if not address.isascii() and not self.envelope.smtp_utf8:
            return await self.push("553 5.6.7 Such an address needs SMTPUTF8")
        if len(self.envelope.rcpt_tos) >= self.limits.recipients:
            return await self.push("452 4.5.3 Too many recipients at once")
        if not self.listener.accepts(address):
            return await self.push("550 5.7.1 No mail for that address here, and none is passed on")
        self.envelope.rcpt_tos.append(address)
        await self.push("250 2.1.5 Recipient ok")

    async def smtp_DATA(self, argument: str) -> None:
        """The message itself: stored, then 250; LMTP answers once for each recipient (RFC 2033 4.2)."""
        if argument:
            return await self.push("501 5.5.4 DATA takes nothing")
        if not self.in_transaction or not self.envelope.rcpt_tos:
            return await self.push("503 5.5.1 RCPT comes first")
        self._reset_timeout(self.limits.data)
        await self.push("354 End with <CRLF>.<CRLF>")
        status = await self._receive()
        times = len(self.envelope.rcpt_tos) if self.listener.protocol == "lmtp" else 1
        self._set_post_data_state()
        self._reset_timeout()
        if status.startswith("2"):
            self._errors = self._commands = 0
        for _ in range(times):
            await self.push(status)

    async def _receive(self) -> str:
        """Read and store one message; the status to say."""
        data = bytearray()
        try:
            refusal = await read_data(self._reader, data, self.limits, self.listener)
            return refusal or await self._store(bytes(data[:-3]))
        finally:
            self.listener.held -= len(data)

    async def _store(self, stuffed: bytes) -> str:
        body = (stuffed[1:] if stuffed.startswith(b".") else stuffed).replace(b"\r\n.", b"\r\n")
        arrival = Arrival(
            peer=str(self.session.peer[0]) if self.session.peer else "",
            helo=self.session.host_name,
            mail_from=self.envelope.mail_from,
            recipients=tuple(self.envelope.rcpt_tos),
            data=body,
            via=self.listener.protocol,
            oddities=oddities(body),
        )
        try:
            await self.listener.store.put(arrival)
        except Exception:
            log.exception("arrival %s from %s was not stored", arrival.id, arrival.peer)
            return _OWN_FAULT
        return f"250 2.0.0 Stored as {arrival.id}"

    async def smtp_RSET(self, argument: str) -> None:
        """Forget the message begun."""
        self._set_rset_state()
        await self.push("250 2.0.0 Forgotten")

    async def smtp_NOOP(self, argument: str) -> None:
        """Still there."""
        await self.push("250 2.0.0 Still here")

    async def smtp_VRFY(self, argument: str) -> None:
        """Who is here is nobody's business."""
        await self.push("252 2.5.2 Send mail and see")

    async def smtp_QUIT(self, argument: str) -> None:
        """Goodbye."""
        await self._end("221 2.0.0 Goodbye")

    async def _not_offered(self, argument: str) -> None:
        await self.push("502 5.5.1 Not offered")


_BOTH = {
    "MAIL": Dialogue.smtp_MAIL,
    "RCPT": Dialogue.smtp_RCPT,
    "DATA": Dialogue.smtp_DATA,
    "RSET": Dialogue.smtp_RSET,
    "NOOP": Dialogue.smtp_NOOP,
    "VRFY": Dialogue.smtp_VRFY,
    "QUIT": Dialogue.smtp_QUIT,
    "STARTTLS": Dialogue.smtp_STARTTLS,
    **dict.fromkeys(("EXPN", "ETRN", "TURN", "HELP", "AUTH"), Dialogue._not_offered),
}
_SMTP = {**_BOTH, "EHLO": Dialogue.smtp_EHLO, "HELO": Dialogue.smtp_HELO}
_LMTP = {**_BOTH, "LHLO": Dialogue.smtp_EHLO}
