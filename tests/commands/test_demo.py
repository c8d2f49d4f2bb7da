"""The first minute of a newcomer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from sqlalchemy import select

from feedserver.commands import demo, demo_in_time
from feedserver.services import access, certifying
from feedserver.store.certificates import Certificate
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.learners import Learner
from feedserver.store.milestones import MilestoneEntry
from feedserver.store.onboarding import OnboardingItem
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import QUEUED, Delivery
from feedserver.store.sessions import CHOSEN, LiveSession, Seats


def people(desk, title: str) -> dict[str, tuple[str, str]]:
    """First name -> (status, answer) in the session of this title."""
    query = (
        select(Learner.name, Enrolment.status, Enrolment.partstat)
        .join(Enrolment, Enrolment.learner_id == Learner.id)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(LiveSession.title == title)
    )
    with desk.house.database.read() as db:
        return {name.split()[0]: (status, partstat) for name, status, partstat in db.execute(query)}


def test_an_empty_database_becomes_a_small_organisation(desk):
    link = demo.fill_if_empty(desk.found)
    assert (desk.count(Learner), desk.count(LiveSession, CHOSEN)) == (13, 8)
    secret = link.removeprefix("http://127.0.0.1:8000/sign-in/")
    with desk.house.database.read() as db:
        assert access.link_is_good(db, secret, desk.house.clock())
        assert db.get(Organisation, desk.number).mailbox_address == "training@localhost"


def test_a_database_with_learners_is_left_alone(quick):
    assert demo.fill_if_empty(quick.found)
    assert demo.fill_if_empty(quick.found) is None
    assert quick.count(Learner) == 13


def test_answers_have_become_statuses(quick):
    demo.fill_if_empty(quick.found)
    practice = people(quick, "First aid: practice day")
    assert practice["Anna"] == ("Registered", "ACCEPTED")
    assert practice["Jonas"] == ("Invited", "TENTATIVE")
    assert practice["Oliver"] == ("Declined", "DECLINED")
    assert practice["Claire"] == ("Invited", "NEEDS-ACTION")


def test_the_full_session_has_a_waiting_list_that_has_moved(quick):
    demo.fill_if_empty(quick.found)
    full = people(quick, "Data protection: what is new")
    assert Counter(status for status, _ in full.values()) == {"Registered": 2, "Invited": 1, "Declined": 1, "Waiting List": 1}
    assert full["Grace"] == ("Registered", "ACCEPTED")  # offered the place that Oliver's No had freed
    with quick.house.database.read() as db:
        seats = db.scalars(select(Seats).join(LiveSession).where(LiveSession.title == "Data protection: what is new")).one()
    assert (seats.taken, seats.capacity) == (3, 3)


def test_time_has_left_a_series_a_deadline_certificates_and_somebody_new(quick):
    demo.fill_if_empty(quick.found)
    assert people(quick, demo_in_time.SERIES)["Grace"] == ("Invited", "NEEDS-ACTION")
    assert quick.count(LiveSession, LiveSession.series_id.is_not(None)) == 8
    days = {
        state: quick.count(MilestoneEntry, MilestoneEntry.title == demo_in_time.DEADLINE, MilestoneEntry.state == state)
        for state in ("open", "done")
    }
    assert days == {"open": 7, "done": 1}  # Priya has completed the course
    states = quick.do(lambda work: Counter(certifying.state_of(work, one) for one in work.db.scalars(select(Certificate))))
    assert states == {"expiring": 1, "valid": 1, "lapsed": 1}
    assert quick.count(OnboardingItem, OnboardingItem.live_session_id.is_not(None)) == 1 and quick.count(OnboardingItem) == 4
    assert quick.count(Delivery, Delivery.kind == "onboarding") == 1


def test_approval_waits_attendance_is_marked_and_a_draft_invites_nobody(quick):
    demo.fill_if_empty(quick.found)
    assert people(quick, "Becoming a data protection contact")["Yuki"][0] == "Waiting Approval"
    assert quick.count(Delivery, Delivery.kind == "approval", Delivery.recipient == "admin@example.net") == 2
    assert {status for status, _ in people(quick, "First aid: the basics").values()} == {"Attended", "Absent", "Go Show"}
    with quick.house.database.read() as db:
        silent = select(LiveSession.id).where(LiveSession.title.in_(("First aid: the basics", "Planning next year's dates (draft)")))
        assert db.scalars(select(Delivery).where(Delivery.live_session_id.in_(silent))).all() == []
        assert db.scalars(select(LiveSession.visibility).where(LiveSession.title.startswith("After the incident"))).one() == "private"


def test_invitations_wait_for_the_worker(quick):
    demo.fill_if_empty(quick.found)
    due = Delivery.due_at <= quick.house.clock()
    assert quick.count(Delivery, Delivery.state == QUEUED, due) == quick.count(Delivery)
    assert quick.count(Delivery, Delivery.method == "REQUEST") == quick.count(CalendarEntry, CalendarEntry.mailed)


def test_links_lead_to_the_address_that_was_printed(quick):
    link = demo.fill_if_empty(quick.found)
    text = demo.what_to_try(quick.found, ["web: http://127.0.0.1:4711", "worker: ready", "mail: smtp://127.0.0.1:2525"], link)
    assert text.count("http://127.0.0.1:4711/") == 5 and ":8000" not in text
    assert "/dev/mailbox" in text and "Anna Berger" in text


def test_links_lead_to_base_url_where_it_was_set(quick):
    found = replace(quick.found, base_url="https://training.example.org", smtp_url="smtp://relay.example.org")
    link = demo.fill_if_empty(found)
    text = demo.what_to_try(found, ["web: http://127.0.0.1:4711"], link)
    assert text.count("https://training.example.org/") == 4 and "/dev/mailbox" not in text
