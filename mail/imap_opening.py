"""Opening a connection to an IMAP server: address, TLS policy, sign-in, folder (RFC 3501, 8314), with a bound on what it may send."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from feedserver.errors import ConfigurationError, FeedserverError, Unavailable

CONNECT, READ = 15.0, 30.0
Tls = Literal["imaps", "required", "none"]


class MailboxUnavailable(Unavailable):
    """The mailbox cannot be read just now; it is tried again."""

    title = "The mailbox cannot be reached"


class MailboxRefused(FeedserverError):
    """The server will not have us, or has no such folder: somebody must mend the setting."""

    title = "The mail server refuses us"


@dataclass(frozen=True, slots=True)
class MailboxUrl:
    """Where the mailbox is and how its server is spoken to (contract, IMAP_URL)."""

    host: str
    port: int
    tls: Tls
    user: str
    password: str = field(default="", repr=False)
    folder: str = "INBOX"

    @classmethod
    def parse(cls, url: str) -> MailboxUrl:
        """Read `imaps://user:pass@host/INBOX` or `imap://…?tls=starttls|none`; raises `ConfigurationError`."""
        try:
            parts = urlsplit(url)
            port, host, user = parts.port, parts.hostname, unquote(parts.username or "")
        except ValueError as error:
            raise ConfigurationError(f"IMAP_URL is wrong: {error}", field="IMAP_URL") from error
        asked = parse_qs(parts.query).get("tls", [""])[-1]
        # A sign-in follows at once: without a word nothing is sent in clear.
        policy = {"": "required", "starttls": "required", "required": "required", "none": "none"}.get(asked)
        if parts.scheme not in ("imap", "imaps") or not host or not user or policy is None:
            raise ConfigurationError("IMAP_URL is wrong: write imaps://user:pass@host/INBOX or imap://…?tls=starttls", field="IMAP_URL")
        tls, standard = ("imaps", 993) if parts.scheme == "imaps" else (policy, 143)
        return cls(host, port or standard, tls, user, unquote(parts.password or ""), unquote(parts.path.strip("/")) or "INBOX")

    @property
    def name(self) -> str:
        """Who it is, without the password."""
        return f"{self.user}@{self.host}:{self.port}/{self.folder}"

    def __str__(self) -> str:
        return self.name


class Connection(IMAPClient):
    """An IMAPClient that no server can make read without end: `budget` octets for each `allow()`."""

    budget = 1_000_000

    def allow(self, octets: int) -> None:
        """From now on the server may send so many octets."""
        self.budget = octets

    def _create_IMAP4(self):
        imap = super()._create_IMAP4()
        # imaplib reads a literal of any announced length into memory, and any number of lines.
        imap.read, imap.readline = self._bounded(imap.read), self._bounded(imap.readline)
        return imap

    def _bounded(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        def bounded(*size: int) -> bytes:
            if self.budget < max(size, default=1):
                raise IMAPClientAbortError("the server sends more than was asked for")
            data = read(*size)
            self.budget -= len(data)
            return data

        return bounded


def open_mailbox(url: MailboxUrl, context: ssl.SSLContext | None = None, *, patience: float = CONNECT) -> Connection:
    """Connect and sign in; raises `MailboxUnavailable` or `MailboxRefused` with words for people."""
    context = context or ssl.create_default_context()
    client = None
    try:
        client = Connection(url.host, url.port, ssl=url.tls == "imaps", ssl_context=context, timeout=patience)
        if url.tls == "required":
            client.starttls(context)
        client.socket().settimeout(READ)
        client.login(url.user, url.password)
        return client
    except LoginError as error:
        raise MailboxRefused(f"{url.host} refuses user and password: look at IMAP_URL. It said: {said(error)}") from error
    except ssl.SSLCertVerificationError as error:
        raise MailboxUnavailable(f"The certificate of {url.host} does not hold: {error.verify_message}.") from error
    except (IMAPClientError, OSError, ValueError) as error:
        raise MailboxUnavailable(f"{url.host}:{url.port} cannot be used: {said(error)}") from error
    finally:
        if client is not None and getattr(client._imap, "state", "") != "AUTH":
            close(client)


def select_folder(client: Connection, url: MailboxUrl, *, readonly: bool = False) -> tuple[int, int, int]:
    """Open the folder; its UIDVALIDITY, its UIDNEXT and how many messages it has. Raises `MailboxRefused` where there is none."""
    try:
        opened = client.select_folder(url.folder, readonly=readonly)
    except IMAPClientAbortError:
        raise
    except IMAPClientError as error:
        raise MailboxRefused(f"{url.host} does not open the folder {url.folder}: {said(error)}") from error
    try:
        return opened[b"UIDVALIDITY"], opened[b"UIDNEXT"], opened.get(b"EXISTS", 0)
    except KeyError as error:
        raise MailboxRefused(f"{url.host} does not tell UIDVALIDITY and UIDNEXT, so nobody could know what was read.") from error


def close(client: Connection) -> None:
    """End the connection, whatever state it is in."""
    try:
        client.shutdown()
    except (OSError, IMAPClientError):
        return


def said(error: BaseException) -> str:
    """What a server or the system said, short and printable."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in text)[:200]
