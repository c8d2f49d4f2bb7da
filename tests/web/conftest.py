"""Pages and API on both databases where they ask it something of their own; what lies below them is tested on both by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

ON_BOTH = {
    "test_every_page", "test_reports", "test_calendar", "test_today", "test_session_page", "test_stories", "test_series", "test_tenancy", "test_idempotency",
    "test_pages_of_lists", "test_milestones", "test_health", "test_answers", "test_proposals", "test_series_lists",
}  # fmt: skip
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the second run of tests that are about forms, words and refusals."""
    again = [item for item in items if _HERE in item.path.parents and item.path.stem not in ON_BOTH and _database(item) == "postgresql"]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item not in set(again)]


def _database(item: pytest.Item) -> str:
    return (getattr(item, "callspec", None) and item.callspec.params.get("database_url", "")) or ""
