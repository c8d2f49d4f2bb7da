"""A series stands once where people choose, and with each of its dates where it matters what is on."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from feedserver.services import attending, conflicts, departing, grouping, learning, personal_data, reporting, rooming, series, today
from feedserver.services.finding import find
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import EnrolmentStatus
from tests.web.desk.conftest import Desk

FIRST = datetime(2027, 3, 1, 9)


@pytest.fixture
def store_url(database_url: str) -> str:
    return database_url


@pytest.fixture
def weekly(desk: Desk) -> LiveSession:
    """Mia and Ali every Monday in March 2027, five times, in the blue room, which holds three."""
    who = [desk.learner(name).id for name in ("Mia", "Ali")]

    def verb(work):
        course = grouping.create_course(work, {"name": "Safety at work", "description": "", "url": ""})
        group = grouping.create_group(work, course.id, "Berlin", who)
        room = rooming.create_room(work, {"name": "Blue room", "location": "", "capacity": 3})
        values = {
            "title": "Fire safety", "start": FIRST, "end": FIRST + timedelta(hours=1), "timezone": "Europe/Berlin", "capacity": 3,
            "recurrence": "FREQ=WEEKLY;COUNT=5", "room_id": room.id, "instructors": ["trainer@example.org"],
        }  # fmt: skip
        return series.create(work, course.id, values, group.id)

    return desk.do(verb)


def dates(desk: Desk, head: LiveSession) -> list[LiveSession]:
    return desk.do(lambda work: series.dates_of(work, find(work, LiveSession, head.id)))


def shown(desk: Desk, path: str) -> list[str]:
    """The sessions that a page links to, by their number."""
    main = desk.get(path).partition("<main")[2]
    return re.findall(r'href="/sessions/(\d+)"', main)


def test_a_series_is_one_line_in_lists_with_its_rule_and_its_next_date(desk: Desk, weekly: LiveSession):
    desk.clock.now = datetime(2027, 3, 2, 12, tzinfo=desk.clock.now.tzinfo)
    desk.sign_in("olga@example.org", "owner")
    for path in ("/sessions", f"/courses/{weekly.course_id}", f"/groups/{weekly.group_id}"):
        page = html.unescape(desk.get(path))
        assert shown(desk, path) == [str(weekly.id)], path
        assert "every week on Monday, 5 times" in page and "next 8 Mar 2027, 09:00" in page and "5 dates" in page
    assert 'data-label="Coming sessions">1<' in desk.get("/courses")


def test_calendars_and_today_show_each_date_and_never_the_series(desk: Desk, weekly: LiveSession):
    ids = [str(one.id) for one in dates(desk, weekly)]
    assert shown(desk, "/calendar?view=month&on=2027-03-10") == ids
    assert shown(desk, "/calendar?view=agenda&on=2027-03-08") == ids[1:]
    assert "2 of 3" in desk.get("/calendar?view=agenda&on=2027-03-08")
    assert ids[0] in shown(desk, "/") and str(weekly.id) not in shown(desk, "/")
    assert desk.do(lambda work: rooming.sessions_in(work, rooming.all_rooms(work)[0])) == 5


def test_the_page_of_a_series_counts_who_comes_and_what_they_said(desk: Desk, weekly: LiveSession):
    yes = Enrolment.__table__.update().where(Enrolment.live_session_id == weekly.id, Enrolment.learner_id == named(desk, "Mia").id)
    desk.do(lambda work: work.db.execute(yes.values(partstat="ACCEPTED")))
    page = desk.get(f"/sessions/{weekly.id}").partition('id="dates"')[2]
    assert page.count("2 of 3") == 6 and page.count("1 Yes") == 5 and page.count("1 no answer") == 5


def test_who_teaches_finds_the_dates(desk: Desk, weekly: LiveSession):
    desk.sign_in("trainer@example.org", "instructor")
    assert shown(desk, "/sessions") == [str(one.id) for one in dates(desk, weekly)]


def test_dates_of_one_series_clash_with_others_alone(desk: Desk, weekly: LiveSession):
    other = desk.session(start=datetime(2027, 3, 8, 9, 30), end=datetime(2027, 3, 8, 10), instructors=["trainer@example.org"])
    found = desk.do(lambda work: conflicts.of_session(work, work.db.get_one(LiveSession, other.id)))
    assert [one.session_id for one in found] == [dates(desk, weekly)[1].id]
    for one in (weekly, dates(desk, weekly)[0]):
        assert desk.do(lambda work, one=one: conflicts.of_session(work, work.db.get_one(LiveSession, one.id))) == []


def test_reports_count_dates_with_the_answer_to_the_whole(desk: Desk, weekly: LiveSession):
    first, second, *_ = dates(desk, weekly)
    yes = Enrolment.__table__.update().where(Enrolment.live_session_id == weekly.id).values(partstat="ACCEPTED")
    desk.do(lambda work: work.db.execute(yes))
    desk.clock.now = datetime(2027, 3, 8, 12, tzinfo=desk.clock.now.tzinfo)
    desk.do(lambda work: attending.record_all(work, first.id))
    desk.do(lambda work: attending.record_all(work, second.id, EnrolmentStatus.ABSENT))
    by_session = desk.do(lambda work: reporting.attendance(work, "session", reporting.Scope(), 50))
    assert [(row.key, row.people, row.yes, row.attended, row.absent) for row in by_session] == [
        (second.id, 2, 2, 0, 2),
        (first.id, 2, 2, 2, 0),
    ]
    levels = desk.do(lambda work: reporting.levels(work, reporting.Scope(), 50))
    assert [(one.taken, one.capacity) for one in levels] == [(2, 3)] * 3


def test_a_series_leads_to_its_dates_for_attendance(desk: Desk, weekly: LiveSession):
    path = f"/sessions/{weekly.id}"
    assert desk.client.get(f"{path}/attendance").headers["Location"].endswith(f"{path}#dates")
    assert desk.client.get(f"{path}/check-in").headers["Location"] == f"/sessions/{dates(desk, weekly)[0].id}/check-in"
    desk.send(f"{path}/attendance", do="all")
    assert "mark each of its dates" in desk.get(f"{path}")


def test_approvals_of_a_series_are_asked_once(desk: Desk, weekly: LiveSession):
    desk.do(lambda work: work.db.execute(Enrolment.__table__.update().values(status="Waiting Approval")))
    assert desk.do(today.look).approvals.number == 2


def test_who_joins_the_group_is_in_all_dates_and_who_leaves_in_none(desk: Desk, weekly: LiveSession):
    zoe = desk.learner("Zoe")
    assert desk.do(lambda work: grouping.coming(work, weekly.group_id)) == 1
    desk.do(lambda work: grouping.add_member(work, weekly.group_id, zoe.id))
    assert statuses(desk, zoe) == ["Invited"] * 6
    mia = named(desk, "Mia")
    assert desk.do(lambda work: departing.consequences(work, work.db.get_one(Learner, mia.id))).sessions == 1
    for verb, who in ((departing.leave, mia), (lambda work, i: grouping.remove_member(work, weekly.group_id, i), zoe)):
        desk.do(lambda work, verb=verb, who=who: verb(work, who.id))
        assert statuses(desk, who) == ["Cancelled"] * 6


def test_a_learner_s_page_has_the_series_once_and_their_data_each_date(desk: Desk, weekly: LiveSession):
    mia = named(desk, "Mia")
    assert shown(desk, f"/learners/{mia.id}") == [str(weekly.id)]
    assert shown(desk, f"{desk.my_page(mia)}/courses") == [] and desk.get(f"{desk.my_page(mia)}/courses").count("<li id=") == 1
    told = desk.do(lambda work: personal_data.of_learner(work, work.db.get_one(Learner, mia.id)))
    assert len(told["enrolments"]) == 6 and sum(one["session"]["recurrence"] is not None for one in told["enrolments"]) == 1
    desk.do(lambda work: learning.remove_learner(work, mia.id))
    assert statuses(desk, mia) == []


def named(desk: Desk, name: str) -> Learner:
    return desk.do(lambda work: work.db.scalars(select(Learner).where(Learner.name == name)).one())


def statuses(desk: Desk, who: Learner) -> list[str]:
    query = select(Enrolment.status).where(Enrolment.learner_id == who.id).order_by(Enrolment.live_session_id)
    return desk.do(lambda work: list(work.db.scalars(query)))
