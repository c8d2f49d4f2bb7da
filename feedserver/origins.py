"""Where an address leads: scheme, host and port, by which secrets are sealed and connections are made."""

from __future__ import annotations

from urllib.parse import urlsplit

from .errors import Invalid

PORTS = {"https": 443, "http": 80}


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an address that a person entered; raises `Invalid` for what is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii").decode()
    except ValueError:
        raise Invalid(f"{url[:100]!r} is not an address: write it as https://calendar.example.org/….", field="url") from None
    if parts.scheme not in PORTS or not host or any(c.isspace() or ord(c) < 33 for c in url.strip()):
        raise Invalid("Write the whole address, beginning with https://.", field="url")
    if parts.username is not None or parts.password is not None:
        raise Invalid("Leave user name and password out of the address: they have fields of their own.", field="url")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != PORTS[parts.scheme] else "")
