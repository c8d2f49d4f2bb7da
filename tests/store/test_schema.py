"""The schema: up, down, up again on both databases, the models and the migrations say the same, and two may start at once."""

from __future__ import annotations

import subprocess
import sys

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from feedserver.store import migrations
from feedserver.store.rows import Base
from tests.support import databases


def tables(url: str) -> set[str]:
    engine = sqlalchemy.create_engine(url)
    try:
        return set(sqlalchemy.inspect(engine).get_table_names()) - {"alembic_version", "sqlite_sequence"}
    finally:
        engine.dispose()


def differences(url: str) -> list:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
    finally:
        engine.dispose()


def test_up_down_and_up_again(database_url):
    migrations.downgrade(database_url)
    assert tables(database_url) == set()
    migrations.upgrade(database_url)
    assert tables(database_url) == set(Base.metadata.tables)


def test_each_step_can_be_taken_back_and_taken_again(database_url):
    migrations.downgrade(database_url, "-1")
    assert differences(database_url)
    migrations.upgrade(database_url, "+1")
    assert differences(database_url) == []


def test_the_models_and_the_migrations_say_the_same(database_url):
    assert differences(database_url) == []


def test_a_constraint_that_a_rule_relies_on_is_in_the_database(database_url):
    engine = sqlalchemy.create_engine(database_url)
    names = {c["name"] for c in sqlalchemy.inspect(engine).get_check_constraints("seats")}
    engine.dispose()
    assert {"ck_seats_within_capacity", "ck_seats_not_negative"} <= names


def migrate_at_once(url: str) -> None:
    """Three processes that were started together."""
    program = f"from feedserver.store import migrations; migrations.upgrade({url!r})"
    running = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said


def test_three_processes_may_migrate_at_once_on_sqlite(tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    migrate_at_once(url)
    assert tables(url) == set(Base.metadata.tables) and differences(url) == []


def test_three_processes_may_migrate_at_once_on_postgresql():
    with databases.postgresql_copy() as url:
        migrations.downgrade(url)
        migrate_at_once(url)
        assert tables(url) == set(Base.metadata.tables) and differences(url) == []
