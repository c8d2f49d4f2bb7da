"""How long seats are held, set on the session form; and the button that offers one out of order."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from feedserver.services import answering, enrolling
from feedserver.store.enrolments import Enrolment
from feedserver.store.history import HistoryEntry
from feedserver.training.statuses import Answer
from tests.web.desk.conftest import Desk

STARTS = datetime(2027, 3, 10, 14, tzinfo=ZoneInfo("Europe/Berlin"))
FORM = {
    "title": "Fire safety", "start": "2027-03-10T14:00", "end": "2027-03-10T15:00", "timezone": "Europe/Berlin", "capacity": "1",
    "waiting_list": "on", "calendar_enabled": "on",
}  # fmt: skip
MINUTES = {"offer_minutes": "90", "hold_minutes": "30", "lock_minutes": "600"}
LEA, TOM, ANN = 1, 2, 3


@pytest.fixture
def full(desk: Desk) -> Desk:
    """Lea has the one seat of session 1; Tom and Ann wait, in this order."""
    session = desk.session("Lea", capacity=1, waiting_list=True)
    for name in ("Tom", "Ann"):
        learner = desk.learner(name).id
        desk.do(lambda work, learner=learner: enrolling.register(work, session.id, learner))
    return desk


def enrolment(desk: Desk, number: int) -> Enrolment:
    return desk.do(lambda work: work.db.get_one(Enrolment, number))


def no_from_lea(desk: Desk) -> None:
    desk.do(lambda work: answering.answer_on_page(work, LEA, Answer.NO))


def test_the_minutes_of_an_offer_are_saved_and_hold_the_next_seat_so_long(full: Desk):
    full.send("/sessions/1/edit", **FORM, offer_minutes="90")
    page = full.get("/sessions/1/edit")
    assert 'id="offer_minutes" name="offer_minutes" aria-describedby="offer_minutes-hint" type="text" value="90"' in page
    no_from_lea(full)
    assert enrolment(full, TOM).offer_until == full.clock.now + timedelta(minutes=90)
    assert "held until 20 Nov 2026, 11:30" in full.get("/sessions/1")


def test_a_declined_seat_is_kept_so_long_but_not_once_the_lock_has_come(full: Desk):
    full.send("/sessions/1/edit", **FORM, **MINUTES)
    no_from_lea(full)
    assert enrolment(full, LEA).hold_until == full.clock.now + timedelta(minutes=30)
    assert enrolment(full, TOM).status == "Waiting List" and "seat kept until 20 Nov 2026, 10:30" in full.get("/sessions/1")


def test_within_the_lock_a_declined_seat_goes_on_at_once(full: Desk):
    full.send("/sessions/1/edit", **FORM, **MINUTES)
    full.clock.now = (STARTS - timedelta(minutes=599)).astimezone(full.clock.now.tzinfo)
    no_from_lea(full)
    assert (enrolment(full, LEA).hold_until, enrolment(full, TOM).status) == (None, "Invited")


def test_emptied_minutes_are_the_usual_ones_again_and_nonsense_stays_at_its_field(full: Desk):
    full.send("/sessions/1/edit", **FORM, **MINUTES)
    wrong = html.unescape(full.send("/sessions/1/edit", 422, **FORM, offer_minutes="soon").text)
    assert 'id="offer_minutes-error">Write a whole number' in wrong and 'value="soon"' in wrong and '<details class="more" open' in wrong
    full.send("/sessions/1/edit", **FORM)
    no_from_lea(full)
    assert enrolment(full, TOM).offer_until == full.clock.now + timedelta(days=1) and enrolment(full, LEA).hold_until is None


def test_a_seat_is_offered_out_of_order_and_the_record_says_so(full: Desk):
    full.send("/sessions/1/edit", **{**FORM, "capacity": "1", "hold_minutes": "30"})
    page = full.get("/sessions/1")
    assert page.count('value="offer"') == 2
    refused = full.send("/enrolments/3", do="offer")
    assert enrolment(full, ANN).status == "Waiting List" and "full" in full.get(refused.location)
    full.send("/enrolments/3", do="offer", over_capacity="1")
    assert (enrolment(full, ANN).status, enrolment(full, TOM).status) == ("Invited", "Waiting List")
    assert "1 over" in full.get("/sessions/1") and full.get("/sessions/1").count('value="offer"') == 1
    (noted,) = full.do(
        lambda work: work.db.query(HistoryEntry).filter(HistoryEntry.enrolment_id == ANN, HistoryEntry.detail.isnot(None)).all()[-1:]
    )
    assert noted.detail["over_capacity"] is True and noted.detail["place"] == 2
