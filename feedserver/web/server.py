"""How the web part is served: granian with arguments that were measured (docs/operations.md); any other WSGI server works too."""

from __future__ import annotations

import socket
import sys

from ..settings import Settings

Address = tuple[str, int]
# One process serves some thousand feeds a second. A thread that waits on a slow page must not keep feeds waiting.
THREADS = 8


def address(settings: Settings) -> Address:
    """Where to listen: HTTP_BIND, with a free port in the place of 0."""
    host, port = settings.http_bind
    if port:
        return host, port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return host, probe.getsockname()[1]


def url(at: Address) -> str:
    """What a browser is told."""
    host, port = at
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def command(settings: Settings, at: Address | None = None, *, workers: int = 1) -> list[str]:
    """The command that serves `wsgi:app`, to be started in the checkout with the settings in its environment.

    granian can hang when SIGTERM reaches its whole process group: who starts it kills it after a deadline.
    """
    host, port = at or address(settings)
    options = {
        "--interface": "wsgi",
        "--host": host,
        "--port": port,
        "--workers": workers,
        "--blocking-threads": THREADS,
        "--backlog": 1024,
        "--workers-kill-timeout": 8,
        "--log-level": "warning",
    }
    flags = ["--no-ws", "--no-access-log", "--respawn-failed-workers"]
    named = [str(part) for pair in options.items() for part in pair]
    return [sys.executable, "-m", "granian", *named, *flags, "wsgi:app"]
