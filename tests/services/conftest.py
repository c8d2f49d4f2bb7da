from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """On each database."""
    one = World(database_url)
    yield one
    one.close()
