from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from feedserver.commands import parts
from feedserver.services.house import House
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.base import Base


@dataclass
class Desk:
    """Where the person who runs the server types commands: `desk(command, *arguments)`, then looks at the rows."""

    folder: Path
    found: Settings
    house: House
    number: int

    def __call__(self, command: click.Command, *arguments: str) -> Result:
        """Run a command; an error that is not ours is raised."""
        return CliRunner().invoke(command, list(arguments), catch_exceptions=True)

    def do(self, verb: Callable[[Work], Any]) -> Any:
        """A verb in a transaction."""
        return self.house.run(self.number, "test", verb)

    def count(self, row: type[Base], *where) -> int:
        """How many rows there are."""
        with self.house.database.read() as db:
            return db.scalar(select(func.count()).select_from(row).where(*where))

    def file(self, text: str | bytes, name: str = "learners.csv") -> str:
        """A file with this in it."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)


def _desk(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEEDSERVER_DATABASE_URL", url)
    monkeypatch.setenv("FEEDSERVER_SECRET_KEYS", "tests-only-not-a-secret-0123456789")
    found = parts.settings()
    house = parts.house(found)
    yield Desk(tmp_path, found, house, parts.first_organisation(found, house.database))
    house.database.close()


@pytest.fixture
def desk(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """On each database."""
    yield from _desk(tmp_path, database_url, monkeypatch)


@pytest.fixture
def quick(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """On SQLite alone, for what the database has no part in."""
    yield from _desk(tmp_path, sqlite_url, monkeypatch)
