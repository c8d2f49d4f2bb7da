"""Opening a connection to the SMTP relay: address, TLS policy, greeting, sign-in (RFC 5321 3.1, 3207, 4954, 8314).

smtplib does the greeting and the sign-in; its way of reading replies is replaced (`mail.replies` says why), and so is
the name it greets with, for which it asks the DNS.
"""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from feedserver.errors import ConfigurationError, FeedserverError, Unavailable

from .replies import BadReply, ReplyReader, shown

LOOPBACK = ("127.0.0.1", "localhost", "::1")
Tls = Literal["smtps", "required", "opportunistic", "none"]


class RelayUnavailable(Unavailable):
    """The relay cannot be talked to just now; no message was tried."""

    title = "The mail relay cannot be reached"


class RelayRefused(FeedserverError):
    """The relay will not have us at all (sign-in refused): every message waits until somebody mends the setting."""

    title = "The mail relay refuses us"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, as Postfix has them; a short `final_dot` makes duplicates (RFC 1047)."""

    connect: float = 30
    greeting: float = 60
    command: float = 300
    data: float = 180
    final_dot: float = 600
    quit: float = 2


@dataclass(frozen=True, slots=True)
class RelayUrl:
    """Where the relay is and how it is spoken to (contract, SMTP_URL)."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> RelayUrl:
        """Read `smtp://user:pass@host:587?tls=starttls|required|none` or `smtps://…`; raises `ConfigurationError`."""
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError as error:
            raise ConfigurationError(f"SMTP_URL is wrong: {error}", field="SMTP_URL") from error
        asked = parse_qs(parts.query).get("tls", [""])[-1]
        policy = {"": "opportunistic", "starttls": "required", "required": "required", "none": "none"}.get(asked)
        if parts.scheme not in ("smtp", "smtps") or not host or policy is None:
            raise ConfigurationError("SMTP_URL is wrong: write smtp://user:pass@host:587?tls=required or smtps://…", field="SMTP_URL")
        user = unquote(parts.username) if parts.username else None
        if parts.scheme == "smtps":
            return cls(host, port or 465, "smtps", user, unquote(parts.password or ""))
        return cls(host, port or (587 if user else 25), policy, user, unquote(parts.password or ""))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _Bounded:
    """smtplib with replies bounded in size and in whole time."""

    reader: ReplyReader | None = None

    def __init__(self, *args, within: float, **more) -> None:
        self.within = within
        super().__init__(*args, **more)

    def getreply(self) -> tuple[int, bytes]:
        # a reader belongs to one socket: what was buffered before STARTTLS is dropped with it (CVE-2011-0411)
        if self.reader is None or self.reader.sock is not self.sock:
            self.reader = ReplyReader(self.sock)
        reply = self.reader.reply(self.within)
        return reply.code, b"\n".join(reply.raw)

    def connect(self, *args, **kwargs) -> tuple[int, bytes]:
        try:
            return super().connect(*args, **kwargs)
        except BaseException:
            self.close()
            raise


class _Plain(_Bounded, smtplib.SMTP):
    pass


class _Wrapped(_Bounded, smtplib.SMTP_SSL):
    pass


def open_relay(url: RelayUrl, timeouts: Timeouts, context: ssl.SSLContext | None, name: str | None) -> smtplib.SMTP:
    """A greeted, encrypted, signed-in smtplib connection; raises `RelayUnavailable` or `RelayRefused`, with words."""
    try:
        smtp = _connect(url, timeouts, context, name)
    except (OSError, smtplib.SMTPException) as error:
        raise RelayUnavailable(_words(url, error)) from error
    try:
        smtp.ehlo_or_helo_if_needed()
        if _starts_tls(url, smtp):
            smtp.starttls(context=_context(url, context))
            smtp.ehlo_or_helo_if_needed()
        if url.user:
            _sign_in(url, smtp)
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        raise RelayUnavailable(_words(url, error)) from error
    except BaseException:
        smtp.close()
        raise
    return smtp


def _connect(url: RelayUrl, timeouts: Timeouts, context: ssl.SSLContext | None, name: str | None) -> smtplib.SMTP:
    kind, more = (_Wrapped, {"context": _context(url, context)}) if url.tls == "smtps" else (_Plain, {})
    smtp = kind(
        url.host,
        url.port,
        local_hostname=name or "localhost",
        timeout=timeouts.connect,
        within=timeouts.greeting,
        **more,
    )
    if not name:
        address = smtp.sock.getsockname()[0]
        smtp.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    return smtp


def _context(url: RelayUrl, given: ssl.SSLContext | None) -> ssl.SSLContext:
    # without a password at stake, as mail servers do among themselves: better unverified than in clear
    if url.tls == "opportunistic" and (not url.user or url.host in LOOPBACK):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    return given or ssl.create_default_context()


def _starts_tls(url: RelayUrl, smtp: smtplib.SMTP) -> bool:
    offered = smtp.has_extn("starttls")
    if url.tls == "required" and not offered:
        raise RelayUnavailable(f"The relay {url} does not offer STARTTLS, which SMTP_URL requires; nothing was sent in clear.")
    return offered and url.tls in ("required", "opportunistic")


def _sign_in(url: RelayUrl, smtp: smtplib.SMTP) -> None:
    clear = not isinstance(smtp.sock, ssl.SSLSocket)
    if clear and url.tls != "none" and url.host not in LOOPBACK:
        raise RelayRefused(f"The relay {url} offers no TLS, so the password was not sent; tls=none in SMTP_URL would send it in clear.")
    try:
        # smtplib's own PLAIN takes ASCII passwords only; RFC 4616 has UTF-8
        if "PLAIN" in smtp.esmtp_features.get("auth", "").upper().split():
            token = base64.b64encode(f"\0{url.user}\0{url.password}".encode()).decode()
            code, text = smtp.docmd("AUTH", f"PLAIN {token}")
            if code not in (235, 503):
                raise smtplib.SMTPAuthenticationError(code, text)
        else:
            smtp.login(url.user, url.password)
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise
        raise RelayRefused(f"The relay {url} refused the sign-in: {error.smtp_code} {_said(error)}") from error
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
        raise RelayRefused(f"The relay {url} offers no sign-in that fits the user and password in SMTP_URL.") from error


def _said(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    return shown(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))


def _words(url: RelayUrl, error: Exception) -> str:
    """Why the relay could not be opened, so that the person who runs the server knows what to look at."""
    match error:
        case smtplib.SMTPResponseException():
            return f"The relay {url} answered {error.smtp_code} {_said(error)}"
        case socket.gaierror():
            return f"The name {url.host} of the relay cannot be found in the DNS."
        case ssl.SSLCertVerificationError():
            return f"The certificate of the relay {url} does not hold: {shown(error.verify_message)}. Nothing was sent."
        case ssl.SSLError():
            return f"No encrypted connection to the relay {url}: {shown(error.reason or str(error))}. Nothing was sent."
        case TimeoutError():
            return f"The relay {url} did not answer in time."
        case ConnectionRefusedError():
            return f"Nobody listens at the relay's address {url}."
        case BadReply():
            return f"What answers at {url} does not speak SMTP: {error}"
        case ConnectionError() | smtplib.SMTPServerDisconnected():
            return f"The relay {url} ended the connection before it could be used."
        case _:
            return f"The relay {url} cannot be reached: {shown(str(error))}"
