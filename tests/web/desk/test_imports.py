"""A file of learners: looked at, brought in at a press, and no mail before it."""

from __future__ import annotations

import html
import io
from datetime import timedelta

import pytest
from sqlalchemy import update

from feedserver.services import import_jobs
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import Delivery
from feedserver.web.admin import imports
from tests.web.desk.conftest import Desk

CSV = "email,name,team\nmia@example.org,Mia Kern,North\nali@example.org,Ali\nwrong,Nobody\nmia@example.org,Mia again\n"


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def upload(desk: Desk, text: str | bytes = CSV, status: int = 303, **fields):
    data = text.encode() if isinstance(text, str) else text
    return desk.send("/learners/import", status, file=(io.BytesIO(data), "people.csv"), **fields)


def mails(desk: Desk) -> int:
    return desk.do(lambda work: work.db.query(Delivery).count())


def test_it_is_looked_at_first_and_then_brought_in(desk: Desk):
    path = upload(desk).location
    page = html.unescape(desk.get(path))
    assert "This is what will happen" in page and "The same e-mail as in line 2." in page and "'wrong'" in page
    assert "Mia Kern" not in desk.get("/learners") and "No mail is sent" in page
    desk.send(path)
    assert "Brought in" in desk.get(path) and "Mia Kern" in desk.get("/learners")


def test_the_same_file_again_changes_nothing(desk: Desk):
    desk.send(upload(desk).location)
    page = desk.get(upload(desk).location)
    assert "<dt>New learners</dt><dd>0</dd>" in page and "<dt>As they were</dt><dd>2</dd>" in page


def test_a_group_s_invitations_are_announced_and_wait_for_the_button(desk: Desk):
    desk.session("Bo")
    before = mails(desk)
    path = upload(desk, group_id="1").location
    page = desk.get(path)
    assert "up to 2" in page and "Bring them in and send" in page and mails(desk) == before
    desk.send(path)
    assert mails(desk) == before + 2 and "<dt>Invitations</dt><dd>2</dd>" in desk.get(path)
    desk.send(path)
    assert mails(desk) == before + 2


def test_newcomers_are_welcomed_where_that_is_on(desk: Desk):
    desk.do(lambda work: work.db.execute(update(Organisation).values(welcome=True)))
    path = upload(desk, welcome="on").location
    assert mails(desk) == 0
    desk.send(path)
    assert mails(desk) == 2


def test_a_long_one_goes_on_behind_the_page_and_shows_how_far_it_is(desk: Desk, monkeypatch):
    monkeypatch.setattr(imports, "_PATIENCE", 0)
    monkeypatch.setattr(imports.threading.Thread, "start", lambda self: None)
    monkeypatch.setattr(import_jobs, "PIECE", 1)
    path = upload(desk).location
    desk.send(path)
    page = desk.get(path)
    assert 'http-equiv="refresh"' in page and "0 of 4 lines" in page
    desk.clock.now += timedelta(minutes=1)
    assert "Go on" in desk.get(path)
    monkeypatch.setattr(imports, "_PATIENCE", 60)
    desk.send(path)
    assert "Brought in" in desk.get(path) and "<dt>New learners</dt><dd>2</dd>" in desk.get(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Choose a file"),
        ("email\n", "missing"),
        (b"PK\x03\x04", "spreadsheet"),
        ("email,name\n", "no line"),
        ("email,shoe\n", "no column"),
    ],
)
def test_what_is_no_list_is_refused_in_words(desk: Desk, text, why):
    assert why in upload(desk, text, 422).text


def test_another_organisation_s_import_is_not_there(desk: Desk):
    path = upload(desk).location
    with desk.house.database.write() as db:
        other = {"name": "Globex", "mailbox_name": "G", "mailbox_address": "g@g.example", "mailbox_key": "g@g.example", "timezone": "UTC"}
        db.add(Organisation(**other, created_at=desk.clock.now))
    desk.organisation_id = 2
    desk.sign_in("greta@example.org", "owner")
    assert "There is no import" in desk.get(path, 404)
