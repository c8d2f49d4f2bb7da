"""Series as people meet them: an entry a date, or one entry with a rule, and answers to single dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes

import pytest

from feedserver.errors import Conflict, Invalid
from feedserver.services import page_answers, scheduling, series, verbs, verbs_roster
from feedserver.store.entries import CalendarEntry
from feedserver.store.learners import Learner
from feedserver.store.sessions import LiveSession
from tests.support.world import Mail, World

FIRST = datetime(2026, 12, 1, 10)
KEYS = ("20261201T090000Z", "20261208T090000Z", "20261215T090000Z")


def make(world: World, *invited: str, dates: int = 3, rule: str = "FREQ=WEEKLY;BYDAY=TU;COUNT={}", **values) -> int:
    group = world.group(*invited) if invited else None
    values = {
        "title": "Fire safety", "start": FIRST, "end": datetime(2026, 12, 1, 11), "timezone": "Europe/Berlin", "recurrence": rule.format(dates), **values
    }  # fmt: skip
    return world.do(lambda work: series.create(work, world.course_id, values, group).id)


def dates(world: World, head: int) -> list[LiveSession]:
    return world.look(lambda work: series.dates_of(work, work.db.get_one(LiveSession, head)))


def statuses(world: World, head: int, name: str) -> list[str]:
    return [world.status(one.id, name) for one in dates(world, head)]


def calendar(mail: Mail) -> str:
    part = next(p for p in message_from_bytes(mail.raw).walk() if p.get_content_type() == "text/calendar")
    return part.get_payload(decode=True).decode().replace("\r\n ", "").replace("\r\n", "\n")


def exdates(mail: Mail) -> list[str]:
    return re.findall(r"^EXDATE;TZID=Europe/Berlin:(\S+)$", calendar(mail), re.M)


def test_three_dates_are_three_entries_that_are_answered_one_by_one(world):
    head = make(world, "Anna", dates=3)
    first, second, _third = sent = world.mails()
    assert [mail.start.astimezone(UTC) for mail in sent] == [datetime(2026, 12, day, 9, tzinfo=UTC) for day in (1, 8, 15)]
    assert len({mail.uid for mail in sent}) == 3
    world.answer(second, "DECLINED")
    assert statuses(world, head, "Anna") == ["Invited", "Declined", "Invited"]
    assert world.status(head, "Anna") == "Invited"
    world.answer(first, "ACCEPTED")
    assert statuses(world, head, "Anna") == ["Registered", "Declined", "Invited"]
    assert world.status(head, "Anna") == "Registered"


def test_no_to_every_date_gives_up_the_seat_in_the_series_and_the_next_in_line_gets_all_dates(world):
    head = make(world, "Anna", dates=2, capacity=1, waiting_list=True)
    world.register(head, "Ben")
    assert world.status(head, "Ben") == "Waiting List"
    for mail in world.mails():
        world.answer(mail, "DECLINED")
    assert world.status(head, "Anna") == "Declined"
    assert (world.status(head, "Ben"), statuses(world, head, "Ben")) == ("Invited", ["Invited", "Invited"])
    assert [(mail.who, mail.kind) for mail in world.mails()] == [("Ben", "offer"), ("Ben", "offer")]


def test_many_dates_are_one_entry_with_a_rule(world):
    head = make(world, "Anna", "Ben", dates=8)
    anna, _ben = world.mails()
    assert "\nRRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20270119T090000Z\n" in calendar(anna)
    assert "EXDATE" not in calendar(anna) and "RDATE" not in calendar(anna)
    world.answer(anna, "ACCEPTED")
    assert world.status(head, "Anna") == "Registered"
    assert statuses(world, head, "Anna") == ["Registered"] * 8
    assert statuses(world, head, "Ben") == ["Invited"] * 8


@pytest.mark.parametrize("written", ["20261208T090000Z", "20261208T100000"])
def test_a_no_to_one_date_changes_that_date_alone_and_survives_the_next_update(world, written):
    head = make(world, "Anna", "Ben", dates=8)
    anna, _ = world.mails()
    world.answer(anna, "ACCEPTED")
    zone = "" if written.endswith("Z") else ";TZID=W. Europe Standard Time"
    reply = world.answer(anna, "DECLINED", dtstamp=datetime(2026, 11, 20, 10, 5, tzinfo=UTC), recurrence_id=written)
    if zone:
        raw = reply.raw.replace(b"RECURRENCE-ID:", f"RECURRENCE-ID{zone}:".encode())
        reply = world.receive(raw)
    assert reply.outcome in ("applied", "unchanged"), reply.reason
    assert statuses(world, head, "Anna") == ["Registered", "Declined", *["Registered"] * 6]
    assert world.status(head, "Anna") == "Registered"
    world.edit(head, title="Fire safety, new room")
    updated = {mail.who: mail for mail in world.mails()}
    assert exdates(updated["Anna"]) == ["20261208T100000"]
    assert exdates(updated["Ben"]) == []
    assert (updated["Anna"].partstat, updated["Anna"].sequence) == ("ACCEPTED", 1)


def test_one_date_cancelled_asks_nobody_to_confirm_the_rest(world):
    head = make(world, "Anna", dates=8)
    world.answer(world.mail(), "ACCEPTED")
    world.do(lambda work: series.cancel_date(work, head, KEYS[1], "Trainer ill"))
    world.advance(21)
    update = world.mail()
    assert (update.method, update.partstat, exdates(update)) == ("REQUEST", "ACCEPTED", ["20261208T100000"])
    assert "No longer on Tuesday, 8 December 2026, 10:00–11:00" in update.words


def test_one_date_moved_becomes_an_entry_of_its_own_which_is_sent_first(world):
    head = make(world, "Anna", dates=8)
    invitation = world.mail()
    world.answer(invitation, "ACCEPTED")
    new = {"start": datetime(2026, 12, 9, 10), "end": datetime(2026, 12, 9, 11)}
    world.do(lambda work: series.edit_date(work, head, KEYS[1], new))
    world.advance(21)
    moved, rest = world.mails()
    assert f"\nRELATED-TO:{invitation.uid}\n" in calendar(moved) and "RRULE:FREQ=WEEKLY" not in calendar(moved)
    assert moved.start.astimezone(UTC) == datetime(2026, 12, 9, 9, tzinfo=UTC)
    assert (rest.uid, exdates(rest), rest.partstat) == (invitation.uid, ["20261208T100000"], "ACCEPTED")
    stale = world.answer(invitation, "DECLINED", recurrence_id="20261208T090000Z")
    assert (stale.outcome, stale.reason_code) == ("stale", "date_moved")
    world.answer(moved, "DECLINED")
    assert statuses(world, head, "Anna")[:3] == ["Registered", "Declined", "Registered"]


def test_who_joins_late_starts_at_what_is_left(world):
    head = make(world, dates=8)
    world.advance(9 * 86400 + 13 * 3600)  # the first date, on 1 December, is over
    world.advance(86400 * 2)
    world.register(head, "Anna")
    assert exdates(world.mail()) == ["20261201T100000"]
    assert [one.status for one in dates(world, head)] == ["scheduled"] * 8


def test_this_and_following_becomes_a_second_series_with_the_same_people(world):
    head = make(world, "Anna", dates=8)
    first = world.mail()
    world.answer(first, "ACCEPTED")
    second = world.do(lambda work: series.split(work, head, KEYS[2]).id)
    world.advance(21)
    new, old = world.mails()
    assert "UNTIL=20270119T090000Z" in calendar(new) and new.uid != first.uid and new.start.day == 15
    assert "UNTIL=20261208T090000Z" in calendar(old) and (old.uid, old.partstat) == (first.uid, "ACCEPTED")
    assert (len(dates(world, head)), len(dates(world, second))) == (2, 6)
    assert statuses(world, second, "Anna") == ["Registered"] * 6


def test_the_whole_series_moves_and_asks_again(world):
    head = make(world, "Anna", dates=8)
    world.answer(world.mail(), "ACCEPTED")
    world.edit(head, start=datetime(2026, 12, 1, 14), end=datetime(2026, 12, 1, 15))
    update = world.mail()
    assert (update.start.astimezone(UTC).hour, update.partstat) == (13, "NEEDS-ACTION")
    assert [one.start.hour for one in dates(world, head)] == [14] * 8
    assert statuses(world, head, "Anna") == ["Registered"] * 8


def test_a_cancelled_series_leaves_calendars_with_its_moved_date(world):
    head = make(world, "Anna", dates=8)
    new = {"start": datetime(2026, 12, 9, 10), "end": datetime(2026, 12, 9, 11)}
    world.do(lambda work: series.edit_date(work, head, KEYS[1], new))
    world.advance(21)
    world.mails()
    world.do(lambda work: scheduling.cancel_session(work, head, "No trainer"))
    assert [mail.method for mail in world.mails()] == ["CANCEL", "CANCEL"]
    assert world.count(CalendarEntry, CalendarEntry.ended_at.is_(None)) == 0


def test_no_to_the_whole_leaves_alone_the_date_that_was_answered_singly(world):
    head = make(world, "Anna", dates=8)
    mail = world.mail()
    world.answer(mail, "ACCEPTED", recurrence_id="20261208T090000Z")
    assert world.status(head, "Anna") == "Registered"
    world.moment = world.moment.replace(minute=30)
    world.answer(mail, "DECLINED")
    assert statuses(world, head, "Anna")[:3] == ["Declined", "Registered", "Declined"]
    assert world.status(head, "Anna") == "Registered"


def test_seats_for_each_date_are_waited_for_on_each_date(world):
    head = make(world, dates=2, capacity=1, waiting_list=True, seats_per_date=True)
    world.enrol(head, "Anna")
    world.enrol(head, "Ben")
    assert (statuses(world, head, "Anna"), statuses(world, head, "Ben")) == (["Invited", "Invited"], ["Waiting List", "Waiting List"])
    first, _second = [mail for mail in world.mails() if mail.who == "Anna"]
    world.answer(first, "DECLINED")
    assert statuses(world, head, "Ben") == ["Invited", "Waiting List"]


def test_times_of_a_series_that_has_begun_are_changed_from_a_date_on(world):
    head = make(world, "Anna", dates=8)
    world.moment = datetime(2026, 12, 2, 12, tzinfo=UTC)
    with pytest.raises(Conflict, match="Split it at the next date"):
        world.edit(head, start=datetime(2026, 12, 1, 14))


@pytest.mark.parametrize(
    "rule", ["FREQ=MINUTELY;BYSETPOS=2;COUNT=2", "FREQ=DAILY;INTERVAL=0;COUNT=2", "FREQ=WEEKLY", "FREQ=DAILY;COUNT=367", "X"]
)
def test_rules_beyond_the_subset_are_refused_with_their_field(world, rule):
    with pytest.raises(Invalid) as refused:
        make(world, rule=rule)
    assert refused.value.field == "recurrence"


def press(world: World, session_id: int, name: str, pressed: str) -> None:
    """The button on the learner's page."""
    mine = world.enrolment(session_id, name)
    world.do(lambda work: page_answers.press(work, mine.learner_id, mine.id, pressed), f"learner:{mine.learner_id}")


