"""Reminders by mail: at their moment, in zone and language, once, and never to who should get none; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import event, select, update

from feedserver.commands import ticks
from feedserver.services import departing, grouping, reminding, series
from feedserver.store.learners import Learner
from feedserver.store.organisations import Organisation
from feedserver.store.reminders import Reminder, ReminderRound
from tests.support.world import START, World

BERLIN_TEN = datetime(2026, 12, 1, 9, tzinfo=UTC)
TICK = next(tick for tick in ticks.TICKS if tick.name == "reminders")


def look(world: World, moment: datetime, house=None) -> list[tuple[str, str]]:
    """(first name, kind) of the reminders that leave when the worker looks at this moment."""
    world.moment = moment
    ticks.once(world.house, TICK)
    world.notices.clear()
    world.mails()
    return sorted((mail.who, mail.kind) for mail in world.notices if mail.kind.startswith("reminder"))


def outcomes(world: World) -> list[tuple[str, str]]:
    return world.look(lambda work: [tuple(row) for row in work.db.execute(select(Reminder.rule, Reminder.outcome).order_by(Reminder.id))])


@pytest.fixture
def running(world: World) -> World:
    """The worker has looked before, and goes on doing so."""
    look(world, world.moment)
    return world


def test_two_days_before_and_on_the_morning_each_once(running):
    session = running.session("Mia", "Ben")
    running.set_status(session, "Ben", "Registered")
    look(running, BERLIN_TEN - timedelta(hours=48, seconds=1))
    assert look(running, BERLIN_TEN - timedelta(hours=48)) == [("Ben", "reminder"), ("Mia", "reminder_answer")]
    assert look(running, BERLIN_TEN - timedelta(hours=47, minutes=59)) == []
    assert look(running, BERLIN_TEN - timedelta(hours=2)) == [("Ben", "reminder"), ("Mia", "reminder_answer")]
    assert look(running, BERLIN_TEN - timedelta(minutes=1)) == look(running, BERLIN_TEN + timedelta(hours=3)) == []


def test_the_mail_says_what_holds_now_in_the_readers_language_and_zone_without_a_calendar_part(running):
    running.person("Kai", timezone="Asia/Tokyo", locale="de")
    session = running.session("Kai", location="Room 5")
    running.edit(session, location="Room 9")
    assert look(running, datetime(2026, 11, 30, 23, tzinfo=UTC)) == [("Kai", "reminder_answer")]  # 8:00 there
    mail = running.notices[-1]
    assert "Erinnerung: Fire safety" in mail.subject and "Room 9" in mail.words and "18:00" in mail.words and "Room 5" not in mail.words
    message = message_from_bytes(mail.raw, policy=policy.default)
    assert {part.get_content_type() for part in message.walk()} == {"multipart/alternative", "text/plain", "text/html"}
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and message["List-Unsubscribe"].startswith(
        "<https://t.example/stop/"
    )


def test_who_said_no_waits_left_complained_or_stopped_gets_none(running):
    names = ("Mia", "Ben", "Cleo", "Dan", "Eve", "Fay", "Gus")
    session = running.session(*names, capacity=6, waiting_list=True)
    running.set_status(session, "Ben", "Declined")
    running.remove(session, "Cleo")
    running.do(lambda work: departing.leave(work, running.people["Dan"]))
    running.do(lambda work: reminding.stop(work, work.db.get_one(Learner, running.people["Eve"]), off=True))
    running.do(lambda work: work.db.execute(update(Learner).where(Learner.id == running.people["Fay"]).values(complained_at=work.now)))
    running.do(lambda work: work.db.execute(update(Learner).where(Learner.id == running.people["Gus"]).values(address_problem="gone")))
    running.enrol(running.session(start=START + timedelta(days=90)), "Mia")
    assert look(running, BERLIN_TEN - timedelta(hours=48)) == [("Mia", "reminder_answer")]


def test_after_an_outage_what_is_past_is_noted_and_never_comes_in_a_burst(running):
    running.session("Mia")
    over = running.session("Ben", start=datetime(2026, 11, 30, 10))
    assert look(running, BERLIN_TEN - timedelta(hours=1)) == [("Mia", "reminder_answer")]
    assert sorted(outcomes(running)) == [("48h", "begun"), ("48h", "late"), ("morning", "begun"), ("morning", "sent")]
    rounds = running.look(lambda work: reminding.rounds_of(work, over))
    assert {one.outcome for one in rounds} == {"begun"}


def test_who_came_after_the_moment_has_a_fresh_invitation_and_gets_none(running):
    session = running.session("Mia")
    running.moment = BERLIN_TEN - timedelta(hours=47, minutes=30)
    running.enrol(session, "Ben")
    assert look(running, running.moment + timedelta(minutes=1)) == [("Mia", "reminder_answer")]


def test_a_move_is_followed_and_what_was_said_of_the_old_time_is_said_again_of_the_new(running):
    session = running.session("Mia")
    look(running, BERLIN_TEN - timedelta(hours=48))
    running.edit(session, start=START + timedelta(days=7))
    assert look(running, BERLIN_TEN - timedelta(hours=2)) == []
    assert look(running, BERLIN_TEN + timedelta(days=5)) == [("Mia", "reminder_answer")]

    running.edit(session, start=START + timedelta(days=6))
    assert look(running, running.moment) == []  # its 48 hours were past when the move was told


def test_nothing_of_a_cancelled_session_and_an_edit_that_settles_is_told_first(running):
    gone, edited = running.session("Mia"), running.session("Ben")
    running.cancel(gone)
    running.moment = BERLIN_TEN - timedelta(hours=48, seconds=5)
    running.edit(edited, settled=False, location="Room 9")
    assert look(running, BERLIN_TEN - timedelta(hours=48)) == []
    running.advance(21)
    assert look(running, running.moment) == [("Ben", "reminder_answer")] and "Room 9" in running.notices[-1].words


def test_the_most_specific_choice_wins(running):
    running.do(lambda work: setattr(work.db.get_one(Organisation, work.organisation_id), "reminders", []))
    running.session("Mia")
    running.session("Ben", reminders=["24h"])
    assert look(running, BERLIN_TEN - timedelta(hours=48)) == []
    assert look(running, BERLIN_TEN - timedelta(hours=24)) == [("Ben", "reminder_answer")]
    running.do(lambda work: grouping.edit_course(work, running.course_id, {"reminders": ["1h"]}))
    assert look(running, BERLIN_TEN - timedelta(hours=1)) == [("Mia", "reminder_answer")]


def test_the_number_of_statements_does_not_grow_with_the_people(running):
    names = [f"P{n}" for n in range(30)]
    running.session(*names)
    running.moment, counts = BERLIN_TEN - timedelta(hours=48), []

    def counted(*_args) -> None:
        counts.append(1)

    event.listen(running.database.engine, "before_cursor_execute", counted)
    assert running.house.run(running.organisation_id, "system", lambda work: reminding.remind_due(work, work.organisation_id)) == 30
    event.remove(running.database.engine, "before_cursor_execute", counted)
    assert len(counts) < 25 and running.count(ReminderRound) == 1


@pytest.mark.parametrize("mode", ["dates", "rule"])
def test_each_date_of_a_series_is_reminded_of_and_the_series_is_not(running, mode):
    values = {
        "title": "Drill",
        "start": START,
        "end": START + timedelta(hours=1),
        "timezone": "Europe/Berlin",
        "fold": 0,
        "entry_mode": mode,
    }
    values |= {"recurrence": "FREQ=WEEKLY;COUNT=3", "left_out": [], "extra_dates": []}
    group = running.group("Mia")
    running.do(lambda work: series.create(work, running.course_id, values, group).id)
    assert look(running, BERLIN_TEN - timedelta(hours=48)) == [("Mia", "reminder_answer")]
    assert look(running, BERLIN_TEN + timedelta(days=5)) == [("Mia", "reminder_answer")]
    assert "8 December" in running.notices[-1].words
