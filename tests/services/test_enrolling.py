"""Who is in a session: by hand, by registering, from the waiting list, and out again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from feedserver.errors import Conflict, Invalid
from feedserver.services import enrolling
from tests.support.world import START

SIX = ("Invited", "Registered", "Declined", "Attended", "Absent", "Go Show")


@pytest.mark.parametrize("status", SIX)
def test_added_by_hand_with_any_of_six_statuses_each_is_invited(world, status):
    session = world.session()
    world.enrol(session, "Lea", status)
    assert (world.status(session, "Lea"), world.mail().kind) == (status, "invite")
    assert world.seats(session).taken == (status != "Declined")


@pytest.mark.parametrize("status", ["Waiting List", "Waiting Approval", "Cancelled", "invited", "Here"])
def test_no_other_status_can_be_given_by_hand(world, status):
    session = world.session()
    with pytest.raises(Invalid, match="choose one of Registered, Invited") as refused:
        world.enrol(session, "Lea", status)
    assert refused.value.field == "status"


def test_who_is_in_is_not_added_twice(world):
    session = world.session("Lea")
    with pytest.raises(Conflict, match="already in this session") as refused:
        world.enrol(session, "Lea")
    assert refused.value.extra == {"id": world.enrolment(session, "Lea").id} and len(world.mails()) == 1


def test_full_is_full_unless_somebody_says_so_knowingly(world):
    session = world.session("Lea", capacity=1)
    other = world.session(title="Fire safety again", start=START + timedelta(days=7))
    with pytest.raises(Conflict, match="full") as refused:
        world.enrol(session, "Tom")
    assert [d["id"] for d in refused.value.extra["other_dates"]] == [other]
    world.enrol(session, "Tom", over_capacity=True)
    assert (world.seats(session).taken, world.seats(session).capacity) == (2, 1)


def test_a_seat_over_capacity_is_not_handed_on(world):
    session = world.session("Lea", "Ann", capacity=1)
    world.enrol(session, "Tom", over_capacity=True)
    world.remove(session, "Tom")
    assert (world.seats(session).taken, world.line(session)) == (1, ["Ann"])
    world.remove(session, "Lea")
    assert world.line(session) == [] and world.status(session, "Ann") == "Invited"


def test_registering_gives_a_seat_and_the_invitation(world):
    session = world.session(capacity=1)
    world.register(session, "Lea")
    assert world.status(session, "Lea") == "Registered"
    assert (world.mail().partstat, world.seats(session).taken) == ("NEEDS-ACTION", 1)


def test_registering_for_a_full_session_waits_in_order_and_sends_no_entry(world):
    session = world.session("Lea", capacity=1, waiting_list=True)
    world.mails()
    for name in ("Tom", "Ann", "Bob"):
        world.register(session, name)
    assert world.line(session) == ["Tom", "Ann", "Bob"] and world.mails() == []
    bob = world.enrolment(session, "Bob")
    assert world.look(lambda work: enrolling.position(work, bob)) == 3


def test_full_and_no_list_is_refused_with_the_other_dates(world):
    session = world.session("Lea", capacity=1)
    other = world.session(title="Second date", start=START + timedelta(days=7), capacity=3)
    world.session(title="Full too", start=START + timedelta(days=8), capacity=0)
    with pytest.raises(Conflict, match="Choose one of the other dates") as refused:
        world.register(session, "Tom")
    assert [d["title"] for d in refused.value.extra["other_dates"]] == ["Second date"] and other


def test_freed_seats_go_down_the_list_in_order(world):
    session = world.session("Lea", "Tom", "Ann", "Bob", "Eve", capacity=2)
    world.mails()
    world.remove(session, "Tom")
    assert [(m.who, m.method) for m in world.mails()] == [("Tom", "CANCEL"), ("Ann", "REQUEST")]
    world.remove(session, "Lea")
    assert [(m.who, m.method) for m in world.mails()] == [("Lea", "CANCEL"), ("Bob", "REQUEST")]
    assert world.line(session) == ["Eve"] and world.status(session, "Bob") == "Invited"
    assert world.seats(session).taken == 2


def test_a_place_that_was_offered_is_told_in_the_history(world):
    session = world.session("Lea", "Tom", capacity=1)
    world.remove(session, "Lea")
    assert world.verbs(session)[-2:] == ["taken off", "offered a place"]


def test_who_is_taken_off_alone_hears_of_it(world):
    session = world.session("Lea", "Tom")
    first = world.mails()[0]
    world.remove(session, "Lea")
    cancel = world.mail()
    assert (cancel.who, cancel.kind, cancel.method, cancel.uid, cancel.sequence) == ("Lea", "removed", "CANCEL", first.uid, 1)
    assert world.status(session, "Lea") == "Cancelled" and world.entry(session, "Tom").sequence == 0


def test_taking_off_twice_is_taking_off_once(world):
    session = world.session("Lea")
    world.mails()
    world.remove(session, "Lea")
    world.remove(session, "Lea")
    assert len(world.mails()) == 1 and world.verbs(session).count("taken off") == 1


def test_who_said_no_gets_no_cancel(world):
    session = world.session("Lea", "Tom")
    lea, tom = world.mails()
    world.answer(lea, "DECLINED")
    world.remove(session, "Lea")
    world.cancel(session)
    assert [m.who for m in world.mails()] == [tom.who]


def test_coming_back_is_an_entry_of_its_own(world):
    session = world.session("Lea")
    first = world.mail()
    world.remove(session, "Lea")
    world.mails()
    world.enrol(session, "Lea")
    again = world.mail()
    assert again.uid != first.uid and (again.kind, again.sequence, again.partstat) == ("invite", 0, "NEEDS-ACTION")


def test_coming_back_by_the_group_too(world):
    group = world.group("Lea")
    session = world.session(group_id=group)
    world.remove(session, "Lea")
    world.do(lambda work: enrolling.invite_many(work, enrolling.locked_session(work, session), [world.people["Lea"]]))
    assert [m.kind for m in world.mails()] == ["invite"]
    assert world.status(session, "Lea") == "Invited" and world.seats(session).taken == 1


def test_approval_then_the_seat(world):
    session = world.session(capacity=1, approval_required=True, waiting_list=True)
    lea, tom = world.register(session, "Lea"), world.register(session, "Tom")
    assert world.mails() == [] and world.seats(session).taken == 0
    world.do(lambda work: enrolling.approve(work, lea))
    world.do(lambda work: enrolling.approve(work, tom))
    assert [(m.who, m.kind) for m in world.mails()] == [("Lea", "invite")]
    assert (world.status(session, "Lea"), world.status(session, "Tom")) == ("Registered", "Waiting List")
    with pytest.raises(Conflict, match="does not wait for approval"):
        world.do(lambda work: enrolling.approve(work, lea))


def test_refused_is_off_the_list_without_an_entry(world):
    session = world.session(approval_required=True)
    lea = world.register(session, "Lea")
    world.do(lambda work: enrolling.reject(work, lea, "Not this year."))
    assert world.status(session, "Lea") == "Cancelled" and world.mails() == []
    assert world.entry(session, "Lea").ended_at is not None


def test_nobody_registers_for_what_is_over(world):
    session = world.session(start=datetime(2026, 11, 19, 10))
    with pytest.raises(Conflict, match="over"):
        world.register(session, "Lea")


def test_who_declined_may_register_again_and_their_calendar_says_so(world):
    session = world.session("Lea")
    world.answer(world.mail(), "DECLINED")
    world.register(session, "Lea")
    again = world.mail()
    assert world.status(session, "Lea") == "Registered" and world.seats(session).taken == 1
    assert (again.method, again.partstat, again.sequence) == ("REQUEST", "NEEDS-ACTION", 1)


def test_declined_by_hand_frees_the_seat_for_the_next(world):
    session = world.session("Lea", "Tom", capacity=1)
    world.mails()
    world.set_status(session, "Lea", "Declined")
    assert [(m.who, m.kind) for m in world.mails()] == [("Tom", "offer")]


def test_attendance_of_somebody_who_just_came_goes_over_capacity_knowingly(world):
    session = world.session("Lea", "Tom", capacity=1)
    tom = world.enrolment(session, "Tom").id
    world.do(lambda work: enrolling.mark_attendance(work, tom, "Go Show"))
    assert world.status(session, "Tom") == "Go Show" and world.seats(session).taken == 2
    with pytest.raises(Invalid, match="Attendance is one of"):
        world.do(lambda work: enrolling.mark_attendance(work, tom, "Registered"))


def test_a_learner_with_the_feed_alone_gets_no_mail(world):
    world.person("Lea", channel="feed")
    session = world.session("Lea")
    assert world.mails() == [] and world.entry(session, "Lea").feed_state == "shown"
    world.cancel(session)
    assert world.mails() == [] and world.entry(session, "Lea").feed_state == "cancelled"


def test_each_change_of_status_is_one_line_of_history(world):
    session = world.session("Lea", "Tom", capacity=1)
    world.answer(world.mail(), "ACCEPTED")
    world.set_status(session, "Lea", "Attended")
    world.set_status(session, "Lea", "Attended")
    world.remove(session, "Lea")
    assert world.verbs(session) == [
        "created", "enrolled", "enrolled", "answered", "answered Yes", "status set", "taken off", "offered a place"
    ]  # fmt: skip