def test_no_to_one_date_on_the_page_sends_the_calendar_the_series_without_it_and_undo_with_it(world):
    head = make(world, "Anna", dates=8)
    world.answer(world.mail(), "ACCEPTED")
    second = dates(world, head)[1].id
    press(world, second, "Anna", "no")
    told = world.mail()
    assert (exdates(told), told.partstat, told.method) == (["20261208T100000"], "ACCEPTED", "REQUEST")
    assert statuses(world, head, "Anna")[:3] == ["Registered", "Declined", "Registered"]
    press(world, second, "Anna", "undo")
    assert exdates(world.mail()) == []
    assert statuses(world, head, "Anna") == ["Registered"] * 8


def test_no_to_the_last_date_on_the_page_gives_up_the_series_in_the_calendar_too(world):
    head = make(world, "Anna", dates=7)
    world.answer(world.mail(), "ACCEPTED")
    for date in dates(world, head):
        press(world, date.id, "Anna", "no")
    *_, last = world.mails()
    assert (last.partstat, exdates(last), world.status(head, "Anna")) == ("DECLINED", [], "Declined")


@pytest.mark.parametrize("count", [3, 8])
def test_accept_all_and_decline_all_take_every_date_along(world, count):
    head = make(world, "Anna", dates=count)
    world.mails()
    press(world, dates(world, head)[1].id, "Anna", "no")
    press(world, head, "Anna", "yes")
    assert {*statuses(world, head, "Anna"), world.status(head, "Anna")} == {"Registered"}
    press(world, head, "Anna", "no")
    assert {*statuses(world, head, "Anna"), world.status(head, "Anna")} == {"Declined"}
    if count == 3:
        press(world, head, "Anna", "undo")
        assert {*statuses(world, head, "Anna"), world.status(head, "Anna")} == {"Registered"}


