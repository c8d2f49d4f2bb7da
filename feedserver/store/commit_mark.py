"""Whether anything was committed to an SQLite database since one last looked, without asking SQLite.

Every commit in WAL mode rewrites the header of the WAL index, which SQLite keeps in memory shared by all processes; its own readers
decide by the same 96 bytes whether what they hold still counts (sqlite.org/walformat.html 2.1). A query, however short, gives
Python's global lock away four times, and with several threads that costs more than the query: 45 against 30 microseconds a 304.
"""

from __future__ import annotations

import ctypes
import sqlite3
from pathlib import Path

from .database import Database

_HEADER = 96
_MAPS = Path("/proc/self/maps")


class CommitMark:
    """`mark()` gives bytes that differ after every commit by anybody; None where there are none (PostgreSQL, not Linux): then ask."""

    def __init__(self, database: Database) -> None:
        self._connection: sqlite3.Connection | None = None
        self._header: ctypes.Array | None = None
        if database.is_sqlite and _MAPS.exists():
            path = Path(database.engine.url.database).resolve()
            # While this connection is open SQLite neither unmaps the index nor starts a new one.
            self._connection = sqlite3.connect(path, check_same_thread=False)
            self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            address = _mapped(f"{path}-shm")
            if address is not None:
                self._header = (ctypes.c_char * _HEADER).from_address(address)

    def __call__(self) -> bytes | None:
        """The mark now."""
        return None if self._header is None else self._header.raw

    def close(self) -> None:
        """Let go of the memory, then of the connection that keeps it."""
        self._header = None
        if self._connection is not None:
            self._connection.close()


def _mapped(path: str) -> int | None:
    """Where the beginning of this file is mapped."""
    for line in _MAPS.read_text().splitlines():
        addresses, _, offset, _, _, name = [*line.split(maxsplit=5), ""][:6]
        if name == path and int(offset, 16) == 0:
            return int(addresses.partition("-")[0], 16)
    return None
