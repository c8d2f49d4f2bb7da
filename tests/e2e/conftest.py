from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import databases

from .world import World


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A product for all tests of a file, on each database; every edit goes out at once."""
    folder = tmp_path_factory.mktemp("world")
    if request.param == "sqlite":
        with World.open(folder) as world:
            yield world
    else:
        with databases.postgresql_copy() as url, World.open(folder, database_url=url) as world:
            yield world