def test_a_full_series_has_its_list_on_the_page(world):
    head = make(world, "Anna", dates=2, capacity=1, waiting_list=True)
    world.register(head, "Ben")
    press(world, head, "Ben", "no")
    assert (world.status(head, "Ben"), statuses(world, head, "Ben")) == ("Declined", ["Declined", "Declined"])
    press(world, head, "Anna", "no")
    world.register(head, "Ben")
    press(world, head, "Anna", "yes")
    assert (world.status(head, "Anna"), world.line(head)) == ("Waiting List", ["Anna"])


@pytest.mark.parametrize("count", [3, 8])
def test_a_date_beside_the_rule_is_an_entry_of_its_own_for_everybody(world, count):
    head = make(world, "Anna", dates=count)
    world.answer(world.mails()[0], "ACCEPTED")
    world.do(lambda work: series.add_date(work, head, datetime(2026, 12, 4, 14)))
    (added,) = world.mails()
    assert (added.start.day, added.start.hour, added.method) == (4, 14, "REQUEST") and "RRULE:FREQ=WEEKLY" not in calendar(added)
    assert len(statuses(world, head, "Anna")) == count + 1
    world.edit(head, start=datetime(2026, 12, 1, 15), end=datetime(2026, 12, 1, 16))
    assert [one.start.hour for one in dates(world, head)] == [15, 14, *[15] * (count - 1)]


