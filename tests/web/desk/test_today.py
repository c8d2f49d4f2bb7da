"""The first page says what needs a person, with the number and the way there; mail is looked through and put right."""

from __future__ import annotations

import html
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from feedserver.store.enrolments import Enrolment
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery, RelayPace
from feedserver.store.sessions import LiveSession
from tests.web.desk.conftest import Desk
from tests.web.desk.test_every_page import _inbound


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def _set(desk: Desk, row, **values) -> None:
    desk.do(lambda work: work.db.execute(update(row).values(**values)))


def _soon(desk: Desk, *names: str, **fields):
    day = desk.clock.now.replace(tzinfo=None) + timedelta(days=3)
    return desk.session(*names, start=day, end=day + timedelta(hours=1), **fields)


def test_nothing_needs_anybody_on_a_quiet_day(desk: Desk):
    desk.session("Mia")
    assert "Nothing. Answers are noted by themselves." in desk.get("/")


def test_a_half_empty_and_a_crowded_session_of_this_week_are_named(desk: Desk):
    _soon(desk, "Mia", capacity=8)
    page = html.unescape(desk.get("/"))
    assert "soon, with few people" in page and "1 of 8" in page
    _set(desk, Enrolment, status="Waiting List")
    assert "1 waits" in html.unescape(desk.get("/"))


def test_an_offer_that_ends_tonight_is_named(desk: Desk):
    _soon(desk, "Mia")
    _set(desk, Enrolment, offer_until=desk.clock.now + timedelta(hours=2))
    assert "offers of a seat end soon" in desk.get("/") and "Mia, until 20 Nov 2026, 12:00" in desk.get("/")
    desk.clock.pass_by(hours=3)
    assert "end soon" not in desk.get("/")


def test_failed_mail_bad_addresses_and_a_resting_relay_are_said_with_their_reasons(desk: Desk):
    desk.session("Mia")
    _set(desk, Delivery, state="dead", final_at=desk.clock.now, last_error="550 no such user")
    _set(desk, Learner, address_problem="550 no such user")
    desk.do(lambda work: work.db.add(RelayPace(relay="x", free_at=work.now, problem="It refuses our password.", problem_at=work.now)))
    page = desk.get("/")
    assert "1 mail failed" in page and "learner whom mail does not reach" in page and "It refuses our password." in page
    assert "550 no such user" in desk.get("/mail/out?state=failed")


def test_failed_mail_is_tried_again_together(desk: Desk):
    desk.session("Mia", "Ali")
    _set(desk, Delivery, state="dead", final_at=desk.clock.now, last_error="550")
    desk.send("/mail/out/retry", delivery=["1", "2"], state="failed")
    assert "2 are tried again now" in desk.get("/mail/out?state=open")
    desk.send("/mail/out/retry", delivery=["1"])
    assert "already waiting" in desk.get("/mail/out")


def test_outgoing_mail_is_found_by_person_and_by_session(desk: Desk):
    desk.session("Mia")
    for found in ("mia", "Mia", "fire"):
        assert "mia@example.org" in desk.get(f"/mail/out?q={found}")
    assert "mia@example.org" not in desk.get("/mail/out?q=otto")


def test_held_replies_are_worked_through_one_after_the_other(desk: Desk):
    first, second, third = (_inbound(desk, subject=f"Reply {n}", reason="Another address.") for n in range(3))
    page = desk.get(f"/mail/in/{second}")
    assert "2 of 3 held" in page and f'accesskey="n" href="/mail/in/{first}"' in page and f'accesskey="p" href="/mail/in/{third}"' in page
    assert desk.send(f"/mail/in/{second}/discard").location == f"/mail/in/{first}"
    assert desk.send(f"/mail/in/{first}/discard").location == f"/mail/in/{third}"
    assert desk.send(f"/mail/in/{third}/discard").location == f"/mail/in/{third}"
    assert "held" not in desk.get(f"/mail/in/{third}")


def test_what_a_person_wrote_stays_until_it_is_read_and_is_not_for_everybody(desk: Desk):
    learner = desk.learner("Mia").id
    number = _inbound(desk, outcome="human", kind="human", subject="I am ill", sender="mia@corp.example", learner_id=learner)
    assert "somebody wrote to us" in desk.get("/") and "I am ill" in desk.get(f"/learners/{learner}")
    desk.send(f"/mail/in/{number}/read", back="start")
    assert "somebody wrote to us" not in desk.get("/")
    desk.do(lambda work: work.db.execute(update(InboundMessage).values(read_at=None)))
    desk.sign_in("val@example.org", "viewer")
    assert "I am ill" not in desk.get("/") + desk.get(f"/learners/{learner}")


def test_a_server_that_refuses_our_mail_is_named_and_the_learner_is_not(desk: Desk):
    desk.session("Mia")
    _set(
        desk,
        Delivery,
        state="dead",
        bounce_class="policy",
        final_at=desk.clock.now,
        last_error="550 5.7.1 blocked",
        recipient="mia@strict.example",
    )
    page = html.unescape(desk.get("/"))
    assert "strict.example: refused by their policy, 1 mail" in page and "550 5.7.1 blocked" in page and "does not reach" not in page


def test_mail_goes_again_at_the_press_of_a_button(desk: Desk):
    desk.session("Mia")
    _set(desk, Delivery, state="dead", final_at=desk.clock.now)
    _set(desk, Learner, address_problem="550 no such user", address_problem_at=desk.clock.now)
    (mia,) = desk.do(lambda work: work.db.scalars(select(Learner.id)).all())
    assert "Let mail go again" in desk.get(f"/learners/{mia}")
    desk.send(f"/learners/{mia}/mail-again")
    page = desk.get(f"/learners/{mia}")
    assert "sent as it stands now: 1 message" in page and "Let mail go again" not in page


def test_a_session_whose_clock_was_changed_by_law_is_sent_again_from_here(desk: Desk):
    session = _soon(desk, "Mia")
    _set(desk, LiveSession, starts_at=session.starts_at - timedelta(hours=1))
    assert "to send again" in desk.get("/") and "Send again with the new clock" in desk.get(f"/sessions/{session.id}")
    desk.send(f"/sessions/{session.id}/reissue")
    assert "to send again" not in desk.get("/") and "new clock" not in desk.get(f"/sessions/{session.id}")


def test_a_session_during_which_the_clocks_change_says_how_long_it_lasts(desk: Desk):
    night = desk.session(start=datetime(2027, 3, 27, 22), end=datetime(2027, 3, 28, 6))
    assert "change while it is on: it lasts 7 h." in desk.get(f"/sessions/{night.id}")
