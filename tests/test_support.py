"""The ground the other tests stand on."""

from __future__ import annotations

import subprocess
import sys
import zoneinfo
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from tests.support import databases
from tests.support.browsing import axe
from tests.support.product import NotUp, Product

STAND_IN = """
import signal, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

def end(*_):
    sys.exit(0)

server = HTTPServer(("127.0.0.1", 0), Health)
signal.signal(signal.SIGTERM, end)
{extra}
print(f"web: http://127.0.0.1:{{server.server_port}}")
print("mail: smtp://127.0.0.1:2525", "worker: ready", "ready", sep="\\n", flush=True)
server.serve_forever()
"""


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


def test_the_server_of_a_killed_run_is_stopped_by_the_next():
    program = (
        "from tests.support import databases, postgres; import os, signal\n"
        "folder = databases.begin_run(); print(postgres.start(folder / 'pg')); print(folder, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True).stdout
    url, folder = said.split()
    assert psycopg.connect(_plain(url)).execute("SELECT 1").fetchone() == (1,)
    databases.clear_dead_runs()
    assert not Path(folder).exists()


def test_zone_data_are_the_pinned_ones():
    assert zoneinfo.TZPATH == ()


def test_axe_sees_what_a_screen_reader_would_stumble_over(page):
    page.set_content("<html lang=en><title>t</title><main><h1>Sessions</h1><img src='data:,'></main>")
    assert [line.split()[0] for line in axe(page)] == ["image-alt"]


def test_product_waits_until_all_is_up_and_ends_it_cleanly(tmp_path):
    with Product(stand_in(tmp_path)) as product:
        assert product.smtp_port == 2525
        assert product.request("GET", "/healthz")[0] == 200
    assert product.processes == {}


def test_product_tells_the_last_words_of_a_start_that_failed(tmp_path):
    with pytest.raises(NotUp, match="no such relay"), Product(stand_in(tmp_path, "sys.exit('no such relay')")):
        pass


def test_product_finds_a_child_that_was_left_behind(tmp_path):
    extra = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    with pytest.raises(AssertionError, match="left behind"), Product(stand_in(tmp_path, extra)):
        pass


def stand_in(folder: Path, extra: str = "") -> Path:
    """A feedserver of fifteen lines: in the working directory it is found before the real one."""
    (folder / "feedserver").mkdir()
    (folder / "feedserver" / "__main__.py").write_text(STAND_IN.format(extra=extra))
    (folder / "feedserver" / "__init__.py").touch()
    return folder


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")
