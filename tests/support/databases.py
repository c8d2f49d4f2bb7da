"""Fresh databases with the schema in them, one a test: copied from a template that is migrated once a run.

All workers of a run share one folder and one PostgreSQL. The folder is locked by the process that made it for as long
as that lives, so what a killed run leaves behind is recognised and cleared by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from . import postgres

_VARIABLE = "FEEDSERVER_TEST_RUN"
_PREFIX = "feedserver-test-"
_alive: dict[Path, int] = {}


def begin_run() -> Path:
    """Make the folder of this run and name it to the workers; clears what killed runs left."""
    clear_dead_runs()
    # Not the user's TMPDIR: a socket's path is 107 bytes at most, and nobody must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))
    folder.chmod(0o755)
    handle = os.open(folder / "alive.half", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    (folder / "alive.half").rename(folder / "alive")  # never seen unlocked while we live
    _alive[folder] = handle
    os.environ[_VARIABLE] = str(folder)
    return folder


def end_run(folder: Path) -> None:
    """Stop the server and remove all databases of the run."""
    given = os.environ.get("FEEDSERVER_TEST_PG_URL")
    if given and (folder / "postgres.url").exists():
        _execute(make_url(given), f'DROP DATABASE IF EXISTS "{_template(folder)}" WITH (FORCE)')
    postgres.stop(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)
    os.close(_alive.pop(folder))


def clear_dead_runs() -> None:
    """End the servers and remove the folders of runs whose process is gone."""
    for folder in Path("/tmp").glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), _locked(folder / "alive", fcntl.LOCK_EX | fcntl.LOCK_NB, os.O_RDWR):
            postgres.stop(folder / "pg")
            shutil.rmtree(folder, ignore_errors=True)


def sqlite_copy(path: Path) -> str:
    """A migrated SQLite database at `path`; returns its URL."""
    template = _once("template.db", lambda target: _migrate(f"sqlite:///{target}"))
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@contextlib.contextmanager
def postgresql_copy() -> Iterator[str]:
    """A migrated PostgreSQL database, dropped afterwards; gives its URL. Raises `NoPostgres`."""
    server = make_url(_once("postgres.url", _start_postgresql).read_text())
    name = f"t_{uuid.uuid4().hex[:16]}"
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{_template(_folder())}"')
    try:
        yield _text(server.set(database=name))
    finally:
        _execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _start_postgresql(target: Path) -> None:
    given = os.environ.get("FEEDSERVER_TEST_PG_URL")
    server = make_url(given or postgres.start(_folder() / "pg"))
    template = _template(_folder())
    _execute(server, f'CREATE DATABASE "{template}"')
    _migrate(_text(server.set(database=template)))
    target.write_text(_text(server))


def _migrate(url: str) -> None:
    from feedserver.store import migrations

    migrations.upgrade(url)


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """The file `name` of the run, made by the first worker that asks; a failure is told to every later one too."""
    path = _folder() / name
    failure = path.with_suffix(".failed")
    with _locked(path.with_suffix(".lock"), fcntl.LOCK_EX):
        if failure.exists():
            raise postgres.NoPostgres(failure.read_text())
        if not path.exists():
            half = path.with_suffix(".half")
            try:
                make(half)
            except Exception as error:
                failure.write_text(f"{name} could not be made: {type(error).__name__}: {error}")
                raise
            half.rename(path)
    return path


@contextlib.contextmanager
def _locked(path: Path, how: int, flags: int = os.O_CREAT | os.O_RDWR) -> Iterator[None]:
    handle = os.open(path, flags)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _folder() -> Path:
    return Path(os.environ[_VARIABLE])


def _template(folder: Path) -> str:
    return f"template_{folder.name.removeprefix(_PREFIX)}".lower()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _execute(server: URL, statement: str) -> None:
    with psycopg.connect(_text(server.set(drivername="postgresql")), autocommit=True) as connection:
        connection.execute(statement)
