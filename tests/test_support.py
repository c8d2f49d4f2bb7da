"""The ground the other tests stand on."""

from __future__ import annotations

import zoneinfo

import psycopg
import sqlalchemy

from tests.support import databases, postgres
from tests.support.browsing import axe


def test_each_database_comes_migrated_and_empty(database_url):
    engine = sqlalchemy.create_engine(database_url)
    tables = sqlalchemy.inspect(engine).get_table_names()
    engine.dispose()
    assert "alembic_version" in tables and len(tables) > 10


def test_two_postgresql_databases_share_a_server_and_nothing_else(postgresql_url):
    with databases.postgresql_copy() as other, psycopg.connect(_plain(other), autocommit=True) as db:
        db.execute("CREATE TABLE here_only (n int)")
        with psycopg.connect(_plain(postgresql_url)) as first:
            assert first.execute("SELECT to_regclass('here_only')").fetchone() == (None,)


def test_the_server_of_a_killed_run_is_stopped_by_the_next(tmp_path_factory):
    import subprocess
    import sys

    program = (
        "from tests.support import databases, postgres; import os, signal\n"
        "folder = databases.begin_run(); print(postgres.start(folder / 'pg')); print(folder, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True).stdout
    url, folder = said.split()
    assert psycopg.connect(_plain(url)).execute("SELECT 1").fetchone() == (1,)
    databases.clear_dead_runs()
    assert not databases.Path(folder).exists()


def test_zone_data_are_the_pinned_ones():
    assert zoneinfo.TZPATH == ()


def test_axe_sees_what_a_screen_reader_would_stumble_over(page):
    page.set_content("<html lang=en><title>t</title><main><h1>Sessions</h1><img src='data:,'></main>")
    assert [line.split()[0] for line in axe(page)] == ["image-alt"]


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")
