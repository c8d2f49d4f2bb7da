from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import World


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    """On SQLite alone, for what the database has no part in."""
    one = World(sqlite_url)
    yield one
    one.close()


@pytest.fixture
def anywhere(database_url: str) -> Iterator[World]:
    """On each database, for what is done in SQL."""
    one = World(database_url)
    yield one
    one.close()
