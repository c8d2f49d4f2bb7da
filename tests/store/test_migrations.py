"""An upgrade keeps every row: a rebuilt table must not take with it what refers to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from feedserver.store.database import Database
from feedserver.store.migrations import upgrade
from tests.support.databases import sqlite_copy

PERSON = {"id": 1, "organisation_id": 1, "email": "m@b", "email_key": "m@b", "created_at": 0}
ROWS = {
    "organisations": {
        "id": 1,
        "name": "A",
        "mailbox_name": "A",
        "mailbox_address": "a@b",
        "mailbox_key": "a@b",
        "timezone": "UTC",
        "locale": "en",
    },
    "courses": {"id": 1, "organisation_id": 1, "name": "C", "description": "", "url": "", "version": 1},
    "sign_ins": {**PERSON, "role": "owner"},
    "learners": {**PERSON, "name": "Mia", "timezone": "UTC", "locale": "en", "channel": "both", "page_id": "p", "version": 1},
    "learner_aliases": {"id": 1, "learner_id": 1, "address_key": "x@b"},
}


def test_rows_of_the_first_version_are_there_after_the_upgrade(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(url, "0001")
    engine = create_engine(url)
    with engine.begin() as db:
        for table, values in ROWS.items():
            values = {**values, "created_at": 0}
            db.execute(text(f"INSERT INTO {table} ({', '.join(values)}) VALUES (:{', :'.join(values)})"), values)
    upgrade(url)
    with engine.connect() as db:
        assert {table: db.scalar(text(f"SELECT count(*) FROM {table}")) for table in ROWS} == dict.fromkeys(ROWS, 1)
    engine.dispose()


def test_foreign_keys_hold_again_after_an_upgrade(tmp_path: Path):
    database = Database(sqlite_copy(tmp_path / "new.db"))
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), database.write() as db:
        db.execute(text("INSERT INTO learner_aliases (learner_id, address_key, created_at) VALUES (9, 'x', 0)"))
    database.close()
