"""wsgi:app with two pages that take two seconds, as an administrator's largest report might: one waits, one computes."""

from __future__ import annotations

import time

from wsgi import app as product

SECONDS = 2.0


def app(environ, start_response):
    """WSGI."""
    path = environ["PATH_INFO"]
    if not path.startswith("/slow/"):
        return product(environ, start_response)
    end = time.monotonic() + SECONDS
    if path == "/slow/waits":
        time.sleep(SECONDS)
    while time.monotonic() < end:
        sum(range(1000))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"done\n"]
