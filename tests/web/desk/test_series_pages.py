"""Series at the desk: looked at before they are made, changed by date and from a date on, without a script."""

from __future__ import annotations

import html
import re
from datetime import datetime

import pytest
from sqlalchemy import select

from feedserver.services import grouping, series
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from feedserver.web.admin import series_form
from tests.web.desk.conftest import Desk

TUESDAYS = {
    "title": "Fire safety", "start": "2027-03-02T09:00", "end": "2027-03-02T10:30", "timezone": "Europe/Berlin", "calendar_enabled": "on",
    "repeat": "WEEKLY", "times": "8",
}  # fmt: skip


@pytest.fixture
def course(desk: Desk) -> str:
    """The path of the form for a new session; Mia and Ali are the one group of the course."""
    who = [desk.learner(name).id for name in ("Mia", "Ali")]

    def verb(work):
        course = grouping.create_course(work, {"name": "Safety at work", "description": "", "url": ""})
        grouping.create_group(work, course.id, "Berlin", who)
        return f"/courses/{course.id}/sessions/new"

    return desk.do(verb)


def make(desk: Desk, course: str, **fields) -> LiveSession:
    """A series made by the form, its first press and its second."""
    page = desk.send(course, 303, **{**TUESDAYS, "group_id": "1", "step": "make", **fields})
    number = int(page.headers["Location"].rpartition("/")[2])
    return desk.do(lambda work: work.db.get_one(LiveSession, number))


def dates(desk: Desk, head: LiveSession) -> list[LiveSession]:
    return desk.do(lambda work: series.dates_of(work, work.db.get_one(LiveSession, head.id)))


def sessions(desk: Desk) -> int:
    return len(desk.do(lambda work: work.db.scalars(select(LiveSession)).all()))


def test_the_first_press_shows_rule_dates_oddities_and_mails_and_makes_nothing(desk: Desk, course: str):
    page = html.unescape(desk.send(course, 200, **TUESDAYS, group_id="1").text)
    assert "Every week on Tuesday, 8 times." in page and page.count('name="out"') == 8
    assert "the clocks have changed before it" in page.partition("30 Mar 2027")[2].partition("</tr>")[0]
    assert "2 people get 1 mail each: 2" in page and "2 people get 8 mails each: 16" in page
    assert 'name="title" value="Fire safety"' in page and sessions(desk) == 0


