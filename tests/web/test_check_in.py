"""Checking in with a phone: the code says where, a link of one's own says who, and nobody does it for somebody else."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver import tokens
from feedserver.services import checking_in, refilling
from feedserver.store import keys
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from feedserver.web.catalogues import language
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
TEMPLATES = Path(__file__).parents[2] / "templates" / "learner"
DURING = datetime(2027, 3, 10, 13, 30, tzinfo=UTC)


@pytest.fixture
def code(visitor: Desk) -> str:
    """What is scanned now from the wall of the session of Mia and Ali."""
    visitor.session("Mia", "Ali")
    visitor.clock.now = DURING
    return _code(visitor)


def test_a_phone_that_is_not_known_gets_a_link_by_mail_and_then_one_press_does(visitor: Desk, code: str):
    page = visitor.get(code)
    assert "I am here" not in page and "Your e-mail address" in page
    _press(visitor, code, page, do="mail", address="MIA@example.org")
    link = _mailed(visitor)
    assert "You are Mia?" in visitor.get(link) and _status(visitor, 1) == "Invited"
    assert "You are checked in" in _press(visitor, link, visitor.get(link), do="here")
    assert _status(visitor, 1) == "Attended"


def test_next_time_the_phone_is_known(visitor: Desk, code: str):
    _press(visitor, code, visitor.get(code), do="mail", address="mia@example.org")
    link = _mailed(visitor)
    _press(visitor, link, visitor.get(link), do="here")
    visitor.do(lambda work: setattr(work.db.get_one(Enrolment, 1), "checked_in_at", None))
    page = visitor.get(_code(visitor))
    assert "You are Mia?" in page
    assert "You are checked in" in _press(visitor, code, page, do="here")


def test_who_has_answered_on_their_own_page_is_known_too(visitor: Desk, code: str):
    mine = visitor.my_page(visitor.do(lambda work: work.db.get_one(Learner, 1)))
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(mine))[1])
    answered = visitor.client.post(f"{mine}/answers/1", data={"answer": "yes", "nonce": nonce})
    assert "Path=/check-in" in answered.headers["Set-Cookie"] and "HttpOnly" in answered.headers["Set-Cookie"]
    assert "You are Mia?" in visitor.get(code)


def test_the_page_does_not_tell_who_is_in_the_session(visitor: Desk, code: str):
    page = visitor.get(code)
    known, unknown = (_press(visitor, code, page, do="mail", address=a) for a in ("mia@example.org", "eve@example.org"))
    assert known.replace("mia@", "eve@") == unknown and len(_mails(visitor)) == 1


def test_one_mail_in_two_minutes_however_often_it_is_asked_for(visitor: Desk, code: str):
    for _ in range(5):
        _press(visitor, code, visitor.get(code), do="mail", address="mia@example.org")
    visitor.clock.pass_by(minutes=2, seconds=1)
    _press(visitor, _code(visitor), visitor.get(_code(visitor)), do="mail", address="mia@example.org")
    assert len(_mails(visitor)) == 2


def test_a_code_runs_out_after_three_minutes(visitor: Desk, code: str):
    visitor.clock.pass_by(minutes=3)
    visitor.get(code)
    visitor.clock.pass_by(seconds=1)
    assert "This code has run out" in visitor.get(code, 404)


@pytest.mark.parametrize("wrong", ["/check-in/1-9999999999", "/check-in/me/1", "/check-in/" + "x" * 3000])
def test_what_we_did_not_sign_is_nothing(visitor: Desk, code: str, wrong):
    assert visitor.client.get(wrong).status_code == 404


def test_a_press_without_an_open_page_does_nothing(visitor: Desk, code: str):
    assert visitor.client.post(code, data={"do": "mail", "address": "mia@example.org"}).status_code == 409
    assert _mails(visitor) == []


def test_no_known_phone_checks_somebody_in_who_is_not_in_the_session(visitor: Desk, code: str):
    visitor.client.set_cookie("feedserver_phone", "made-up", path="/check-in")
    assert "I am here" not in visitor.get(code)
    assert "Your e-mail address" in _press(visitor, code, visitor.get(code), do="here") and _status(visitor, 1) == "Invited"


def test_hours_before_it_is_closed(visitor: Desk, code: str):
    visitor.clock.now = datetime(2027, 3, 10, 9, tzinfo=UTC)
    assert "Check-in is open from 30 minutes" in visitor.get(_code(visitor))


def test_looking_changes_nothing_however_often(visitor: Desk, code: str):
    link = _personal(visitor)
    with visitor.statements() as told:
        for path in (code, link):
            for method in ("get", "head", "options"):
                getattr(visitor.client, method)(path)
    assert told and writes(told) == []


def test_a_german_reads_german(visitor: Desk, code: str):
    visitor.do(lambda work: setattr(work.db.get_one(Learner, 1), "locale", "de"))
    assert "Ich bin da" in visitor.get(_personal(visitor))
    assert "Link zuschicken" in visitor.client.get(code, headers={"Accept-Language": "de-AT"}).text


@pytest.mark.parametrize("name", ["check_in.html", "join.html"])
def test_every_sentence_is_there_in_german(name):
    said = set(re.findall(r'say\("([^"]+)"', (TEMPLATES / name).read_text()))
    german = language("de")
    assert len(said) > 8 and {one for one in said if german.translations.gettext(one) == one} == set()


def _code(visitor: Desk) -> str:
    url = visitor.do(lambda work: checking_in.code_url(work, work.db.get_one(LiveSession, 1)))
    return url.removeprefix("http://127.0.0.1:8000")


def _personal(visitor: Desk) -> str:
    return visitor.do(lambda work: f"/check-in/me/{tokens.sign(tokens.CHECK_IN_MAIL, '1', work.key_secret)}")


def _mails(visitor: Desk) -> list[Delivery]:
    with visitor.house.database.read() as db:
        return list(db.scalars(select(Delivery).where(Delivery.kind == "check_in").order_by(Delivery.id)))


def _mailed(visitor: Desk) -> str:
    """The link in the one mail that went out."""
    (row,) = _mails(visitor)
    with visitor.house.database.read() as db:
        raw = refilling.refill(db, row, keys.usable(db)[row.key_id])
    assert row.recipient == "mia@example.org" and row.method is None
    return re.search(r"http://127\.0\.0\.1:8000(/check-in/me/[\w.-]+)", raw.decode().replace("=\r\n", ""))[1]


def _press(visitor: Desk, path: str, page: str, **fields: str) -> str:
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', page)[1])
    return visitor.client.post(path, data={"nonce": nonce, **fields}).text


def _status(visitor: Desk, number: int) -> str:
    with visitor.house.database.read() as db:
        return db.get(Enrolment, number).status
