"""Bringing the schema up to date: Alembic without an ini file, in one transaction, safe when two processes start at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event

from .database import Database

_FOLDER = Path(__file__).resolve().parents[2] / "migrations"
_LOCK = 5317_2026


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` up to `revision`; waits for another process that is doing it."""
    _run(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str = "base") -> None:
    """Migrate down (tests of the migrations use it)."""
    _run(url, lambda config: command.downgrade(config, revision))


def _run(url: str, step) -> None:
    database = Database(url)
    if database.is_sqlite:
        event.listen(database.engine, "connect", _without_cascades)
    try:
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            step(_config(connection))
            if database.is_sqlite and (lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                raise RuntimeError(f"The migration would leave rows of {lost[0]} that refer to nothing; nothing was changed.")
    finally:
        database.close()


def _without_cascades(connection: sqlite3.Connection, _record: object) -> None:
    """Alembic rebuilds a table by dropping the old one: with foreign keys on, all that refers to it would go with it by ON DELETE CASCADE."""
    connection.execute("PRAGMA foreign_keys=OFF")


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one this code was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head