def test_dates_left_out_from_the_start_are_never_in_a_calendar(world):
    left_out = [datetime(2026, 12, 1, 10), datetime(2026, 12, 15, 10)]
    head = make(world, "Anna", dates=9, left_out=left_out)
    mail = world.mail()
    assert exdates(mail) == ["20261201T100000", "20261215T100000"] and world.count(LiveSession, LiveSession.draft) == 2
    world.do(lambda work: series.add_date(work, head, left_out[1]))
    (back,) = world.mails()
    on = [one for one in dates(world, head) if one.status == "scheduled"]
    assert back.start.day == 15 and [world.status(one.id, "Anna") for one in on] == ["Invited"] * 8


def test_one_date_by_hand_shows_in_the_series_and_a_seat_goes_by_the_series(world):
    head = make(world, "Anna", dates=8, capacity=1)
    world.mails()
    second = dates(world, head)[1].id
    world.set_status(second, "Anna", "Declined")
    assert exdates(world.mail()) == ["20261208T100000"]
    with pytest.raises(Conflict, match="take them off there"):
        world.remove(second, "Anna")
    with pytest.raises(Conflict, match="goes by the series"):
        world.enrol(second, "Ben")
    world.enrol(second, "Ben", "Go Show")
    assert world.status(second, "Ben") == "Go Show"


@pytest.mark.parametrize(
    ("start", "mode", "said"),
    [(datetime(2027, 3, 26, 2, 30), "dates", "does not exist"), (datetime(2027, 10, 31, 2, 30), "dates", "change during"),
     (datetime(2027, 10, 29, 2, 30), "rule", "change during"), (datetime(2027, 10, 29, 12), "rule", "the instant moves")],
)  # fmt: skip
def test_a_rule_whose_times_programs_read_differently_becomes_an_entry_a_date(start, mode, said):
    values = {"start": start, "end": start.replace(minute=50), "timezone": "Europe/Berlin", "recurrence": "FREQ=DAILY;COUNT=8"}
    planned = series.plan(values)
    assert planned.mode == mode and said in " ".join(planned.warnings)
    assert all(one.end > one.start for one in planned.dates)


def test_yes_to_the_whole_after_no_to_it_brings_every_date_back(world):
    head = make(world, "Anna", dates=8)
    mail = world.mail()
    for minute, partstat, status in ((10, "DECLINED", "Declined"), (20, "ACCEPTED", "Registered")):
        world.moment = world.moment.replace(minute=minute)
        world.answer(mail, partstat)
        assert statuses(world, head, "Anna") == [status] * 8


def test_lists_by_mail_name_dates_and_never_the_series(world):
    head = make(world, "Anna", dates=8, instructors=["trainer@corp.example"])
    world.mails()
    world.do(lambda work: verbs.send_agenda(work, work.db.get_one(Learner, world.people["Anna"])))
    world.do(lambda work: verbs.send_courses(work, work.db.get_one(Learner, world.people["Anna"])))
    world.mails()
    agenda, courses = (mail.words for mail in world.notices)
    assert agenda.count("Fire safety") == 8 and courses.count("Fire safety") == 1
    world.moment = datetime(2026, 12, 7, 12, tzinfo=UTC)
    with world.database.read() as db:
        assert [session_id for _, session_id in verbs_roster.due(db, world.moment)] == [dates(world, head)[1].id]
