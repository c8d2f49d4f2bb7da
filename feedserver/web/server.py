"""How the web part is served: granian, with arguments that were measured (bench/README.md); any other WSGI server works too."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from ..settings import PREFIX, Settings

_ROOT = Path(__file__).resolve().parents[2]
# A page that takes long must not keep feeds waiting, so there are more threads than processors; granian starts them when needed.
THREADS = 8
_PATIENCE = 60.0


def with_port(settings: Settings) -> Settings:
    """The settings with a free port in the place of port 0."""
    host, port = settings.http_bind
    if port:
        return settings
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return replace(settings, http_bind=(host, probe.getsockname()[1]))


def environment(settings: Settings) -> dict[str, str]:
    """What the served process needs in its environment besides the settings that are there."""
    host, port = settings.http_bind
    path = os.pathsep.join(p for p in (str(_ROOT), os.environ.get("PYTHONPATH")) if p)
    return {f"{PREFIX}HTTP_BIND": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "PYTHONPATH": path}


def command(settings: Settings, *, workers: int = 1) -> list[str]:
    """The command that serves `wsgi:app`, to be started with `environment`.

    granian can hang when SIGTERM reaches its whole process group: who starts it kills it after a deadline.
    """
    host, port = settings.http_bind
    options = {
        "--interface": "wsgi",
        "--host": host,
        "--port": port,
        "--workers": workers,
        "--blocking-threads": THREADS,
        "--backlog": 1024,
        "--workers-kill-timeout": 4,
        "--log-level": "error",
    }
    named = [str(part) for pair in options.items() for part in pair]
    return [sys.executable, "-m", "granian", *named, "--no-ws", "--no-access-log", "--respawn-failed-workers", "wsgi:app"]


def wait_until_up(settings: Settings, child: subprocess.Popen, stop: threading.Event) -> bool:
    """Until it answers; False when it ended, `stop` was set or a minute has passed. The request makes it build its pages."""
    deadline = time.monotonic() + _PATIENCE
    while child.poll() is None and not stop.is_set() and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(*settings.http_bind, timeout=5)
        try:
            connection.request("GET", "/robots.txt")
            connection.getresponse().read()
            return True
        except (OSError, http.client.HTTPException):
            stop.wait(0.05)
        finally:
            connection.close()
    return False
