"""People change, at the desk: a leaver, another mailbox, a welcome; files, slots and many at once."""

from __future__ import annotations

import html
import io

import pytest
from sqlalchemy import select, update

from feedserver.services import moving
from feedserver.store.history import HistoryEntry
from feedserver.store.learners import LearnerAlias
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from tests.web.desk.conftest import Desk


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def kinds(desk: Desk) -> list[str]:
    return desk.do(lambda work: list(work.db.scalars(select(Delivery.kind).order_by(Delivery.id))))


def test_what_leaving_does_is_said_before_the_button(desk: Desk):
    session = desk.session("Mia")
    page = desk.get("/learners/1/leave")
    assert "1 coming session is" in page and "1 calendar feed ends" in page and "no longer in 1 training group" in page
    desk.send("/learners/1/leave")
    assert "Mia left on" in desk.get("/learners/1") and "Cancelled" in desk.get("/learners/1")
    assert "Mia" not in desk.get("/learners") and "Mia" in desk.get("/learners?left=1")
    assert "Cancelled 1" in desk.get(f"/sessions/{session.id}")
    desk.send("/learners/1/come-back")
    assert "Mia is back" in desk.get("/learners/1")


def test_a_new_address_is_the_same_person_s_or_another_mailbox(desk: Desk):
    desk.session("Mia")
    values = {"name": "Mia", "channel": "both", "timezone": "Europe/Berlin", "locale": "en"}
    desk.send("/learners/1/edit", **values, email="mia@new.example", address_change="same_person")
    assert "mia@example.org" in desk.get("/learners/1")
    desk.do(lambda work: work.db.execute(update(Delivery).values(state="sent")))
    desk.send("/learners/1/edit", **values, email="mia@home.example", address_change="new_mailbox")
    assert kinds(desk)[-2:] == ["moved", "invite"] and "mia@new.example" not in desk.get("/learners/1").split("Mail to them")[0]


def test_a_newcomer_is_welcomed_only_when_it_is_on_and_chosen(desk: Desk):
    assert "Send the welcome mail" not in desk.get("/learners/new")
    desk.do(lambda work: work.db.execute(update(Organisation).values(welcome=True)))
    assert "Send the welcome mail" in desk.get("/learners/new")
    path = desk.send("/learners/new", name="Mia", email="mia@example.org", channel="both").location
    assert kinds(desk) == []
    desk.send(f"{path}/welcome")
    assert kinds(desk) == ["welcome"] and "Welcomed" in desk.get(path)


def test_a_file_is_put_to_a_session_and_taken_away(desk: Desk):
    session = desk.session()
    here = f"/sessions/{session.id}/files"
    assert "No files yet" in desk.get(here)
    desk.send(here, file=(io.BytesIO(b"%PDF-1.7"), "The map.pdf"))
    assert "The map.pdf" in desk.get(here) and "The map.pdf" in desk.get(f"/sessions/{session.id}")
    assert "but is not a PDF" in desk.send(here, 422, file=(io.BytesIO(b"<script>"), "x.pdf")).text
    desk.send(f"{here}/1/delete")
    assert "No files yet" in desk.get(here)


def test_a_trainer_s_afternoon_is_shown_and_then_made(desk: Desk):
    course = desk.session().course_id
    hours = {
        "title": "Coaching",
        "first": "2026-12-04",
        "days": "2",
        "begins": "13:00",
        "ends": "15:00",
        "length": "60",
        "timezone": "Europe/Berlin",
    }
    page = desk.send(f"/courses/{course}/slots", 200, **hours, make="0").text
    assert "4 slots" in page and "Mon 7 Dec 2026, 13:00" in page
    desk.send(f"/courses/{course}/slots", **hours, make="1")
    made = desk.do(lambda work: list(work.db.scalars(select(LiveSession.capacity).where(LiveSession.title == "Coaching"))))
    assert made == [1, 1, 1, 1] and kinds(desk) == []
    assert "before they begin" in html.unescape(desk.send(f"/courses/{course}/slots", 422, **{**hours, "ends": "12:00"}).text)


def test_many_are_looked_at_first_and_then_sent(desk: Desk):
    session, _ = desk.session(), desk.learner("Mia")
    here = f"/sessions/{session.id}/people/many"
    who = {"list": "mia@example.org\nAli Baba <ali@example.org>\nwrong", "make": "on", "status": "Invited"}
    page = html.unescape(desk.send(here, 200, **who, send="0").text)
    assert "2 will be added, 2 invitations go out" in page and "1 of them will be new" in page and kinds(desk) == []
    assert "Ali Baba" not in desk.get("/learners")
    desk.send(here, **who, send="1")
    assert kinds(desk) == ["invite", "invite"] and "Ali Baba" in desk.get(f"/sessions/{session.id}")


def test_a_whole_group_goes_in_with_a_status(desk: Desk):
    desk.session("Mia", "Ali")
    other = desk.session()
    desk.send(f"/sessions/{other.id}/people/many", group_id="1", status="Registered", send="1")
    assert "Registered 2" in desk.get(f"/sessions/{other.id}")


def test_another_address_is_asked_before_mail_goes_there(desk: Desk):
    desk.session("Mia")
    desk.send("/learners/1/addresses", do="ask", address="mia@home.example")
    assert "mia@home.example is asked" in desk.get("/learners/1") and kinds(desk)[-1] == "confirm_address"
    assert 'Mail goes to <b class="clip">mia@example.org' in desk.get("/learners/1")
    desk.do(lambda work: moving.take_target(work, 1, "mia@home.example"))
    assert 'Mail goes to <b class="clip">mia@home.example' in desk.get("/learners/1")
    desk.send("/learners/1/addresses", do="forget", address="mia@home.example")
    assert "first one again before" in desk.get("/learners/1")
    desk.send("/learners/1/addresses", do="drop")
    assert 'Mail goes to <b class="clip">mia@example.org' in desk.get("/learners/1")


def test_a_known_address_is_added_and_removed_by_hand_on_record(desk: Desk):
    desk.session("Mia", "Ali")
    known = lambda: desk.do(lambda work: list(work.db.scalars(select(LearnerAlias.address_key))))  # noqa: E731
    for address, said in (
        ("M.Mia@Example.org", "count from now on"),
        ("ali@example.org", "Another learner"),
        ("mia", "not an e-mail address"),
    ):
        desk.send("/learners/1/addresses", do="know", address=address)
        assert said in html.unescape(desk.get("/learners/1"))
    assert known() == ["m.mia@example.org"] and 'value="m.mia@example.org"' in desk.get("/learners/1")
    desk.send("/learners/1/addresses", do="forget", address="m.mia@example.org")
    assert known() == []
    verbs = desk.do(lambda work: list(work.db.scalars(select(HistoryEntry.verb).where(HistoryEntry.learner_id == 1))))
    assert verbs[-2:] == ["alias known", "address forgotten"]
