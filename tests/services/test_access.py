"""Who comes in, for how long, and how often a link works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedserver.errors import Invalid
from feedserver.services import access
from feedserver.services.house import House
from feedserver.store.database import Database
from feedserver.store.organisations import Organisation
from feedserver.store.rows import ApiToken, BrowserSession, SignInLink

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    with database.write() as db:
        db.add(Organisation(name="A", mailbox_name="A", mailbox_address="a@a", mailbox_key="a@a", timezone="UTC", created_at=NOON))
    yield database
    database.close()


@pytest.fixture
def do(database):
    house = House(database, "http://h", clock=lambda: NOON)
    return lambda verb: house.run(1, "system", verb)


def test_a_token_opens_until_it_is_revoked(database, do):
    text = do(lambda work: access.create_token(work, "importer"))
    with database.read() as db:
        assert access.token_of(db, text).name == "importer" and access.token_of(db, f"{text}x") is None
        assert db.query(ApiToken).one().digest not in text
    do(lambda work: access.revoke_token(work, 1))
    with database.read() as db:
        assert access.token_of(db, text) is None


def test_a_token_holds_for_a_year_unless_somebody_says_otherwise(database, do):
    year, week = do(lambda work: access.create_token(work, "importer")), do(lambda work: access.create_token(work, "trial", 7))
    with database.read() as db:
        ends = [access.token_of(db, text).expires_at - NOON for text in (year, week)]
    assert ends == [timedelta(days=365), timedelta(days=7)]
    for days in (0, 4000):
        with pytest.raises(Invalid, match="1 to 3650 days"):
            do(lambda work, days=days: access.create_token(work, "wrong", days))


def test_the_use_of_a_token_is_noted_now_and_then(database, do):
    text = do(lambda work: access.create_token(work, "importer"))
    for minutes, noted in ((0, 0), (2, 0), (6, 6)):
        with database.read() as db:
            token = access.token_of(db, text)
        access.note_token_use(database, token, NOON + timedelta(minutes=minutes))
        with database.read() as db:
            assert access.token_of(db, text).last_used_at == NOON + timedelta(minutes=noted)


def test_a_link_signs_in_once(database, do):
    link = do(lambda work: access.create_sign_in(work, "Ada@Example.org", "owner"))
    with database.write() as db:
        assert access.link_is_good(db, link, NOON)
        secret = access.use_link(db, link, NOON)
        assert access.use_link(db, link, NOON) is None and not access.link_is_good(db, link, NOON)
        assert access.signed_in(db, secret, NOON).role == "owner"
        assert {link, secret}.isdisjoint({row.digest for row in (*db.query(SignInLink), *db.query(BrowserSession))})


@pytest.mark.parametrize(("hours", "good"), [(23, True), (25, False)])
def test_a_link_lives_a_day(database, do, hours, good):
    link = do(lambda work: access.create_sign_in(work, "ada@example.org", "viewer"))
    with database.write() as db:
        assert (access.use_link(db, link, NOON + timedelta(hours=hours)) is not None) is good


def test_a_browser_is_forgotten_when_idle_and_after_a_week(database, do):
    link = do(lambda work: access.create_sign_in(work, "ada@example.org", "viewer"))
    with database.write() as db:
        secret = access.use_link(db, link, NOON)
        assert access.signed_in(db, secret, NOON + timedelta(hours=13)) is None
    for hours in range(0, 7 * 24, 11):
        assert access.visit(database, secret, NOON + timedelta(hours=hours)) is not None
    assert access.visit(database, secret, NOON + timedelta(days=7)) is None


def test_signing_out_and_shutting_out_end_it(database, do):
    for end in ("sign out", "shut out"):
        link = do(lambda work: access.create_sign_in(work, "ada@example.org", "viewer"))
        with database.write() as db:
            secret = access.use_link(db, link, NOON)
            if end == "sign out":
                access.sign_out(db, secret, NOON)
        if end == "shut out":
            do(lambda work: access.disable_sign_in(work, access.list_sign_ins(work)[0].id))
        assert access.visit(database, secret, NOON) is None


def test_a_later_link_carries_the_later_role(database, do):
    do(lambda work: access.create_sign_in(work, "ada@example.org", "viewer"))
    do(lambda work: access.create_sign_in(work, "ADA@example.org", "owner"))
    assert [(s.email, s.role) for s in do(access.list_sign_ins)] == [("ada@example.org", "owner")]
    with pytest.raises(Invalid, match="king"):
        do(lambda work: access.create_sign_in(work, "ada@example.org", "king"))


@pytest.mark.parametrize("text", ["", "x", "x" * 10_000, "ü" * 40, "' OR 1=1 --" * 3])
def test_no_other_text_opens_anything(database, text):
    with database.write() as db:
        assert access.token_of(db, text) is None
        assert access.use_link(db, text, NOON) is None and access.signed_in(db, text, NOON) is None
