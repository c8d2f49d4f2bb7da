"""The waiting list: a free seat is held for the first in line, taken by Yes, passed on by No or by silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feedserver.errors import Conflict
from feedserver.services import answering, enrolling, offering, undoing
from feedserver.training.statuses import Answer
from tests.support.world import NOW

DAY = 24 * 3600


def full(world, *waiting: str, **values) -> int:
    """Lea has the one seat, the others wait in this order; their mails are read."""
    session = world.session(capacity=1, waiting_list=True, **values)
    for name in ("Lea", *waiting):
        world.register(session, name)
    world.mails()
    world.notices.clear()
    return session


def said(world) -> list[tuple[str, str]]:
    """Who has been told what in words alone since the last look."""
    world.mails()
    told = [(m.who, m.kind) for m in world.notices]
    world.notices.clear()
    return told


def press(world, session, name, answer) -> None:
    enrolment = world.enrolment(session, name).id
    world.do(lambda work: answering.answer_on_page(work, enrolment, answer), actor="learner:1")


def test_a_freed_seat_is_offered_to_the_first_in_line_until_a_time_that_is_said(world):
    session = full(world, "Tom", "Ann")
    world.remove(session, "Lea")
    offer = next(m for m in world.mails() if m.who == "Tom")
    assert (offer.kind, offer.method, world.status(session, "Tom"), world.line(session)) == ("offer", "REQUEST", "Invited", ["Ann"])
    assert "held for you until Saturday, 21 November 2026, 11:00" in offer.words
    assert world.enrolment(session, "Tom").offer_until == NOW + timedelta(days=1)


def test_yes_by_mail_takes_the_offer_and_it_lapses_no_more(world):
    session = full(world, "Tom", "Ann")
    world.remove(session, "Lea")
    world.answer(next(m for m in world.mails() if m.who == "Tom"))
    world.advance(2 * DAY)
    assert (world.status(session, "Tom"), world.line(session), world.mails()) == ("Registered", ["Ann"], [])


def test_silence_passes_it_on_with_words_and_the_next_offer_is_a_new_entry(world):
    session = full(world, "Tom", "Ann")
    world.remove(session, "Lea")
    first = next(m for m in world.mails() if m.who == "Tom")
    world.advance(DAY + 1)
    lapsed, next_ = world.mails()
    assert (lapsed.who, lapsed.kind, lapsed.method, lapsed.uid) == ("Tom", "lapsed", "CANCEL", first.uid)
    assert "number 1 on the waiting list" in lapsed.words and world.line(session) == ["Tom"]
    assert (next_.who, next_.kind) == ("Ann", "offer")
    world.remove(session, "Ann")
    again = next(m for m in world.mails() if m.who == "Tom")
    assert again.kind == "offer" and again.uid != first.uid


def test_a_late_yes_is_told_that_the_seat_has_gone(world):
    session = full(world, "Tom", "Ann")
    world.remove(session, "Lea")
    first = next(m for m in world.mails() if m.who == "Tom")
    world.advance(DAY + 1)
    world.mails()
    world.answer(first)
    assert (world.status(session, "Tom"), [m.method for m in world.mails()]) == ("Waiting List", ["CANCEL"])


def test_an_answer_that_came_in_time_is_judged_before_the_offer_lapses(world):
    from feedserver.services import receiving
    from tests import replies
    from tests.support.world import MAILBOX

    session = full(world, "Tom")
    world.remove(session, "Lea")
    offer = next(m for m in world.mails() if m.who == "Tom")
    values = {"uid": offer.uid, "attendee": offer.to, "sequence": 0, "dtstamp": world.moment, "dtstart": offer.start}
    raw = replies.reply("thunderbird", partstat="ACCEPTED", organizer=MAILBOX, cn="Tom", **values)
    world.database.run(lambda db: receiving.store(db, [receiving.Received(raw, "smtp", recipients=(MAILBOX,))], world.moment))
    world.advance(DAY + 1)
    assert world.status(session, "Tom") == "Invited"
    while world.judging.once():
        pass
    world.advance(1)
    assert world.status(session, "Tom") == "Registered"


def test_no_passes_the_offer_on_and_the_entry_stays(world):
    session = full(world, "Tom", "Ann")
    world.remove(session, "Lea")
    world.answer(next(m for m in world.mails() if m.who == "Tom"), "DECLINED")
    assert [(m.who, m.kind) for m in world.mails()] == [("Ann", "offer")]
    assert world.status(session, "Tom") == "Declined" and world.entry(session, "Tom").ended_at is None


def test_two_silent_people_are_not_asked_in_turn_for_ever(world):
    session = full(world, "Tom", "Ann")
    world.remove(session, "Lea")
    for _ in range(5):
        world.advance(DAY + 1)
    assert world.line(session) == ["Tom", "Ann"] and world.seats(session).taken == 0
    assert world.verbs(session).count("offered a place") == 2
    tom = world.enrolment(session, "Tom").id
    world.do(lambda work: offering.take_free_seat(work, tom))
    assert world.status(session, "Tom") == "Registered"


def test_a_further_free_seat_asks_the_silent_again(world):
    session = full(world, "Tom")
    world.remove(session, "Lea")
    world.advance(DAY + 1)
    world.edit(session, capacity=2)
    assert world.status(session, "Tom") == "Invited"


def test_no_offer_outlasts_the_start_and_none_is_made_after_it(world):
    session = full(world, "Tom", "Ann", start=NOW.replace(tzinfo=None) + timedelta(hours=4))
    world.remove(session, "Lea")
    start = world.look(lambda work: enrolling.locked_session(work, session).starts_at)
    assert world.enrolment(session, "Tom").offer_until == start
    world.advance(3 * 3600 + 60)
    assert world.status(session, "Ann") == "Waiting List"


def test_a_moved_session_takes_its_offers_along(world):
    session = full(world, "Tom")
    world.remove(session, "Lea")
    world.edit(session, start=NOW.replace(tzinfo=None) + timedelta(hours=6))
    until = world.enrolment(session, "Tom").offer_until
    assert until == world.look(lambda work: enrolling.locked_session(work, session).starts_at) < NOW + timedelta(days=1)


def test_an_administrator_picks_out_of_order_and_over_capacity_on_record(world):
    session = full(world, "Tom", "Ann")
    ann = world.enrolment(session, "Ann").id
    with pytest.raises(Conflict, match="full"):
        world.do(lambda work: offering.offer(work, ann))
    world.do(lambda work: offering.offer(work, ann, over_capacity=True))
    assert (world.status(session, "Ann"), world.line(session), world.seats(session).taken) == ("Invited", ["Tom"], 2)
    assert world.verbs(session)[-1] == "picked from the list" and world.mail().kind == "offer"
    with pytest.raises(Conflict, match="Only somebody on the waiting list"):
        world.do(lambda work: offering.offer(work, ann))


def test_a_declined_seat_is_kept_for_some_hours_and_yes_brings_it_back(world):
    session = full(world, "Tom", hold_minutes=120)
    press(world, session, "Lea", Answer.NO)
    assert (world.status(session, "Lea"), world.seats(session).taken, world.line(session)) == ("Declined", 1, ["Tom"])
    world.advance(3600)
    press(world, session, "Lea", Answer.YES)
    assert (world.status(session, "Lea"), world.enrolment(session, "Lea").hold_until, world.seats(session).taken) == ("Registered", None, 1)


def test_a_seat_that_is_no_longer_kept_goes_to_the_next(world):
    session = full(world, "Tom", hold_minutes=120)
    press(world, session, "Lea", Answer.NO)
    world.advance(7201)
    assert (world.status(session, "Lea"), world.status(session, "Tom"), world.seats(session).taken) == ("Declined", "Invited", 1)


def test_nothing_is_kept_within_the_lock_time_nor_by_an_administrators_no(world):
    session = full(world, "Tom", hold_minutes=120, lock_minutes=30 * 24 * 60)
    press(world, session, "Lea", Answer.NO)
    assert world.status(session, "Tom") == "Invited"
    other = world.session(capacity=1, hold_minutes=120, title="Other")
    world.register(other, "Lea")
    world.set_status(other, "Lea", "Declined")
    assert world.seats(other).taken == 0


def test_giving_up_a_seat_is_confirmed_once_for_each_entry_and_sequence(world):
    session = full(world)
    first = world.entry(session, "Lea")
    press(world, session, "Lea", Answer.NO)
    assert said(world) == [("Lea", "released")]
    press(world, session, "Lea", Answer.YES)
    press(world, session, "Lea", Answer.NO)
    told = said(world)
    assert world.entry(session, "Lea").uid == first.uid
    assert len(told) == (1 if world.entry(session, "Lea").sequence > first.sequence else 0)


def test_people_are_told_where_they_stand(world):
    session = world.session(capacity=1, waiting_list=True, approval_required=True)
    world.person("Tom", manager_email="boss@corp.example")
    lea, tom = world.register(session, "Lea"), world.register(session, "Tom")
    assert ("Lea", "waiting_approval") in (told := said(world)) and ("", "approval") in told
    world.do(lambda work: enrolling.approve(work, lea))
    world.do(lambda work: enrolling.approve(work, tom))
    assert said(world) == [("Tom", "waiting")]
    press(world, session, "Tom", Answer.NO)
    assert said(world) == [("Tom", "left_list")]
    ann = world.register(session, "Ann")
    world.do(lambda work: enrolling.reject(work, ann, "Not this year."))
    world.mails()
    assert "Reason: Not this year." in next(m.words for m in world.notices if m.kind == "refused")


@pytest.mark.parametrize("before", ["Registered", "Declined"])
def test_whom_a_person_puts_on_the_list_stays_there_until_a_further_seat_comes_free(world, before):
    session = world.session(capacity=3, waiting_list=True)
    world.enrol(session, "Ada", before)
    world.enrol(session, "Bob", "Registered")
    world.set_status(session, "Ada", "Waiting List")
    world.advance(3 * 86400)
    world.register(session, "Cleo")
    assert world.line(session) == ["Ada"]
    world.remove(session, "Bob")
    assert world.status(session, "Ada") == "Invited"


def test_a_cancelled_session_is_told_to_who_waits_for_it(world):
    session = full(world, "Tom")
    world.cancel(session, "The trainer is ill.")
    assert said(world) == [("Tom", "list_ended")]


def test_undo_gives_the_seat_back_while_it_is_free_and_else_a_place_in_line(world):
    session = full(world)
    lea = world.enrolment(session, "Lea").id
    press(world, session, "Lea", Answer.NO)
    world.do(lambda work: undoing.undo(work, lea))
    assert (world.status(session, "Lea"), world.seats(session).taken) == ("Registered", 1)
    with pytest.raises(Conflict, match="no answer"):
        world.do(lambda work: undoing.undo(work, lea))
    world.register(session, "Tom")
    press(world, session, "Lea", Answer.NO)
    world.do(lambda work: undoing.undo(work, lea))
    assert (world.status(session, "Lea"), world.status(session, "Tom")) == ("Waiting List", "Invited")


def test_undoing_a_maybe_leaves_the_answer_of_before(world):
    session = world.session("Lea")
    press(world, session, "Lea", Answer.MAYBE)
    lea = world.enrolment(session, "Lea").id
    world.do(lambda work: undoing.undo(work, lea))
    assert (world.status(session, "Lea"), world.enrolment(session, "Lea").partstat) == ("Invited", "NEEDS-ACTION")