def test_dates_are_left_out_and_added_before_it_is_made(desk: Desk, course: str):
    choices = {
        "group_id": "1",
        "out": ["2027-03-09T09:00", "2027-03-16T09:00"],
        "extra": "2027-03-10T14:00\n2027-03-11T14:00 2027-03-11T15:00",
    }
    page = desk.send(course, 200, **TUESDAYS, **choices, step="preview").text
    assert page.count(" checked") == 3 and "added" in page and "These are the 8 dates" in page
    head = make(desk, course, **choices, entry_mode="dates")
    on = [(one.start.day, one.start.hour) for one in dates(desk, head) if one.status == "scheduled"]
    assert head.entry_mode == "dates" and on == [(2, 9), (10, 14), (11, 14), (23, 9), (30, 9), (6, 9), (13, 9), (20, 9)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"times": ""}, "Say when it ends"),
        ({"repeat": "RULE", "rule": ""}, "Write the rule"),
        ({"repeat": "RULE", "rule": "FREQ=YEARLY;COUNT=2"}, "FREQ has to be DAILY"),
        ({"day_FR": "on"}, "its own rule leaves out"),
        ({"extra": "tomorrow", "step": "make"}, "Write a date as"),
        ({"extra": "2027-03-09T09:00", "step": "make"}, "already"),
        ({"planning": "1"}, "cannot be a draft"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(desk: Desk, course: str, wrong, words):
    page = html.unescape(desk.send(course, 422, **{**TUESDAYS, **wrong}).text)
    assert words in page and 'value="Fire safety"' in page and sessions(desk) == 0


def test_back_to_the_form_keeps_what_was_typed(desk: Desk, course: str):
    page = desk.send(course, 200, **TUESDAYS, step="form").text
    assert 'value="2027-03-02T09:00"' in page and '<option value="WEEKLY" selected>' in page and "novalidate" in page


def test_the_page_of_a_series_has_its_dates_and_leads_to_each(desk: Desk, course: str):
    head = make(desk, course)
    second = dates(desk, head)[1]
    page = html.unescape(desk.get(f"/sessions/{head.id}"))
    assert page.count(f'href="/sessions/{second.id}') == 5 and "Every week on Tuesday, 8 times" in page
    assert f'href="/sessions/{head.id}"' in desk.get(f"/sessions/{second.id}").partition("One date of a series")[2]
    assert "Add somebody" in page and "Add somebody" not in desk.get(f"/sessions/{second.id}")


def test_one_date_is_changed_and_one_cancelled_from_their_own_pages(desk: Desk, course: str):
    head = make(desk, course)
    second, third = dates(desk, head)[1:3]
    form = desk.get(f"/sessions/{second.id}/edit")
    assert 'name="capacity"' not in form and "an entry of its own" in form and "Only plan it" not in form
    values = {name: TUESDAYS[name] for name in ("title", "timezone")}
    desk.send(f"/sessions/{second.id}/edit", **values, start="2027-03-10T09:00", end="2027-03-10T10:00", version=str(second.version))
    desk.send(f"/sessions/{third.id}/cancel", reason="Holiday")
    page = desk.get(f"/sessions/{head.id}").partition('id="dates"')[2]
    assert "Wed 10 Mar 2027" in page and ">moved<" in page and ">cancelled<" in page
    assert [one.status for one in dates(desk, head)[:3]] == ["scheduled", "scheduled", "cancelled"]


def test_a_date_is_added_on_the_page(desk: Desk, course: str):
    head = make(desk, course, times="2")
    desk.send(f"/sessions/{head.id}/dates", start="2027-03-05T09:00")
    assert "Friday, 5 March 2027, 09:00 Europe/Berlin is added" in desk.get(f"/sessions/{head.id}")
    desk.send(f"/sessions/{head.id}/dates", start="2027-03-05T09:00")
    assert "already" in desk.get(f"/sessions/{head.id}") and len(dates(desk, head)) == 3


def test_this_and_following_says_what_it_does_then_splits_and_leads_to_the_form(desk: Desk, course: str):
    head = make(desk, course)
    path = f"/sessions/{dates(desk, head)[3].id}/following"
    assert "5 dates become a series of their own" in desk.get(path) and len(dates(desk, head)) == 8
    second = desk.send(path).headers["Location"]
    assert re.fullmatch(r"/sessions/\d+/edit", second) and len(dates(desk, head)) == 3
    assert 'value="2027-03-23T09:00"' in desk.get(second) and '<option value="WEEKLY" selected>' in desk.get(second)


def test_new_times_of_a_series_are_looked_at_before_they_are_saved(desk: Desk, course: str):
    head = make(desk, course)
    moved = {**TUESDAYS, "start": "2027-03-03T14:00", "end": "2027-03-03T15:00", "day_TU": "on", "version": str(head.version)}
    page = desk.send(f"/sessions/{head.id}/edit", 200, **moved).text
    assert "Wed 3 Mar 2027" in page and "asked again" in page and dates(desk, head)[0].start.hour == 9
    desk.send(f"/sessions/{head.id}/edit", 303, **moved, step="make")
    assert [(one.start.weekday(), one.start.hour) for one in dates(desk, head)] == [(2, 14)] * 8


def test_wording_of_a_series_is_saved_at_once_and_shorter_rules_end_it_sooner(desk: Desk, course: str):
    head = make(desk, course)
    same = {**TUESDAYS, "day_TU": "on", "version": str(head.version)}
    desk.send(f"/sessions/{head.id}/edit", 303, **{**same, "title": "Fire safety II"})
    assert {one.title for one in dates(desk, head)} == {"Fire safety II"}
    head = desk.do(lambda work: work.db.get_one(LiveSession, head.id))
    desk.send(
        f"/sessions/{head.id}/edit", 303, **{**same, "title": "Fire safety II", "times": "5", "version": str(head.version), "step": "make"}
    )
    assert [one.status for one in dates(desk, head)] == ["scheduled"] * 5 + ["cancelled"] * 3
    assert desk.do(lambda work: work.db.scalar(select(LiveSession.recurrence).where(LiveSession.id == head.id))).endswith("COUNT=5")


def test_turning_invitations_off_takes_all_dates_out_of_calendars(desk: Desk, course: str):
    head = make(desk, course, entry_mode="dates", times="3")
    desk.send(f"/sessions/{head.id}/calendar", on="0")
    methods = desk.do(lambda work: work.db.scalars(select(Delivery.method).where(Delivery.state != "superseded")).all())
    assert set(methods) <= {"CANCEL"} and not any(one.calendar_enabled for one in dates(desk, head))


@pytest.mark.parametrize(
    "rule",
    ["FREQ=DAILY;INTERVAL=3;COUNT=4", "FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20270401T215959Z", "FREQ=MONTHLY;BYMONTHDAY=2;COUNT=3",
     "FREQ=MONTHLY;BYDAY=1TU;COUNT=3", "FREQ=MONTHLY;BYDAY=1TU,3TU;COUNT=3", "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=TU,MO;COUNT=3"],
)  # fmt: skip
def test_the_form_says_every_rule_that_there_is(rule):
    start = datetime(2027, 3, 2, 9)
    names = [one.name for one in series_form.RULE_FIELDS]
    values = {name: None for name in names} | series_form.shown(rule, start, "Europe/Berlin") | {"start": start}
    assert series_form.rule_text(values).replace("UNTIL=20270401", "UNTIL=20270401T215959Z") == rule


def test_the_page_of_a_series_marks_the_date_before_which_the_clocks_have_changed(desk: Desk, course: str):
    page = html.unescape(desk.get(f"/sessions/{make(desk, course).id}"))
    rows = [row for row in page.partition('id="dates"')[2].split("</tr>") if "the clocks have changed before it" in row]
    assert len(rows) == 1 and "30 Mar 2027" in rows[0]


def test_whether_attending_completes_the_course_is_chosen_in_the_form_and_holds_for_each_date(desk: Desk, course: str):
    head = make(desk, course, counts="yes")
    assert head.counts is True and {one.counts for one in dates(desk, head)} == {True}
    assert '<option value="yes" selected>' in desk.get(f"/sessions/{head.id}/edit")
    wording = {name: value for name, value in TUESDAYS.items() if name not in ("repeat", "times")}
    desk.send(
        f"/sessions/{head.id}/edit", 303, **wording, repeat="WEEKLY", times="8", day_TU="on", step="make", version=head.version, counts="no"
    )
    assert {one.counts for one in dates(desk, head)} == {False}
