"""One session: what each person's calendar holds, many at once, planning, and ten thousand people."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from feedserver.store.courses import GroupMember
from feedserver.store.enrolments import Enrolment
from feedserver.store.feeds import Feed
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from tests.web.desk.conftest import Desk, writes

MOVED = {
    "title": "Fire safety",
    "start": "2027-03-11T14:00",
    "end": "2027-03-11T15:00",
    "timezone": "Europe/Berlin",
    "calendar_enabled": "on",
}


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture
def moved(desk: Desk) -> Desk:
    """Mia and Ali are told of a session; later it moves, as one plan."""
    desk.session("Mia", "Ali")
    _all(desk, Delivery, state="sent", final_at=desk.clock.now)
    desk.clock.pass_by(hours=1)
    desk.send("/sessions/1/edit", **MOVED, planning="1", version="1")
    desk.send("/sessions/1/publish", version="2")
    return desk


def _all(desk: Desk, row, **values) -> None:
    desk.do(lambda work: work.db.execute(update(row).values(**values)))


def _page(desk: Desk, query: str = "") -> str:
    return html.unescape(desk.get(f"/sessions/1{query}"))


def test_planning_leads_over_a_preview_to_one_update(desk: Desk):
    desk.session("Mia", "Ali")
    assert desk.send("/sessions/1/edit", **MOVED, planning="1", version="1").location == "/sessions/1/preview"
    page = html.unescape(desk.get("/sessions/1/preview"))
    assert "Wed 10 Mar 2027, 14:00" in page and "Thu 11 Mar 2027, 14:00" in page
    assert "Publish and send 2 mails" in page and "You are planning: 2 changes are collected" in _page(desk)
    desk.send("/sessions/1/publish", version="2")
    assert "Published as one change: 2 mails go out." in _page(desk) and "Thursday, 11 March 2027" in _page(desk)


def test_a_draft_is_published_when_it_is_ready(desk: Desk):
    group = desk.session("Mia", "Ali").group_id
    made = desk.send("/courses/1/sessions/new", **MOVED, group_id=str(group), planning="1").location
    assert made == "/sessions/2" and "This is a draft." in desk.get(made) and "Draft</span>" in desk.get("/sessions")
    page = html.unescape(desk.get("/sessions/2/preview"))
    assert "2 people get a calendar entry (REQUEST)" in re.sub("</?b>", "", page) and "Publish and send 2 mails" in page
    desk.send("/sessions/2/publish", version="1")
    assert "This is a draft." not in desk.get(made) and "Draft</span>" not in desk.get("/sessions")


def test_a_session_that_took_place_is_not_edited(desk: Desk):
    desk.session("Mia")
    desk.clock.pass_by(days=300)
    desk.sign_in("olga@example.org", "owner")
    assert "/sessions/1/edit" in _page(desk)
    desk.send("/sessions/1/attendance", do="all")
    assert "/sessions/1/edit" not in _page(desk)
    page = desk.send("/sessions/1/edit", 422, **MOVED, version="1").text
    assert "The session is over" in page and "marking attendance" in page


def test_looking_at_the_preview_changes_nothing(desk: Desk):
    desk.session("Mia")
    desk.send("/sessions/1/edit", **MOVED, planning="1", version="1")
    before = desk.get("/mail/out")
    assert desk.get("/sessions/1/preview") and desk.get("/mail/out").count("mia@") == before.count("mia@")
    assert "You are planning" in _page(desk)


def test_a_plan_is_forgotten_without_a_word_to_anybody(desk: Desk):
    desk.session("Mia")
    desk.send("/sessions/1/edit", **MOVED, planning="1", version="1")
    desk.send("/sessions/1/plan/discard")
    assert "The plan is forgotten" in _page(desk) and "Wednesday, 10 March 2027" in _page(desk)
    assert desk.client.get("/sessions/1/preview").location == "/sessions/1"


def test_who_may_still_have_the_old_time_is_shown_and_chased_alone(moved: Desk):
    assert "May still have the old time 2" in _page(moved) and _page(moved).count("maybe the old time") == 2
    fetched = {"last_fetched_at": moved.clock.now + timedelta(seconds=2), "last_user_agent": "Thunderbird"}
    moved.do(lambda work: work.db.execute(update(Feed).where(Feed.learner_id == 1).values(**fetched)))
    page = _page(moved, "?behind=1")
    assert "Ali</a>" in page and "Mia</a>" not in page.partition("What happened")[0]
    assert "feed has it" in _page(moved) and "Thunderbird" in _page(moved)
    moved.send("/sessions/1/chase")
    assert "Sent again to 1 person" in _page(moved) and "Chased 1 person" in _page(moved)


def test_several_are_changed_at_once_and_who_cannot_be_is_named(desk: Desk):
    desk.session("Mia", "Ali", capacity=2)
    desk.send("/sessions/1/people/change", person=["1", "2"], do="status", status="Registered")
    assert "2 are now Registered." in _page(desk) and "Registered 2" in _page(desk)
    desk.send("/sessions/1/people/change", person=["1", "2"], do="again")
    assert "Sent again to 2" in _page(desk)
    desk.send("/sessions/1/people/change", person=["1"], do="remove")
    desk.send("/sessions/1/people", who=desk.learner("Eve").email, status="Registered")
    desk.send("/sessions/1/people/change", person=["1", "2"], do="status", status="Invited")
    assert "1 is now Invited." in (page := _page(desk)) and "Mia: The session is full" in page
    desk.send("/sessions/1/people/change", do="remove")
    assert "Tick the people first." in _page(desk)


def test_everything_that_happened_has_a_page_with_what_was_sent(moved: Desk):
    page = html.unescape(moved.get("/sessions/1/history"))
    assert "Session made" in page and "Planned: start, end" in page and "<b>Change</b> to 2" in page and "<b>Invitation</b> to 2" in page


def test_the_page_runs_our_own_script_and_no_other(desk: Desk):
    desk.session("Mia")
    policy = desk.client.get("/sessions/1").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy
    assert "script-src" not in desk.client.get("/sessions").headers["Content-Security-Policy"]


LISTS = (
    "/sessions/1", "/sessions/1/attendance", "/sessions/1/history", "/groups/1", "/learners", "/learners?q=p0", "/mail/out", "/mail/in", "/", "/sessions",
    "/calendar", "/reports/sessions", "/reports/courses", "/reports/teams", "/reports/no-shows", "/reports/levels",
)  # fmt: skip


def _crowd(work, first: int, last: int) -> None:
    """Learners of these numbers, each in session 1 and in group 1, absent, with a mail to them and one from them."""
    some, now = range(first, last), work.now
    common = {"organisation_id": 1, "timezone": "UTC", "locale": "en", "channel": "both", "version": 1, "created_at": now}
    names = [
        {"id": i, "email": f"p{i:05}@x.example", "email_key": f"p{i:05}@x.example", "name": f"p{i:05}", "page_id": f"p{i}"} for i in some
    ]
    work.db.execute(insert(Learner), [common | one | {"team": "A"} for one in names])
    mine = {
        "organisation_id": 1,
        "live_session_id": 1,
        "status": "Absent",
        "partstat": "ACCEPTED",
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    work.db.execute(insert(Enrolment), [{**mine, "id": i, "learner_id": i} for i in some])
    work.db.execute(insert(GroupMember), [{"group_id": 1, "learner_id": i, "created_at": now} for i in some])
    sent = {
        "organisation_id": 1, "channel": "mail", "kind": "invite", "live_session_id": 1, "skeleton_id": 1, "sender": "t@x.example", "recipient": "p@x.example",
        "recipient_name": "p", "page_id": "", "dtstamp": 1, "key_id": 1, "state": "dead", "due_at": now, "expires_at": now, "created_at": now, "final_at": now,
    }  # fmt: skip
    work.db.execute(insert(Delivery), [{**sent, "learner_id": i, "enrolment_id": i} for i in some])
    came = {
        "organisation_id": 1, "received_at": now, "via": "smtp", "peer": "", "envelope_from": "", "envelope_to": [], "sha256": "", "raw": b"x", "subject": "",
        "outcome": "quarantined", "kind": "reply", "sender": "p@x.example", "reason": "", "reason_code": "", "tries": 0,
    }  # fmt: skip
    work.db.execute(insert(InboundMessage), [{**came, "learner_id": i, "enrolment_id": i} for i in some])


def test_ten_thousand_people_cost_every_list_the_same_queries(desk: Desk):
    desk.session("Mia")

    def told() -> dict[str, int]:
        found = {}
        for path in LISTS:
            with desk.statements() as some:
                desk.get(path)
            assert writes(some) == [], path
            found[path] = len(some)
        return found

    desk.do(lambda work: _crowd(work, 100, 200))
    few = told()
    desk.do(lambda work: _crowd(work, 200, 10_200))
    assert told() == few and max(few.values()) < 30
    page = desk.get("/sessions/1?page=150")
    assert "p07549" in page and page.count('name="person"') == 50
