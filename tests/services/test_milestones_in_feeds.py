"""Days to note as a subscribed calendar sees them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from feedserver.services import milestones
from feedserver.store.milestones import MilestoneEntry
from feedserver.training.milestones import FEED_KINDS, MilestoneKind
from tests.support.subscriber import Subscriber

DAY = date(2026, 12, 24)
E_ = MilestoneEntry


@pytest.fixture
def lea(database_url: str) -> Iterator[Subscriber]:
    one = Subscriber(database_url)
    yield one
    one.close()


def note(lea: Subscriber, kind: str = "completion_deadline", title: str = "Quiz", day: date = DAY, **more) -> None:
    lea.do(lambda work: milestones.give(work, [lea.learner_id], kind, title, day, **more))


def test_a_deadline_is_a_whole_free_day_with_nobody_to_answer_to(lea):
    note(lea, description="Do the *quiz*.", url="https://lms.example/q")
    (one,) = lea.entries()

    assert (one.decoded("DTSTART"), one.decoded("DTEND")) == (DAY, DAY + timedelta(days=1))
    assert (one["SUMMARY"], one["TRANSP"], one["X-MICROSOFT-CDO-BUSYSTATUS"]) == ("Deadline: Quiz", "TRANSPARENT", "FREE")
    assert "ORGANIZER" not in one and "ATTENDEE" not in one and not one.walk("VALARM")
    assert one["DESCRIPTION"].startswith("Do the quiz.") and "https://t.example/my/" in one["DESCRIPTION"]


def test_a_move_raises_sequence_and_done_ones_leave_and_each_change_has_an_etag_of_its_own(lea):
    etags = [lea.header("ETag")]
    note(lea)
    etags.append(lea.header("ETag"))
    lea.later(minutes=1)
    lea.do(lambda work: milestones.move(work, E_.learner_id == lea.learner_id, DAY + timedelta(days=3)))
    (one,) = lea.entries()
    assert (one["SEQUENCE"], one.decoded("DTSTART")) == (1, DAY + timedelta(days=3))
    etags.append(lea.header("ETag"))
    lea.do(lambda work: milestones.done(work, E_.learner_id == lea.learner_id, work.now, "admin:x"))

    assert lea.entries() == [] and len({*etags, lea.header("ETag")}) == 4


def test_each_feed_shows_the_kinds_that_were_chosen(lea):
    for kind in MilestoneKind:
        note(lea, kind, kind)
    lea.session()
    assert len(lea.entries()) == 1 + len(MilestoneKind)
    for chosen, kinds in FEED_KINDS.items():
        lea.change_feed(kinds=[chosen])
        assert {one["SUMMARY"].partition(": ")[2] for one in lea.entries()} == set(kinds)
    lea.change_feed(kinds=["session"])
    assert lea.titles() == ["Fire safety"]


def test_alarms_are_the_morning_before_and_a_busy_feed_shows_no_day_to_note(lea):
    note(lea)
    lea.change_feed(alarms=True)
    (alarm,) = lea.entries()[0].walk("VALARM")
    assert alarm.decoded("TRIGGER") == -timedelta(hours=15)
    lea.change_feed(detail="busy")
    assert lea.entries() == []


def test_what_was_mailed_is_left_out_of_a_feed_of_the_rest(lea):
    note(lea)
    lea.change_feed(content="not_invited")
    assert len(lea.entries()) == 1
    lea.do(lambda work: work.db.query(E_).update({"mailed": True}))
    lea.change_feed(content="not_invited")
    assert lea.entries() == []


def test_the_window_is_the_same_as_for_sessions(lea):
    for day in (date(2026, 8, 19), date(2026, 8, 20), date(2028, 5, 22), date(2028, 5, 23)):
        note(lea, title=str(day), day=day)
    assert [one["SUMMARY"][-10:] for one in lea.entries()] == ["2026-08-20", "2028-05-22"]
