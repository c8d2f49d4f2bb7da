"""The WSGI application: feeds are answered here, before Flask, whose own machinery costs three times as much as a whole 304."""

from __future__ import annotations

import atexit
import hashlib
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

import structlog

from ..services.audience_reading import AudienceReader
from ..services.feed_reading import FeedReader, Reader
from ..services.feeding import answer
from ..services.house import utc_now
from ..settings import Settings
from ..store.commit_mark import CommitMark
from ..store.database import Database
from .feeds import FOR_OTHERS, PREFIX, SUFFIX, request_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ..services.connecting import CalendarServers

WRITE_EVERY = 5.0
# Python's own 5 ms is what a feed waits, each time it gives the global lock away, beside a page that computes.
_SWITCH = 0.001
_LOG = structlog.get_logger()
_DEBUG = logging.getLogger("feedserver.feeds")


class Gate:
    """Feeds from `reader`, those for others from `others`, everything else from the application that `make` builds when it is first asked for."""

    def __init__(
        self,
        reader: Reader,
        make: Callable[[], WSGIApplication],
        clock: Callable[[], datetime] = utc_now,
        server: str = "feedserver",
        others: Reader | None = None,
    ) -> None:
        self.reader = reader
        self.others = others or AudienceReader(reader.database, reader.base_url, mark=reader.mark)
        self.clock = clock
        self._make = make
        self._rest: WSGIApplication | None = None
        self._making = threading.Lock()
        self._server = [("Server", server)]
        self._writer: threading.Thread | None = None
        self._closed = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI (PEP 3333)."""
        path = environ["PATH_INFO"]
        if not (path.startswith(PREFIX) and path.endswith(SUFFIX)):
            return (self._rest or self._made())(environ, start_response)
        if self._writer is None:
            self._start_writing()
        prefix, reader = (FOR_OTHERS, self.others) if path.startswith(FOR_OTHERS) else (PREFIX, self.reader)
        token = path[len(prefix) : -len(SUFFIX)]
        reply = answer(request_of(environ, token), self.clock(), reader)
        if _DEBUG.isEnabledFor(logging.DEBUG):
            # A token in a log opens the calendar to whoever reads the log (S04).
            _LOG.debug("feed", token=hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:6], status=reply.status)
        start_response(reply.status, reply.headers + self._server)
        return [reply.body]

    def write_notes(self) -> None:
        """Write down who fetched what; a fault is logged, and the notes are kept for the next time."""
        for reader in (self.reader, self.others):
            try:
                reader.notes.write(reader.database)
            except Exception as error:
                _LOG.warning("fetches not noted yet", error=type(error).__name__)

    def _made(self) -> WSGIApplication:
        with self._making:
            if self._rest is None:
                self._rest = self._make()
            return self._rest

    def _start_writing(self) -> None:
        """In the process that serves, not where the module is merely imported; workers of granian end without atexit."""
        with self._making:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, name="fetch notes", daemon=True)
                self._writer.start()
                atexit.register(self.close)
                Finalize(None, self.close, exitpriority=10)

    def _write_on(self) -> None:
        while not self._closed.wait(WRITE_EVERY):
            self.write_notes()

    def close(self) -> None:
        """Write what is not written yet, once."""
        if not self._closed.is_set():
            self._closed.set()
            self.write_notes()


def build(settings: Settings, calendars: Callable[[], CalendarServers] | None = None) -> Gate:
    """The gate over the database that the settings name; Flask, and what speaks with other servers, come with the first request that needs it."""
    database = Database(settings.database_url)

    def make() -> WSGIApplication:
        from . import create_app

        return create_app(settings, database, calendars=calendars() if calendars else None)

    sys.setswitchinterval(_SWITCH)
    return Gate(FeedReader(database, settings.base_url, mark=CommitMark(database)), make)
