"""Was that you? The page that asks the enrolled person: looking changes nothing, Yes and No do what they say."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver.imip.extract import read
from feedserver.services import answering, asking, refilling
from feedserver.store import keys
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import LearnerAlias
from feedserver.store.outbox import Delivery
from feedserver.web.catalogues import language
from tests.replies import reply
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
HOME = "mia@home.example"
TEMPLATE = Path(__file__).parents[2] / "templates" / "learner" / "confirm.html"


@pytest.fixture
def path(visitor: Desk) -> str:
    """Mia's No came from home; the page that the mail to her leads to."""
    visitor.session("Mia")

    def came(work) -> None:
        entry = work.db.scalars(select(CalendarEntry)).one()
        raw = reply("google", uid=entry.uid, attendee="mia@example.org", sender=HOME, partstat="DECLINED")
        strange = {"decisions": [{"strange": {"kind": "alias", "sender": HOME, "attendee": ""}}]}
        message = InboundMessage(
            organisation_id=work.organisation_id, received_at=work.now, via="smtp", sha256="0", raw=raw, kind="reply", outcome="quarantined",
            sender=HOME, learner_id=entry.learner_id, evidence={"incoming": json.loads(read(raw).to_json()), **strange},
        )  # fmt: skip
        work.db.add(message)
        work.db.flush()
        assert "is asked" in asking.ask(work, answering.holder(work.db, entry.uid), message, "DECLINED", kind="alias", sender=HOME)

    visitor.do(came)
    with visitor.house.database.read() as db:
        row = db.scalars(select(Delivery).where(Delivery.kind == "confirm_sender")).one()
        return refilling.answer_path(row, keys.all_of(db)[row.key_id])


def press(visitor: Desk, path: str, said: str, status: int = 200) -> str:
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(path))[1])
    response = visitor.client.post(path, data={"nonce": nonce, "said": said}, follow_redirects=True)
    assert response.status_code == status
    return html.unescape(response.text)


def state(visitor: Desk) -> tuple[str, list[str]]:
    with visitor.house.database.read() as db:
        return db.scalars(select(Enrolment.status)).one(), list(db.scalars(select(LearnerAlias.address_key)))


def test_mia_reads_what_came_from_where_and_says_that_it_was_her(visitor: Desk, path):
    page = html.unescape(visitor.get(path))
    assert "Fire safety" in page and HOME in page and "<b>No</b>" in page and state(visitor) == ("Invited", [])
    said = press(visitor, path, "yes")
    assert "The answer counts." in said and "<button" not in said
    assert state(visitor) == ("Declined", [HOME])


def test_mia_says_that_it_was_somebody_else(visitor: Desk, path):
    assert "nothing was changed" in press(visitor, path, "no")
    assert state(visitor) == ("Invited", []) and "<button" not in visitor.get(path)


def test_looking_writes_nothing_and_a_press_without_an_open_page_neither(visitor: Desk, path):
    with visitor.statements() as told:
        for method in ("get", "head") * 20:
            assert getattr(visitor.client, method)(path).status_code == 200
    assert told and writes(told) == []
    for fields in ({"said": "yes"}, {"said": "yes", "nonce": "made-up"}):
        visitor.client.post(path, data=fields)
    assert visitor.client.post(path, data={"said": "yes"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert state(visitor) == ("Invited", [])


def test_what_an_administrator_settled_meanwhile_asks_nothing_more(visitor: Desk, path):
    old = visitor.get(path)
    visitor.do(lambda work: answering.apply_by_hand(work, 1))
    assert "settled already" in visitor.get(path)
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', old)[1])
    assert visitor.client.post(path, data={"nonce": nonce, "said": "yes"}).status_code == 409
    assert state(visitor) == ("Declined", [])


def test_a_token_of_another_kind_opens_nothing(visitor: Desk, path):
    for wrong in (path[:-1], path + "=", "/rsvp/" + path.split("/")[2], "/confirm/" + "a" * 3000):
        assert visitor.client.get(wrong).status_code == 404


def test_every_sentence_of_the_page_is_there_in_german():
    said, german = set(re.findall(r'say\("([^"]+)"', TEMPLATE.read_text())), language("de")
    assert len(said) > 15 and {one for one in said if german.translations.gettext(one) == one} == set()
