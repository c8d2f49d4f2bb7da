# ruff: noqa: E402
import zoneinfo  # isort: skip

zoneinfo.reset_tzpath(to=())  # the pinned tzdata wheel, never the machine's own zone data

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings

from tests.support import browsing, databases
from tests.support.compiled import CompiledOnce

settings.register_profile("ci", derandomize=True, max_examples=60, deadline=None, print_blob=True)
settings.register_profile("dev", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

Flask.jinja_options = {"bytecode_cache": CompiledOnce()}
browser = browsing.browser
page = browsing.page

_run = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that the person started owns the run; xdist's workers find it in the environment."""
    if not hasattr(config, "workerinput"):
        config.stash[_run] = databases.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _run in config.stash:
        databases.end_run(config.stash[_run])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"browser", "page"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it for garbage again and again took a third of the time of a test of pages."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    return databases.sqlite_copy(tmp_path / "feedserver.db")


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A fresh, migrated PostgreSQL database. Where no server can be started the test fails with the reason."""
    with databases.postgresql_copy() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database: a test that asks for it runs on SQLite and on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")
