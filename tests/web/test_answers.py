"""The pages that mails lead to: an answer, an approval, the catalogue. Looking changes nothing, a button does."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver import tokens
from feedserver.services import answering, enrolling, refilling
from feedserver.store import keys
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.training.statuses import Answer
from feedserver.web.catalogues import language
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
TEMPLATES = Path(__file__).parents[2] / "templates" / "learner"


def rsvp(visitor: Desk, enrolment_id: int) -> str:
    """The answer page of an enrolment, as its mails name it."""

    def path(work):
        enrolment = work.db.get_one(Enrolment, enrolment_id)
        payload = refilling.answer_payload(enrolment.id, work.db.get_one(Learner, enrolment.learner_id).page_id)
        return f"/rsvp/{tokens.sign(tokens.ANSWER, payload, work.key_secret)}"

    return visitor.do(path)


def links(visitor: Desk) -> set[str]:
    """Every page that any mail in the outbox leads to."""
    with visitor.house.database.read() as db:
        secrets = keys.all_of(db)
        found = {refilling.answer_path(row, secrets[row.key_id]) for row in db.scalars(select(Delivery))}
        mine = [tokens.sign(tokens.LEARNER_PAGE, one.page_id, next(iter(secrets.values()))) for one in db.scalars(select(Learner))]
    return (found - {""}) | {f"/my/{one}" for one in mine} | {f"/my/{one}/courses" for one in mine}


def press(visitor: Desk, path: str, to: str = "", status: int = 200, **fields: str) -> str:
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(path))[1])
    response = visitor.client.post(to or path, data={"nonce": nonce, **fields}, follow_redirects=True)
    assert response.status_code == status, response.text[:2000]
    return response.text


def status(visitor: Desk, enrolment_id: int) -> str:
    with visitor.house.database.read() as db:
        return db.get(Enrolment, enrolment_id).status


@pytest.fixture
def full(visitor: Desk) -> Desk:
    """Mia has the one seat (enrolment 1), Ali waits (2), Eve waits for approval in another session (3)."""
    session = visitor.session("Mia", "Ali", capacity=1, waiting_list=True)
    other = visitor.session("Zoe", title="First aid", approval_required=True)
    eve = visitor.learner("Eve", manager_email="boss@example.org")
    visitor.do(lambda work: enrolling.register(work, other.id, eve.id))
    assert session.id == 1
    return visitor


def test_mia_sees_what_each_button_does_and_gives_her_seat_up(full: Desk):
    page = press(full, rsvp(full, 1), answer="no")
    assert status(full, 1) == "Declined" and status(full, 2) == "Invited"
    assert "Your answer is noted" in page and "you go on the waiting list" in page and "Undo" in page


def test_undo_works_once(full: Desk):
    path = rsvp(full, 1)
    press(full, path, answer="maybe")
    page = press(full, path, answer="undo")
    assert 'value="undo"' not in page
    assert "no answer that could be taken back" in press(full, path, status=409, answer="undo")


def test_ali_reads_until_when_the_seat_is_held_and_takes_it(full: Desk):
    full.do(lambda work: answering.answer_on_page(work, 1, Answer.NO))
    path = rsvp(full, 2)
    assert "A seat is held for you until 21 Nov 2026, 10:00 (Berlin time, CET)." in full.get(path)
    press(full, path, answer="yes")
    assert status(full, 2) == "Registered"


def test_who_waits_sees_the_place_and_leaves_the_list(full: Desk):
    path = rsvp(full, 2)
    assert "You are number 1 on the waiting list." in full.get(path) and 'value="yes"' not in full.get(path)
    press(full, path, answer="no")
    assert status(full, 2) == "Declined"


def test_a_manager_refuses_with_a_word_of_reason_and_cannot_decide_twice(full: Desk):
    [path] = [one for one in links(full) if one.startswith("/approvals/")]
    page = full.get(path)
    assert "Eve wants to take part" in page and "First aid" in page
    assert "It was refused. Reason: Next year." in press(full, path, decision="refuse", reason="Next year.")
    assert "wants to take part" in full.get(path) and "<button" not in full.get(path)
    assert status(full, 4) == "Cancelled"


def test_a_manager_approves(full: Desk):
    [path] = [one for one in links(full) if one.startswith("/approvals/")]
    press(full, path, decision="approve")
    assert status(full, 4) == "Registered"


def test_a_manager_who_is_a_learner_reads_the_request_in_their_own_zone_and_language(visitor: Desk):
    visitor.learner("Boss", timezone="America/New_York", locale="de")
    mia = visitor.learner("Mia", manager_email="Boss@example.org")
    session = visitor.session(approval_required=True)
    visitor.do(lambda work: enrolling.register(work, session.id, mia.id))
    [path] = [one for one in links(visitor) if one.startswith("/approvals/")]
    assert "10. März 2027, 08:00–09:00 (Zeit in New York, EST)" in visitor.get(path)


def test_no_page_of_learners_says_a_moment_without_its_zone():
    templates = {path.name: path.read_text() for path in TEMPLATES.glob("*.html")}
    assert [name for name, text in templates.items() if re.search(r"\|\s*(moment|clock_time|hours_of|day_of)\b", text)] == []
    assert "|with_zone(" in templates["page.html"]


def test_an_old_request_does_not_approve_a_new_one(full: Desk):
    [path] = [one for one in links(full) if one.startswith("/approvals/")]
    full.do(lambda work: enrolling.reject(work, 4))
    full.clock.pass_by(hours=1)
    full.do(lambda work: enrolling.register(work, 2, work.db.get_one(Enrolment, 4).learner_id))
    assert status(full, 4) == "Waiting Approval" and "<button" not in full.get(path)


class TestScanners:
    """They open everything, on both databases."""

    @pytest.fixture
    def store_url(self, database_url: str) -> str:
        """Both databases."""
        return database_url

    def test_two_hundred_looks_at_every_link_of_our_mails_write_nothing(self, full: Desk):
        paths = links(full)
        assert {path.split("/")[1] for path in paths} == {"rsvp", "approvals", "my"}
        with full.statements() as told:
            for turn in range(200 // len(paths) + 1):
                for path in paths:
                    for method in ("get", "head"):
                        agent = ("Mozilla/5.0", "Safelinks", "curl/8", "Barracuda", "GoogleImageProxy")[turn % 5]
                        assert getattr(full.client, method)(path, headers={"User-Agent": agent}).status_code == 200
        assert len(told) > 200 and writes(told) == []


@pytest.mark.parametrize("fields", [{}, {"nonce": "made-up"}, {"nonce": "x" * 5000}])
def test_a_press_without_an_open_page_does_nothing(full: Desk, fields):
    full.client.post(rsvp(full, 1), data={"answer": "no", **fields})
    [path] = [one for one in links(full) if one.startswith("/approvals/")]
    full.client.post(path, data={"decision": "approve", **fields})
    assert (status(full, 1), status(full, 4)) == ("Invited", "Waiting Approval")


def test_another_site_cannot_press(full: Desk):
    refused = full.client.post(rsvp(full, 1), data={"answer": "no"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403 and status(full, 1) == "Invited"


def test_a_token_of_another_kind_opens_nothing(full: Desk):
    path, mine = rsvp(full, 1), next(one for one in links(full) if one.startswith("/my/"))
    for wrong in (
        path[:-1],
        path + "=",
        "/rsvp/" + mine.split("/")[2],
        "/approvals/" + path.split("/")[2],
        "/rsvp/1.x.y",
        "/rsvp/" + "a" * 3000,
    ):
        assert full.client.get(wrong).status_code == 404


def test_eve_registers_by_the_catalogue_and_sees_only_what_she_may(visitor: Desk):
    visitor.session("Mia", capacity=1, waiting_list=True, title="Fire safety")
    visitor.session("Ali", visibility="private", title="Debt advice")
    eve = visitor.learner("Eve")
    path = visitor.my_page(eve) + "/courses"
    page = visitor.get(path)
    assert "Fire safety" in page and "Debt" not in page and "Join the waiting list" in page
    assert "Waiting list" in press(visitor, path, f"{path}/1")
    assert status(visitor, 3) == "Waiting List"
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(visitor.my_page(visitor.learner("Uwe")) + "/courses"))[1])
    assert visitor.client.post(f"{path}/2", data={"nonce": nonce}, follow_redirects=True).status_code == 200
    with visitor.house.database.read() as db:
        assert db.scalars(select(Enrolment).where(Enrolment.live_session_id == 2)).all()[1:] == []


def test_every_sentence_of_these_pages_is_there_in_german():
    said = {
        one for name in ("rsvp", "approval", "catalogue") for one in re.findall(r'say\("([^"]+)"', (TEMPLATES / f"{name}.html").read_text())
    }
    german = language("de")
    assert len(said) > 50 and {one for one in said if german.translations.gettext(one) == one} <= {"Team"}
