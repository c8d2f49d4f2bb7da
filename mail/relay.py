"""SMTP out: messages over one kept-open connection to the relay, pipelined (RFC 5321, 2920), each with one outcome.

The failure model. Until the final dot has left, a message was certainly not taken. Between the final dot and the
relay's answer nobody can know (RFC 1047): that one message is "ambiguous", and it is the only one that may arrive
twice. So that a killed process leaves at most one such message a connection, the body of the next message goes out only
after `settle` has written down what became of the last; its envelope may travel with the last body, which is what makes
it fast: one round trip a message.

| what the relay does | state | counts as an attempt |
|---|---|---|
| 2xx to the final dot | sent | yes |
| 4xx at any point (but 421), no reply in time before the final dot, nonsense before the final dot | temporary | yes |
| 5xx at any point; an address or a text that cannot be sent | permanent | yes |
| 421 or a lost connection before the final dot has left | unsent | no: send again on a new connection |
| connection lost, no reply in time, nonsense after the final dot | ambiguous | yes |
| sign-in demanded at MAIL (530, 534, 535, 538) | unsent, then `RelayRefused` | no |
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator

from .envelope import Envelope, Outcome, State, commands, stuffed, unfit
from .opening import RelayRefused, RelayUnavailable, RelayUrl, Timeouts, open_relay
from .replies import BadReply, Reply

__all__ = ["Connection", "Envelope", "Outcome", "RelayRefused", "RelayUnavailable", "RelayUrl", "Timeouts"]

Messages = Iterator[Envelope | None]
Settle = Callable[[Outcome], bool]

_SIGN_IN_DEMANDED = (530, 534, 535, 538)
_TLS_RECORD = 16384
log = logging.getLogger(__name__)


class _LeaseLost(Exception):
    """`settle` said that these messages are no longer ours."""


class Connection:
    """One connection to the relay, for one thread. `send` may be called again and again while `is_open`."""

    def __init__(
        self,
        url: RelayUrl,
        *,
        timeouts: Timeouts | None = None,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
    ) -> None:
        """`context` verifies certificates (default: the system's authorities), `name` is what EHLO says."""
        self.url = url
        self.timeouts = timeouts or Timeouts()
        self.used_at = 0.0
        self._context, self._name = context, name
        self._smtp = None
        self._needs_rset = False

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent without `open`."""
        return self._smtp is not None

    def open(self) -> None:
        """Connect, greet, encrypt, sign in; raises `RelayUnavailable` or `RelayRefused`."""
        self.abort()
        smtp = open_relay(self.url, self.timeouts, self._context, self._name)
        self._smtp, self._sock, self._reader, self._needs_rset = smtp, smtp.sock, smtp.reader, False
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._offers = frozenset(smtp.esmtp_features)
        self._pipelines = "pipelining" in self._offers
        self._encrypted = isinstance(self._sock, ssl.SSLSocket)
        self.used_at = time.monotonic()

    def send(self, messages: Messages, settle: Settle) -> None:
        """Send until the iterator ends or gives None; the connection then stays open, unless it was lost (`is_open`).

        Every message taken from the iterator is settled exactly once, unless `settle` returned False (we lost our
        lease) or raised: then the connection is dropped at once. Messages are taken one ahead at most.
        The iterator must not wait for work: the body of the last message leaves only after the next was asked for.
        Raises `RelayRefused` when the relay demands a sign-in, after all that was taken is settled.
        """
        stream = iter(messages)
        try:
            ready = self._next_ready(stream, settle)
            while ready is not None:
                ready = self._hand_over(ready, stream, settle)
        except _LeaseLost:
            self.abort()
        except BaseException:
            self.abort()
            raise
        self.used_at = time.monotonic()

    def idle_check(self) -> bool:
        """Whether a connection that lay idle is still good; what the relay ended or speaks on unasked is dropped."""
        if self._smtp is None:
            return False
        try:
            self._sock.settimeout(0)
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            if not self._reader.unread():
                return True
        except OSError as error:
            log.debug("relay %s ended the idle connection: %s", self.url, error)
        self.abort()
        return False

    def close(self) -> None:
        """Say QUIT and wait shortly for the answer; never raises for what the relay does."""
        if self._smtp is not None:
            with contextlib.suppress(OSError):  # every message is settled by now: how the farewell goes changes nothing
                self._write(b"QUIT\r\n")
                self._reader.reply(self.timeouts.quit)
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a word."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def _hand_over(self, ready: Envelope, stream: Messages, settle: Settle) -> Envelope | None:
        """Send the body of `ready` with the next envelope; returns the next message whose body the relay waits for."""
        following = self._take(stream, settle) if self._pipelines else None
        announced = b"".join(self._commands(following)) if following else b""
        _settle(settle, self._body(ready, announced))
        if following is None:
            return None if self._pipelines else self._next_ready(stream, settle)
        if not self.is_open:
            words = "The connection ended before this message's turn."
            _settle(settle, Outcome(following.key, "unsent", 0, None, words, "mail"))
            return None
        refused = self._answers(following)
        if refused is None:
            return following
        self._settle_refused(settle, refused)
        return self._next_ready(stream, settle) if self.is_open else None

    def _next_ready(self, stream: Messages, settle: Settle) -> Envelope | None:
        """The next message whose envelope the relay takes; what it refuses on the way is settled."""
        while self.is_open and (envelope := self._take(stream, settle)) is not None:
            refused = self._announce(envelope)
            if refused is None:
                return envelope
            self._settle_refused(settle, refused)
        return None

    def _take(self, stream: Messages, settle: Settle) -> Envelope | None:
        """The next message that can be sent at all."""
        while (envelope := next(stream, None)) is not None:
            refused = unfit(envelope, self._offers)
            if refused is None:
                return envelope
            _settle(settle, refused)
        return None

    def _commands(self, envelope: Envelope) -> list[bytes]:
        before = [b"RSET\r\n"] if self._needs_rset else []
        return before + commands(envelope, self._offers)

    def _announce(self, envelope: Envelope) -> Outcome | None:
        """Send the envelope alone; None when the relay now waits for the body."""
        if self._pipelines:
            lost = self._write(b"".join(self._commands(envelope)))[1]
            return self._ended(envelope, "unsent", lost, "mail") if lost else self._answers(envelope)
        for command in self._commands(envelope):
            phase = command[:4].decode().lower()
            lost = self._write(command)[1]
            refused = self._ended(envelope, "unsent", lost, phase) if lost else self._answer(envelope, phase)
            self._needs_rset = refused is not None
            if refused:
                return refused
        return None

    def _answers(self, envelope: Envelope) -> Outcome | None:
        """Read the answers to a pipelined envelope; the first refusal is the outcome, what follows it is read away."""
        refused = None
        for phase in (["rset"] if self._needs_rset else []) + ["mail", "rcpt", "data"]:
            if refused is None:
                refused = self._answer(envelope, phase)
            elif self.is_open:
                self._read_away(phase)
        self._needs_rset = refused is not None
        return refused

    def _read_away(self, phase: str) -> None:
        """An answer that no longer matters, as its message was refused already.

        RFC 2920 3.1: a relay that says 354 although it refused the recipient gets an empty message, for nobody.
        """
        try:
            if self._reader.reply(self.timeouts.command).code == 354 and phase == "data":
                self._write(b".\r\n")
                self._reader.reply(self.timeouts.final_dot)
        except OSError as error:
            log.debug("relay %s went away after a refusal: %s", self.url, error)
            self.abort()

    def _answer(self, envelope: Envelope, phase: str) -> Outcome | None:
        """The relay's answer to one command as an outcome, None when it is the good one."""
        try:
            reply = self._reader.reply(self.timeouts.command)
        except OSError as error:
            state = "temporary" if isinstance(error, BadReply | TimeoutError) else "unsent"
            return self._ended(envelope, state, error, phase)
        if reply.code == 354 if phase == "data" else 200 <= reply.code < 300:
            return None
        if reply.code < 400:
            return self._ended(envelope, "temporary", _misplaced(reply), phase)
        return self._refusal(envelope, reply, phase)

    def _refusal(self, envelope: Envelope, reply: Reply, phase: str) -> Outcome:
        state: State = "permanent" if reply.code >= 500 else "temporary"
        # at 421 the relay closes, and after a failed RSET its state is unknown: neither is the message's fault
        if reply.code == 421 or phase == "rset":
            self.abort()
            state = "temporary" if phase == "dot" else "unsent"
        elif phase == "mail" and reply.code in _SIGN_IN_DEMANDED:
            state = "unsent"
        return Outcome(envelope.key, state, reply.code, reply.enhanced, reply.text, phase)

    def _settle_refused(self, settle: Settle, refused: Outcome) -> None:
        _settle(settle, refused)
        if refused.phase == "mail" and refused.code in _SIGN_IN_DEMANDED:
            raise RelayRefused(f"The relay {self.url} takes no mail from us: {refused.code} {refused.text}")

    def _body(self, envelope: Envelope, announced: bytes) -> Outcome:
        """Send body, final dot and the next envelope in one write; then read what became of the body."""
        data = stuffed(envelope.data)
        left, error = self._write(b"%b.\r\n%b" % (data, announced))
        if error is not None and left < len(data) + 3:
            return self._ended(envelope, "temporary" if isinstance(error, TimeoutError) else "unsent", error, "body")
        try:
            reply = self._reader.reply(self.timeouts.final_dot)
        except OSError as lost:
            return self._ended(envelope, "ambiguous", lost, "dot")
        if error is not None:
            self.abort()
        if 200 <= reply.code < 300:
            return Outcome(envelope.key, "sent", reply.code, reply.enhanced, reply.text, "dot")
        if reply.code < 400:
            return self._ended(envelope, "ambiguous", _misplaced(reply), "dot")
        return self._refusal(envelope, reply, "dot")

    def _write(self, data: bytes) -> tuple[int, OSError | None]:
        """Write `data`; how many bytes have left, and the error if not all (sendall does not tell how far it came).

        In TLS a record at a time: the relay cannot read half a record, so that what failed has not arrived.
        """
        left, step = 0, _TLS_RECORD if self._encrypted else len(data)
        view = memoryview(data)
        try:
            self._sock.settimeout(self.timeouts.data)
            while left < len(data):
                left += self._sock.send(view[left : left + step])
        except OSError as error:
            return left, error
        return left, None

    def _ended(self, envelope: Envelope, state: State, error: Exception, phase: str) -> Outcome:
        self.abort()
        match error:
            case BadReply():
                words = f"The relay did not speak SMTP: {error}"
            case TimeoutError():
                words = "The relay did not answer in time."
            case _:
                words = "The connection to the relay was lost."
        return Outcome(envelope.key, state, 0, None, words, phase)


def _misplaced(reply: Reply) -> BadReply:
    return BadReply(f"{reply.code} {reply.text} answers no question of ours")


def _settle(settle: Settle, outcome: Outcome) -> None:
    if not settle(outcome):
        raise _LeaseLost
