"""The database behind the rows: engines for SQLite and PostgreSQL that guard alike (design decision 12).

SQLite: WAL, `synchronous=FULL` for what people and mail entrust to us, `BEGIN IMMEDIATE` for every write, so that a write transaction
never fails half way for a lock. PostgreSQL: `synchronous_commit` and rows locked by the verbs. A lock that is lost is tried again here.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from ..errors import Unavailable

T = TypeVar("T")
_TRIES = 8
_TRIES_OF_THE_SAME = 3
_RETRYABLE = ("40001", "40P01", "55P03")


class Database:
    """One database: `read()` and `write()` give sessions, `run()` a write transaction that survives lost locks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _engine(url)
        self._local = threading.local()
        self._write = sessionmaker(self.engine, expire_on_commit=False)
        self._read = sessionmaker(self.engine.execution_options(readonly=True), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that takes no write lock."""
        with self._read() as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One write transaction: committed at the end, rolled back on any error."""
        with self._write.begin() as db:
            yield db

    def run(self, verb: Callable[[Session], T]) -> T:
        """`verb(db)` in a write transaction, again from the start where a lock or a serialisation was lost; `Unavailable` after eight."""
        for attempt in range(_TRIES):
            try:
                with self.write() as db:
                    return verb(db)
            except (DBAPIError, StaleDataError) as error:
                if not _lost_a_race(error) and not (attempt < _TRIES_OF_THE_SAME and _made_twice(error)):
                    raise
                time.sleep(0.01 * 2**attempt)
        raise Unavailable("The database is busy; try again in a moment.")

    def raw(self):
        """This thread's own DBAPI connection for the hottest reads and marks, in autocommit, without SQLAlchemy's machinery."""
        if self.is_sqlite:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = sqlite3.connect(self.engine.url.database, timeout=30, isolation_level=None, cached_statements=256)
                connection.execute("PRAGMA synchronous=NORMAL")
                self._local.connection = connection
            return connection
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed or connection.broken:
            import psycopg

            url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
            connection = psycopg.connect(url, autocommit=True, connect_timeout=5, options="-c synchronous_commit=off")
            self._local.connection = connection
        return connection

    def drop_raw(self) -> None:
        """Forget this thread's raw connection (after an error on it)."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    def close(self) -> None:
        """Give all connections back."""
        self.drop_raw()
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=10, max_overflow=20, pool_pre_ping=True)
    path = url.partition(":///")[2].partition("?")[0]
    Path(path).resolve().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"timeout": 30, "check_same_thread": False, "cached_statements": 256},
        pool_size=10,
        max_overflow=30,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "temp_store=MEMORY",
        "cache_size=-32000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection) -> None:
    readonly = connection.get_execution_options().get("readonly")
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


def _lost_a_race(error: Exception) -> bool:
    if isinstance(error, StaleDataError):
        return True
    if isinstance(error, OperationalError) and "database is locked" in str(error.orig):
        return True
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _RETRYABLE


def _made_twice(error: Exception) -> bool:
    """Somebody else made the same meanwhile: tried again, the verb finds it and says so. (SQLite lets one write at a time, so there it is no race.)"""
    return isinstance(error, IntegrityError) and getattr(error.orig, "sqlstate", None) == "23505"
