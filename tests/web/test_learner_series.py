"""A series on the learner's own pages: one block, all dates answered at once or one by one, in the learner's language."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver import tokens
from feedserver.services import grouping, series
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.web.catalogues import language
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor

__all__ = ["clock", "house", "store_url", "visitor"]
TEMPLATES = Path(__file__).parents[2] / "templates" / "learner"


@pytest.fixture(params=["dates", "rule"])
def mia(request, visitor: Desk) -> str:
    """The path of Mia's page; she is invited to eight Mondays, as an entry each or as one."""
    who = visitor.learner("Mia")

    def verb(work):
        course = grouping.create_course(work, {"name": "Safety at work", "description": "", "url": ""})
        group = grouping.create_group(work, course.id, "Berlin", [who.id])
        start = datetime(2027, 3, 1, 9)
        values = {"title": "Fire safety", "start": start, "end": start + timedelta(hours=1), "timezone": "Europe/Berlin", "capacity": 9}
        series.create(work, course.id, {**values, "recurrence": "FREQ=WEEKLY;COUNT=8", "entry_mode": request.param}, group.id)

    visitor.do(verb)
    return visitor.my_page(who)


def test_a_series_is_one_block_with_its_dates(visitor: Desk, mia: str):
    page = visitor.get(mia)
    assert page.count("<article") == 1 and page.count('<li id="session-') == 8
    assert "8 dates" in page and "The other 2 dates" in page and "Accept all" in page
    assert "Monday, 29 March 2027, 09:00–10:00 (Berlin time, CEST)" in page


def test_accept_all_then_decline_one_and_undo_that(visitor: Desk, mia: str):
    page = press(visitor, mia, enrolments(visitor)[0], "yes")
    assert statuses(visitor) == ["Registered"] * 9 and page.count('aria-pressed="true"') >= 8
    second = enrolments(visitor)[2]
    page = press(visitor, mia, second, "no")
    assert statuses(visitor) == ["Registered"] * 2 + ["Declined"] + ["Registered"] * 6
    assert page.count(">Undo<") == 1
    press(visitor, mia, second, "undo")
    assert statuses(visitor) == ["Registered"] * 9


def test_decline_all_is_undone_as_one(visitor: Desk, mia: str):
    head = enrolments(visitor)[0]
    press(visitor, mia, head, "yes")
    visitor.clock.pass_by(minutes=1)
    page = press(visitor, mia, head, "no")
    assert statuses(visitor) == ["Declined"] * 9 and page.count(">Undo<") == 1
    press(visitor, mia, head, "undo")
    assert statuses(visitor) == ["Registered"] * 9


def test_the_page_that_mails_lead_to_answers_all_or_one(visitor: Desk, mia: str):
    head, first, *_ = enrolments(visitor)
    page = visitor.get(rsvp(visitor, head))
    assert "8 dates" in page and "Accept all" in page
    answer(visitor, rsvp(visitor, head), "yes")
    assert statuses(visitor) == ["Registered"] * 9
    assert "one date of a series" in visitor.get(rsvp(visitor, first))
    answer(visitor, rsvp(visitor, first), "no")
    assert statuses(visitor)[:3] == ["Registered", "Declined", "Registered"]
    answer(visitor, rsvp(visitor, first), "undo")
    assert statuses(visitor) == ["Registered"] * 9


def test_the_catalogue_has_a_series_once_with_what_is_left_of_it(visitor: Desk, mia: str):
    visitor.clock.now = datetime(2027, 3, 9, 12, tzinfo=visitor.clock.now.tzinfo)
    zoe = visitor.my_page(visitor.learner("Zoe"))
    page = visitor.get(f"{zoe}/courses")
    assert (
        page.count('<li id="session-') == 1 and "6 dates" in page and "Next: Monday, 15 March 2027" in page and "8 of 9 seats free" in page
    )
    data = {"nonce": nonce(page)}
    assert visitor.client.post(f"{zoe}/courses/1", data=data, follow_redirects=True).status_code == 200
    assert visitor.get(zoe).count('<li id="session-') == 6


def test_many_dates_cost_no_more_queries(visitor: Desk, mia: str):
    with visitor.statements() as told:
        visitor.get(mia)
    before = len(told)
    visitor.do(lambda work: [series.add_date(work, 1, datetime(2027, 3, day, 14)) for day in range(2, 12)])
    with visitor.statements() as told:
        visitor.get(mia)
    assert len(told) == before


def test_every_sentence_is_there_in_german():
    said = {
        one
        for name in ("_series.html", "catalogue.html", "rsvp.html")
        for one in re.findall(r'say\("([^"]+)"', (TEMPLATES / name).read_text())
    }
    german = language("de")
    assert len(said) > 40 and {one for one in said if german.translations.gettext(one) == one} == set()


def enrolments(visitor: Desk) -> list[int]:
    """Mia's, that in the series first."""
    query = select(Enrolment.id).join(Learner, Learner.id == Enrolment.learner_id).where(Learner.name == "Mia")
    return visitor.do(lambda work: list(work.db.scalars(query.order_by(Enrolment.live_session_id))))


def statuses(visitor: Desk) -> list[str]:
    ids = enrolments(visitor)
    return visitor.do(lambda work: [work.db.get_one(Enrolment, one).status for one in ids])


def press(visitor: Desk, path: str, enrolment_id: int, value: str) -> str:
    # The page names the person whose press it was in its address, and shows Undo there.
    data = {"answer": value, "nonce": nonce(visitor.get(path))}
    response = visitor.client.post(f"{path}/answers/{enrolment_id}", data=data, follow_redirects=True)
    assert response.status_code == 200, response.text
    return response.text


def rsvp(visitor: Desk, enrolment_id: int) -> str:
    """As mails name it."""

    def verb(work):
        mine = work.db.get_one(Enrolment, enrolment_id)
        page_id = work.db.get_one(Learner, mine.learner_id).page_id
        return f"/rsvp/{tokens.sign(tokens.ANSWER, f'{mine.id}.{page_id}', work.key_secret)}"

    return visitor.do(verb)


def answer(visitor: Desk, path: str, value: str) -> None:
    response = visitor.client.post(path, data={"answer": value, "nonce": nonce(visitor.get(path))}, follow_redirects=True)
    assert response.status_code == 200, response.text


def nonce(page: str) -> str:
    return html.unescape(re.search(r'name="nonce" value="([^"]+)"', page)[1])
