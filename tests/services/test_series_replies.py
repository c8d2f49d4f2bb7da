"""Answers to one date of a series that is one entry, as mail programs write them: that date alone changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedserver.services import series
from feedserver.store.inbox import InboundMessage
from feedserver.store.sessions import LiveSession
from tests.support import readdressed
from tests.support.world import MAILBOX, Mail, World

SAMPLES = Path(__file__).parents[2] / "../shared/interop/samples/replies"
REAL = sorted(SAMPLES.glob("*-recurring-*2027*.eml"))
AFTER = datetime(2026, 11, 20, 20, 40, tzinfo=UTC)
ANSWERED = {"DECLINED": "Declined", "TENTATIVE": "Invited"}


@pytest.fixture
def quick(sqlite_url: str):
    one = World(sqlite_url)
    yield one
    one.close()


def mondays(world: World) -> tuple[int, Mail]:
    """Eight Mondays at nine in Berlin, across the change of the clocks, as one entry; Anna has it."""
    start = datetime(2027, 3, 15, 9)
    values = {
        "title": "Onboarding",
        "start": start,
        "end": start.replace(hour=10),
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=WEEKLY;COUNT=8",
    }
    group = world.group("Anna")
    head = world.do(lambda work: series.create(work, world.course_id, values, group).id)
    return head, world.mail()


def statuses(world: World, head: int) -> dict[str, str]:
    every = world.look(lambda work: series.dates_of(work, work.db.get_one(LiveSession, head)))
    return {f"{one.start:%m%d}": world.status(one.id, "Anna") for one in every}


def of_two(mail: Mail, master: str, override: str, key: str = "TZID=Europe/Berlin:20270405T090000") -> bytes:
    """Cyrus sends the whole object: the series, and the date that was answered."""
    parts = [("", master), (f"RECURRENCE-ID;{key}\r\n", override)]
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{mail.uid}\r\nDTSTAMP:20261120T203500Z\r\nSEQUENCE:{mail.sequence}\r\n{which}DTSTART;TZID=Europe/Berlin:20270315T090000\r\n"
        f"ORGANIZER:mailto:{MAILBOX}\r\nATTENDEE;PARTSTAT={answer}:mailto:{mail.to}\r\nEND:VEVENT\r\n"
        for which, answer in parts
    )
    head = f"From: {mail.to}\r\nTo: {MAILBOX}\r\nSubject: Re\r\nMessage-ID: <{master}{override}@corp.example>\r\nMIME-Version: 1.0\r\n"
    kind = 'Content-Type: text/calendar; method=REPLY; charset="utf-8"\r\n\r\n'
    return f"{head}{kind}BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nMETHOD:REPLY\r\n{events}END:VCALENDAR\r\n".encode()


@pytest.mark.skipif(not REAL, reason="the real replies are not here")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_what_programs_really_sent_changes_that_date_alone(quick, path):
    head, mail = mondays(quick)
    quick.moment = AFTER
    came = quick.receive(readdressed.mail(path.read_bytes(), readdressed.Ours(mail.uid, mail.to, MAILBOX)))
    partstat, day = path.stem.rpartition("-")[2].partition("2027")[::2]
    assert came.outcome in ("applied", "unchanged"), came.reason
    assert statuses(quick, head) == {one: ANSWERED[partstat] if one == day[:4] else "Invited" for one in statuses(quick, head)}
    date = next(d for d in quick.look(lambda w: series.dates_of(w, w.db.get_one(LiveSession, head))) if f"{d.start:%m%d}" == day[:4])
    assert (quick.enrolment(date.id, "Anna").partstat, quick.enrolment(head, "Anna").partstat) == (partstat, "NEEDS-ACTION")


@pytest.mark.parametrize("key", ["VALUE=DATE-TIME:20270405T070000Z", "TZID=W. Europe Standard Time:20270405T090000"])
def test_utc_and_a_windows_zone_name_the_same_date(quick, key):
    head, mail = mondays(quick)
    quick.moment = AFTER
    quick.receive(of_two(mail, "NEEDS-ACTION", "DECLINED", key))
    assert [day for day, status in statuses(quick, head).items() if status == "Declined"] == ["0405"]


def test_google_s_answer_to_one_date_is_that_date_s(quick):
    head, mail = mondays(quick)
    came = quick.answer(mail, "DECLINED", client="google", recurrence_id="20270405T070000Z")
    assert came.outcome == "applied", came.reason
    assert [day for day, status in statuses(quick, head).items() if status == "Declined"] == ["0405"]


def test_series_and_date_in_one_reply_are_judged_each_alone_and_needs_action_overwrites_nothing(quick):
    head, mail = mondays(quick)
    quick.answer(mail, "ACCEPTED", dtstamp=datetime(2026, 11, 20, 20, 30, tzinfo=UTC))
    quick.moment = AFTER
    quick.receive(of_two(mail, "NEEDS-ACTION", "DECLINED"))
    assert statuses(quick, head) == {one: "Declined" if one == "0405" else "Registered" for one in statuses(quick, head)}
    assert quick.enrolment(head, "Anna").partstat == "ACCEPTED"


def test_a_yes_to_the_whole_with_a_no_to_one_date_is_both(quick):
    head, mail = mondays(quick)
    quick.moment = AFTER
    quick.receive(of_two(mail, "ACCEPTED", "DECLINED"))
    assert statuses(quick, head) == {one: "Declined" if one == "0405" else "Registered" for one in statuses(quick, head)}


def test_a_date_that_there_is_not_is_held_for_a_decision(quick):
    head, mail = mondays(quick)
    came: InboundMessage = quick.answer(mail, "DECLINED", recurrence_id="20270406T070000Z")
    assert (came.outcome, came.reason_code) == ("quarantined", "recurrence_unknown")
    assert set(statuses(quick, head).values()) == {"Invited"}


def test_a_date_as_it_was_before_the_series_moved_is_stale_while_the_move_settles_and_after(quick):
    head, mail = mondays(quick)
    quick.edit(head, settled=False, start=datetime(2027, 3, 15, 14))
    for seconds in (1, 21):
        quick.advance(seconds)
        came = quick.answer(mail, "DECLINED", recurrence_id="20270405T070000Z")
        assert (came.outcome, came.reason_code) == ("stale", "stale_answer")
    assert set(statuses(quick, head).values()) == {"Invited"}
