"""The settings of the contract, read once at the edges from the environment (prefix FEEDSERVER_) and a `.env` file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

from .addresses import Mailbox, canonical, check, parse_mailbox
from .errors import ConfigurationError, FeedserverError

PREFIX = "FEEDSERVER_"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


@dataclass(frozen=True)
class Settings:
    """One field a setting; texts as in the contract, already checked."""

    database_url: str = "sqlite:///var/feedserver.db"
    secret_keys: tuple[str, ...] = ()
    base_url: str = "http://127.0.0.1:8000"
    http_bind: tuple[str, int] = ("127.0.0.1", 8000)
    smtp_url: str = "capture:"
    smtp_connections: int = 4
    smtp_rate: int | None = None
    organizer: Mailbox = field(default_factory=lambda: Mailbox("Training", "training@localhost"))
    inbound_bind: tuple[str, int] = ("127.0.0.1", 2525)
    inbound_protocol: str = "smtp"
    imap_url: str | None = None
    trusted_authserv_id: str | None = None
    trusted_reply_senders: frozenset[str] = frozenset()
    outbound_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    settle_seconds: float = 20.0
    timezone: str = "UTC"

    @property
    def captures(self) -> bool:
        """Outgoing mail stays here and is shown at /dev/mailbox."""
        return self.smtp_url.startswith("capture:")

    @property
    def data_dir(self) -> Path:
        """Where files besides the database lie: beside the SQLite file, else `var`."""
        scheme, _, path = self.database_url.partition(":///")
        return Path(path).resolve().parent if scheme.startswith("sqlite") and path else Path("var").resolve()


def load(environ: Mapping[str, str] | None = None, env_file: str | os.PathLike[str] | None = ".env") -> Settings:
    """Read the settings; raises `ConfigurationError` naming the first that is wrong."""
    environ = os.environ if environ is None else environ
    stored = dotenv_values(env_file) if env_file and Path(env_file).exists() else {}
    given = {k.removeprefix(PREFIX): v for k, v in {**stored, **environ}.items() if k.startswith(PREFIX) and v}
    values = {}
    for one in fields(Settings):
        name = one.name.upper()
        if name in given:
            try:
                values[one.name] = _READERS.get(one.name, str)(given[name].strip())
            except (ValueError, FeedserverError, ZoneInfoNotFoundError, OSError) as error:
                raise ConfigurationError(f"{PREFIX}{name} is wrong: {getattr(error, 'detail', error)}", field=name) from error
    return Settings(**values)


def _bind(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"write it as 127.0.0.1:8000, not {text!r}")
    return host.strip("[]"), int(port)


def _number(least: float, kind: type = int):
    def read(text: str):
        value = kind(text)
        if not least <= value < 1e9:
            raise ValueError(f"must be a number from {least} up, not {text!r}")
        return value

    return read


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"write it as https://training.example.org, not {text!r}")
    return text.rstrip("/")


def _database_url(text: str) -> str:
    if text.startswith(("postgres://", "postgresql://")):
        text = "postgresql+psycopg://" + text.partition("://")[2]
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")) or text in ("sqlite:///", "sqlite:///:memory:"):
        raise ValueError("only sqlite:///FILE and postgresql+psycopg://… are known (in-memory SQLite cannot be shared by the processes)")
    return text


def _smtp_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "capture":
        return "capture:"
    tls = parse_qs(parts.query).get("tls", [""])[-1]
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or tls not in ("", "starttls", "required", "none"):
        raise ValueError("write it as smtp://user:pass@host:587?tls=required, smtps://… or capture:")
    _ = parts.port
    return text


def _imap_url(text: str) -> str:
    parts = urlsplit(text)
    tls = parse_qs(parts.query).get("tls", [""])[-1]
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username or tls not in ("", "starttls", "required", "none"):
        raise ValueError("write it as imaps://user:pass@host/INBOX or imap://…?tls=starttls (@ in the user's name is %40)")
    _ = parts.port
    return text


def _protocol(text: str) -> str:
    if text.lower() not in ("smtp", "lmtp"):
        raise ValueError("must be smtp or lmtp")
    return text.lower()


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(k.strip() for k in text.split(",") if k.strip())
    if not keys or any(len(k) < 16 for k in keys):
        raise ValueError(
            "each key needs at least 16 characters; make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return keys


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise ValueError(f"write networks as 10.1.0.0/16, fd00::/8, separated by commas: {error}") from None


_READERS = {
    "database_url": _database_url,
    "secret_keys": _keys,
    "base_url": _base_url,
    "http_bind": _bind,
    "smtp_url": _smtp_url,
    "smtp_connections": _number(1),
    "smtp_rate": _number(1),
    "organizer": lambda text: parse_mailbox(text, "ORGANIZER"),
    "inbound_bind": _bind,
    "inbound_protocol": _protocol,
    "imap_url": _imap_url,
    "trusted_reply_senders": lambda text: frozenset(canonical(check(a)) for a in text.split(",") if a.strip()),
    "outbound_networks": _networks,
    "settle_seconds": _number(0, float),
    "timezone": lambda text: ZoneInfo(text).key,
}
