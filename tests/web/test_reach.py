"""Mia says how she wants to be told, and where her mail shall go; nobody else can."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from sqlalchemy import select, update

from feedserver.services.refilling import refill
from feedserver.store import keys
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.web.catalogues import language
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
TEMPLATES = Path(__file__).parents[2] / "templates" / "learner"


@pytest.fixture
def mia(visitor: Desk) -> str:
    """The path of Mia's page; she is invited to one session."""
    visitor.session("Mia")
    return visitor.my_page(learner(visitor))


def learner(visitor: Desk) -> Learner:
    with visitor.house.database.read() as db:
        return db.scalars(select(Learner).where(Learner.name == "Mia")).one()


def press(visitor: Desk, path: str, where: str, status: int = 200, **fields: str) -> str:
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(path))[1])
    response = visitor.client.post(path + where, data={"nonce": nonce, **fields}, follow_redirects=True)
    assert response.status_code == status
    return html.unescape(response.text)


def link_in_the_last_mail(visitor: Desk) -> str:
    with visitor.house.database.write() as db:
        row = db.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
        raw = refill(db, row, keys.usable(db)[row.key_id]).decode()
    return re.search(r"http://127\.0\.0\.1:8000(/address/\S+)", raw.replace("=\r\n", ""))[1]


def test_one_question_says_what_each_way_means(visitor: Desk, mia: str):
    page = visitor.get(mia)
    assert "stands there twice" in page and 'id="channel-both" value="both"' in page and "still come as plain mail" in page
    assert "Your choice is noted" in press(visitor, mia, "/channel", channel="feed")
    assert learner(visitor).channel == "feed" and learner(visitor).channel_chosen_at == visitor.clock.now
    press(visitor, mia, "/channel", channel="nonsense")
    assert learner(visitor).channel == "feed"


def test_a_second_address_is_asked_confirmed_by_a_button_and_dropped(visitor: Desk, mia: str):
    assert "A mail has gone to that address" in press(visitor, mia, "/address", email="mia@home.example")
    link = link_in_the_last_mail(visitor)
    with visitor.statements() as told:
        assert "mia@home.example" in visitor.get(link)
        visitor.client.head(link)
    assert writes(told) == [] and learner(visitor).target_email is None
    assert "goes to mia@home.example" in press(visitor, link, "")
    assert learner(visitor).target_email == "mia@home.example"
    assert "mia@example.org again" in press(visitor, mia, "/address", drop="1")
    assert learner(visitor).target_email is None


def test_somebody_else_s_address_is_refused_in_words(visitor: Desk, mia: str):
    visitor.learner("Ali")
    assert "cannot be taken" in press(visitor, mia, "/address", 409, email="ali@example.org")
    assert "That was not possible" in press(visitor, mia, "/address", 409, email="wrong")


@pytest.mark.parametrize("where", ["/channel", "/address"])
def test_a_press_without_an_open_page_or_from_elsewhere_does_nothing(visitor: Desk, mia: str, where):
    visitor.client.post(mia + where, data={"channel": "feed", "email": "x@home.example"})
    refused = visitor.client.post(mia + where, data={"channel": "feed"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403 and learner(visitor).channel == "both"


def test_a_wrong_link_is_like_no_link_and_a_press_on_it_needs_the_page(visitor: Desk, mia: str):
    press(visitor, mia, "/address", email="mia@home.example")
    link = link_in_the_last_mail(visitor)
    assert visitor.client.get(link[:-2] + "xx").status_code == 404
    visitor.client.post(link)
    assert learner(visitor).target_email is None


def test_another_mailbox_ends_the_links_of_the_old_one(visitor: Desk, mia: str):
    press(visitor, mia, "/address", email="mia@home.example")
    link = link_in_the_last_mail(visitor)
    visitor.do(lambda work: work.db.execute(update(Learner).values(page_id="another")))
    assert visitor.client.get(link).status_code == 404 and visitor.client.get(mia).status_code == 404


def test_every_sentence_is_there_in_german():
    said = set(re.findall(r'say\("([^"]+)"', "".join((TEMPLATES / name).read_text() for name in ("_reach.html", "address.html"))))
    german = language("de")
    assert len(said) > 20 and {one for one in said if german.translations.gettext(one) == one} == set()
