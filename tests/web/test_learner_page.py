"""The learner's own page: whoever has the address sees one plan, answers by a button, and subscribes."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver.services import scheduling
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.web.catalogues import language
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
TEMPLATE = Path(__file__).parents[2] / "templates" / "learner" / "page.html"


@pytest.fixture
def mia(visitor: Desk) -> str:
    """The path of Mia's page; she is invited to one session."""
    visitor.session("Mia", "Ali", title="Fire <b>safety</b>", location="Room 5")
    return visitor.my_page(_learner(visitor, "Mia"))


def test_mia_sees_her_session_in_her_zone_and_says_yes(visitor: Desk, mia: str):
    page = visitor.get(mia)
    assert "Fire &lt;b&gt;safety&lt;/b&gt;" in page and "14:00–15:00 (Berlin time, CET)" in page and "Invited" in page
    page = _press(visitor, mia, "yes")
    assert "Your answer is noted" in page and "Registered" in page and 'aria-pressed="true"' in page
    assert _status(visitor, 1) == "Registered"


@pytest.mark.parametrize(("value", "status"), [("maybe", "Invited"), ("no", "Declined")])
def test_maybe_is_noted_and_no_gives_the_seat_up(visitor: Desk, mia: str, value, status):
    _press(visitor, mia, value)
    assert _status(visitor, 1) == status


def test_looking_changes_nothing_however_often(visitor: Desk, mia: str):
    with visitor.statements() as told:
        for method in ("get", "head", "options"):
            getattr(visitor.client, method)(mia)
            getattr(visitor.client, method)(f"{mia}/answers/1?answer=yes")
    assert told and writes(told) == []


@pytest.mark.parametrize("nonce", ["", "made-up", "x" * 5000])
def test_a_press_without_an_open_page_does_nothing(visitor: Desk, mia: str, nonce):
    visitor.client.post(f"{mia}/answers/1", data={"answer": "no", "nonce": nonce})
    assert _status(visitor, 1) == "Invited"


def test_a_page_left_open_over_night_asks_to_press_again(visitor: Desk, mia: str, monkeypatch):
    page = visitor.get(mia)
    monkeypatch.setattr("feedserver.web.learner.views._OPEN_FOR", -1)
    assert "open for a long time" in _press(visitor, mia, "no", page)
    assert _status(visitor, 1) == "Invited"


def test_mia_cannot_answer_for_ali(visitor: Desk, mia: str):
    nonce = _nonce(visitor.get(mia))
    assert visitor.client.post(f"{mia}/answers/2", data={"answer": "no", "nonce": nonce}).status_code == 404
    assert _status(visitor, 2) == "Invited"


def test_another_site_cannot_press_for_her(visitor: Desk, mia: str):
    data = {"answer": "no", "nonce": _nonce(visitor.get(mia))}
    refused = visitor.client.post(f"{mia}/answers/1", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403 and _status(visitor, 1) == "Invited"


def test_a_wrong_address_is_like_no_address(visitor: Desk, mia: str):
    bodies = set()
    for wrong in (mia[:-1] + ("A" if mia[-1] != "A" else "B"), mia + "=", "/my/x.y", "/my/" + "a" * 3000, mia.replace("/my/", "/my/x")):
        response = visitor.client.get(wrong, headers={"Accept": "text/html"})
        assert response.status_code == 404
        bodies.add(response.text)
    assert len(bodies) == 1


def test_nobody_indexes_caches_or_names_it(visitor: Desk, mia: str):
    headers = visitor.client.get(mia).headers
    assert "noindex" in headers["X-Robots-Tag"] and headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer" and "Set-Cookie" not in headers


def test_every_program_finds_its_way_to_subscribe(visitor: Desk, mia: str):
    page = html.unescape(visitor.get(mia))
    feed = re.search(r"http://127\.0\.0\.1:8000(/feeds/\S+?\.ics)", page)[1]
    assert f"webcal://127.0.0.1:8000{feed}" in page and "data:image/svg+xml" in page
    assert "https://calendar.google.com/calendar/r?cid=webcal%3A%2F%2F127.0.0.1%3A8000%2Ffeeds%2F" in page
    assert "https://outlook.office.com/calendar/0/addfromweb?url=http%3A%2F%2F" in page
    assert visitor.client.get(feed).status_code == 200


def test_a_moved_session_asks_to_answer_again(visitor: Desk, mia: str):
    _press(visitor, mia, "yes")
    from datetime import datetime, timedelta

    later = datetime(2027, 3, 11, 9)
    visitor.house.settle = timedelta(0)
    visitor.do(lambda work: scheduling.edit_session(work, 1, {"start": later, "end": later + timedelta(hours=1)}))
    page = visitor.get(mia)
    assert "please answer again" in page and 'aria-pressed="true"' not in page


def test_a_german_reads_german(visitor: Desk):
    uwe = visitor.learner("Uwe", locale="de-AT")
    page = visitor.get(visitor.my_page(uwe))
    assert 'lang="de"' in page and "Schulungen für Uwe" in page and "Zurzeit ist für Sie nichts geplant" in page


def test_every_sentence_of_the_page_is_there_in_german():
    said = set(re.findall(r'say\("([^"]+)"', TEMPLATE.read_text()))
    german = language("de")
    missing = {one for one in said if german.translations.gettext(one) == one}
    assert len(said) > 25 and missing == set()


def _press(visitor: Desk, path: str, value: str, page: str | None = None) -> str:
    data = {"answer": value, "nonce": _nonce(page or visitor.get(path))}
    response = visitor.client.post(f"{path}/answers/1", data=data, follow_redirects=True)
    assert response.status_code == 200
    return response.text


def _nonce(page: str) -> str:
    return html.unescape(re.search(r'name="nonce" value="([^"]+)"', page)[1])


def _learner(visitor: Desk, name: str) -> Learner:
    with visitor.house.database.read() as db:
        return db.scalars(select(Learner).where(Learner.name == name)).one()


def _status(visitor: Desk, number: int) -> str:
    with visitor.house.database.read() as db:
        return db.get(Enrolment, number).status
