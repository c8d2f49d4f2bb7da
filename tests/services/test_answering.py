"""An answer becomes a status, by real mail; and nobody is left with a calendar that says something else than what holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feedserver.errors import Conflict
from feedserver.services import answering, enrolling
from feedserver.training.statuses import Answer
from tests.support.world import START

STATUSES = ("Invited", "Registered", "Declined", "Attended", "Absent", "Go Show")
CELLS = {("Invited", "ACCEPTED"): "Registered", ("Invited", "DECLINED"): "Declined", ("Registered", "DECLINED"): "Declined",
         ("Declined", "ACCEPTED"): "Registered"}  # fmt: skip
NEXT_DAY = START + timedelta(days=1)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED", "TENTATIVE"])
def test_each_of_the_eighteen_cells_by_mail(world, status, partstat):
    session = world.session()
    world.enrol(session, "Lea", status)
    got = world.answer(world.mail(), partstat)
    after = CELLS.get((status, partstat), status)
    assert (world.status(session, "Lea"), got.outcome) == (after, "unchanged" if after == status else "applied")
    enrolment, entry = world.enrolment(session, "Lea"), world.entry(session, "Lea")
    assert (enrolment.partstat, entry.partstat, enrolment.responded_at) == (partstat, partstat, world.moment.replace(microsecond=0))
    assert (entry.sequence, world.mails()) == (0, [])
    assert world.seats(session).taken == (after != "Declined")


@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED", "TENTATIVE"])
def test_on_the_waiting_list_only_no_does_something(world, partstat):
    session, full = full_yes(world)
    got = world.answer(full, partstat)
    expected = {"DECLINED": "Declined"}.get(partstat, "Waiting List")
    assert (world.status(session, "Lea"), world.enrolment(session, "Lea").partstat) == (expected, partstat), got.reason
    assert [m.method for m in world.mails()] == ([] if partstat == "DECLINED" else ["CANCEL"])


@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED", "TENTATIVE"])
def test_taken_off_stays_taken_off(world, partstat):
    session = world.session("Lea")
    first = world.mail()
    world.remove(session, "Lea")
    world.mails()
    got = world.answer(first, partstat)
    assert (world.status(session, "Lea"), got.outcome) == ("Cancelled", "unchanged")
    assert [m.kind for m in world.mails()] == ([] if partstat == "DECLINED" else ["stale_cancel"])


def full_yes(world):
    """Lea said No, Tom took the seat, Lea says Yes: the session, and the invitation she answers."""
    session = world.session("Lea", "Tom", capacity=1)
    first = world.mail()
    world.answer(first, "DECLINED")
    world.advance(60)
    assert [m.who for m in world.mails()] == ["Tom"]
    world.answer(first, "ACCEPTED")
    world.advance(60)
    world.taken_back = world.mail()
    return session, first


def test_a_yes_that_finds_the_session_full_waits_and_is_told_the_place(world):
    session, first = full_yes(world)
    cancel = world.taken_back
    assert (cancel.kind, cancel.method, cancel.uid, cancel.sequence) == ("full", "CANCEL", first.uid, 1)
    assert "You are number 1 on the waiting list." in cancel.words
    assert world.line(session) == ["Lea"] and world.seats(session).taken == 1


def test_from_the_list_back_into_the_calendar_under_a_new_uid(world):
    session, first = full_yes(world)
    world.remove(session, "Tom")
    invite = next(m for m in world.mails() if m.who == "Lea")
    assert invite.uid != first.uid and (invite.kind, invite.partstat) == ("offer", "NEEDS-ACTION")
    world.answer(invite)
    assert world.status(session, "Lea") == "Registered"


def test_a_yes_to_the_old_time_is_no_consent_and_is_told_what_holds_once(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, start=NEXT_DAY)
    moved = world.mail()
    got = world.answer(first, "ACCEPTED")
    assert (got.outcome, world.status(session, "Lea"), world.enrolment(session, "Lea").partstat) == ("stale", "Invited", "NEEDS-ACTION")
    again = world.mail()
    assert (again.kind, again.uid, again.sequence, again.partstat) == ("update", first.uid, moved.sequence, "NEEDS-ACTION")
    assert again.dtstamp > moved.dtstamp and again.start == moved.start and "Tuesday, 1 December" in again.words
    world.answer(first, "TENTATIVE")
    assert world.mails() == []
    world.edit(session, start=NEXT_DAY + timedelta(days=1))
    world.mails()
    world.answer(first, "ACCEPTED")
    assert len(world.mails()) == 1


def test_a_yes_to_the_old_time_while_another_edit_settles_says_what_was_published(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, start=NEXT_DAY)
    moved = world.mail()
    world.edit(session, settled=False, start=NEXT_DAY + timedelta(days=5))
    world.answer(first, "ACCEPTED")
    assert world.mail().start == moved.start
    world.advance(21)
    asked = world.mail()
    assert (asked.sequence, asked.partstat) == (moved.sequence + 1, "NEEDS-ACTION") and asked.start > moved.start
    assert world.answer(moved, "ACCEPTED").outcome == "stale"


def test_a_no_to_the_old_time_is_kept_and_answered_with_nothing(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, start=NEXT_DAY)
    world.mails()
    assert world.answer(first, "DECLINED").outcome == "stale"
    assert world.mails() == [] and world.status(session, "Lea") == "Invited"


def test_a_changed_title_leaves_an_answer_to_the_older_message_good(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, title="Fire drill")
    assert world.mail().sequence == 1
    assert world.answer(first).outcome == "applied" and world.status(session, "Lea") == "Registered"


def test_a_move_asks_again_and_the_seat_stays(world):
    session = world.session("Lea")
    world.answer(world.mail())
    world.edit(session, start=NEXT_DAY)
    asked = world.mail()
    assert asked.partstat == "NEEDS-ACTION" and world.entry(session, "Lea").reconfirm
    assert (world.status(session, "Lea"), world.seats(session).taken) == ("Registered", 1)
    world.answer(asked)
    assert not world.entry(session, "Lea").reconfirm and world.entry(session, "Lea").partstat == "ACCEPTED"


def test_the_later_of_two_answers_counts_whichever_comes_first(world):
    session = world.session("Lea")
    first = world.mail()
    world.advance(600)
    early, late = world.moment - timedelta(seconds=300), world.moment - timedelta(seconds=100)
    assert world.answer(first, "DECLINED", dtstamp=late).outcome == "applied"
    assert world.answer(first, "ACCEPTED", dtstamp=early).outcome == "stale"
    assert world.status(session, "Lea") == "Declined"


def test_the_same_answer_twice_is_one(world):
    session = world.session("Lea")
    first = world.mail()
    when = world.moment
    world.advance(60)
    assert world.answer(first, dtstamp=when + timedelta(seconds=30)).outcome == "applied"
    twin = world.answer(first, dtstamp=when + timedelta(seconds=30))
    assert (twin.outcome, twin.reason_code) == ("unchanged", "duplicate") and world.verbs(session).count("answered") == 1


def test_a_clock_that_runs_ahead_does_not_win_for_ever(world):
    session = world.session("Lea")
    first = world.mail()
    world.advance(60)
    world.answer(first, "ACCEPTED", dtstamp=world.moment + timedelta(days=3650))
    world.advance(60)
    assert world.answer(first, "DECLINED").outcome == "applied" and world.status(session, "Lea") == "Declined"


@pytest.mark.parametrize("dtstamp", [None, "invitation", "long before"])
def test_a_dtstamp_that_says_nothing_counts_as_the_time_of_arrival(world, dtstamp):
    session = world.session("Lea")
    first = world.mail()
    asked = world.moment
    world.advance(60)
    world.answer(first, "ACCEPTED")
    world.advance(60)
    stamp = {None: None, "invitation": asked, "long before": asked - timedelta(days=400)}[dtstamp]
    assert world.answer(first, "DECLINED", dtstamp=stamp).outcome == "applied"
    assert world.status(session, "Lea") == "Declined"


def test_a_version_that_we_never_sent_is_put_aside(world):
    session = world.session("Lea")
    got = world.answer(world.mail(), sequence=7)
    assert (got.outcome, got.reason_code, world.status(session, "Lea")) == ("quarantined", "future_sequence", "Invited")


def test_without_a_sequence_the_start_tells_the_version(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, start=NEXT_DAY)
    moved = world.mail()
    assert world.answer(first, sequence=None).outcome == "stale"
    assert world.answer(moved, sequence=None, dtstart=START.astimezone() + timedelta(days=99)).outcome == "stale"
    assert world.answer(moved, sequence=None).outcome == "applied" and world.status(session, "Lea") == "Registered"


def test_needs_action_never_overwrites_an_answer(world):
    session = world.session("Lea")
    first = world.mail()
    world.answer(first)
    world.advance(60)
    assert world.answer(first, "NEEDS-ACTION").reason_code == "no_answer"
    assert world.enrolment(session, "Lea").partstat == "ACCEPTED"


def test_delegation_is_held_for_a_decision(world):
    session = world.session("Lea")
    got = world.answer(world.mail(), "DELEGATED")
    assert (got.outcome, got.reason_code, world.status(session, "Lea")) == ("quarantined", "partstat_unknown", "Invited")


def test_a_yes_to_a_cancelled_session_is_told_once_more_that_it_is_cancelled(world):
    session = world.session("Lea")
    first = world.mail()
    world.cancel(session)
    cancel = world.mail()
    for _ in range(3):
        world.advance(60)
        world.answer(first)
    (again,) = world.mails()
    assert (again.kind, again.method, again.uid, again.sequence) == ("stale_cancel", "CANCEL", first.uid, cancel.sequence + 1)
    assert again.dtstamp > cancel.dtstamp


def test_a_yes_after_the_end_is_noted(world):
    session = world.session("Lea")
    first = world.mail()
    world.moment += timedelta(days=30)
    got = world.answer(first)
    assert (got.outcome, got.reason_code, world.status(session, "Lea")) == ("unchanged", "session_over", "Invited")
    assert world.enrolment(session, "Lea").partstat == "ACCEPTED" and world.mails() == []


def test_a_no_frees_the_seat_for_the_first_in_the_line(world):
    session = world.session("Lea", "Tom", "Ann", capacity=1)
    world.answer(world.mail(), "DECLINED")
    offered = world.mail()
    assert (offered.who, offered.kind) == ("Tom", "offer") and world.line(session) == ["Ann"]
    assert world.answer(offered).outcome == "applied" and world.status(session, "Tom") == "Registered"


def test_who_said_no_hears_the_present_place_when_they_come_after_all(world):
    session = world.session("Lea")
    first = world.mail()
    world.answer(first, "DECLINED")
    world.edit(session, location="Room 9")
    assert world.mails() == []
    world.advance(60)
    world.answer(first, "ACCEPTED")
    update = world.mail()
    assert "Room 9" in update.words and (update.kind, update.sequence, update.partstat) == ("update", 1, "ACCEPTED")


def test_somebody_elses_answer_is_put_aside_until_somebody_applies_it(world):
    session = world.session("Lea")
    got = world.answer(world.mail(), sender="lea@home.example")
    assert (got.outcome, world.status(session, "Lea")) == ("quarantined", "Invited")
    applied = world.do(lambda work: answering.apply_by_hand(work, got.id))
    assert (applied.outcome, world.status(session, "Lea")) == ("applied", "Registered")
    with pytest.raises(Conflict, match="Only a reply in quarantine"):
        world.do(lambda work: answering.apply_by_hand(work, got.id))


def test_what_cannot_be_applied_says_so(world):
    world.session("Lea")
    got = world.answer(world.mail(), uid="unknown@elsewhere", sender="x@y.example")
    assert (got.outcome, got.reason_code) == ("rejected", "uid_unknown")
    with pytest.raises(Conflict):
        world.do(lambda work: answering.apply_by_hand(work, got.id))


def on_page(world, session, answer):
    enrolment_id = world.enrolment(session, "Lea").id
    return world.do(lambda work: answering.answer_on_page(work, enrolment_id, answer), actor="learner:1")


def test_the_page_answers_by_the_same_table(world):
    session = world.session("Lea")
    first = world.mail()
    assert on_page(world, session, Answer.YES).outcome == "applied"
    world.advance(60)
    assert on_page(world, session, Answer.NO).outcome == "applied" and world.status(session, "Lea") == "Declined"
    old = world.answer(first, dtstamp=world.moment - timedelta(seconds=30))
    assert (old.outcome, world.status(session, "Lea")) == ("stale", "Declined")


def test_leaving_the_waiting_list_on_the_page_sends_no_invitation(world):
    session = world.session("Tom", capacity=1, waiting_list=True)
    world.register(session, "Lea")
    world.mails()
    on_page(world, session, Answer.NO)
    assert (world.status(session, "Lea"), world.line(session), world.mails()) == ("Declined", [], [])
    assert world.entry(session, "Lea").feed_state == "declined"


def test_who_left_the_list_may_come_back_when_there_is_a_seat(world):
    session = world.session("Tom", capacity=1, waiting_list=True)
    world.register(session, "Lea")
    on_page(world, session, Answer.NO)
    world.edit(session, capacity=2)
    world.mails()
    on_page(world, session, Answer.YES)
    assert (world.status(session, "Lea"), [m.kind for m in world.mails()]) == ("Registered", ["invite"])


def test_the_page_has_nothing_to_answer_once_taken_off(world):
    session = world.session("Lea")
    world.remove(session, "Lea")
    with pytest.raises(Conflict, match="no longer in your calendar"):
        on_page(world, session, Answer.YES)


def test_approval_is_not_given_by_an_answer(world):
    session = world.session(approval_required=True)
    world.register(session, "Lea")
    assert on_page(world, session, Answer.YES).outcome == "unchanged" and world.status(session, "Lea") == "Waiting Approval"
    lea = world.enrolment(session, "Lea").id
    world.do(lambda work: enrolling.approve(work, lea))
    assert (world.status(session, "Lea"), [m.kind for m in world.mails()]) == ("Registered", ["invite"])


def test_a_no_that_crosses_an_update_is_told_to_the_calendar_that_took_the_update(world):
    session = world.session("Ann", capacity=2)
    invitation = world.mail()
    world.answer(invitation)
    world.edit(session, title="Fire drill")
    update = world.mail()
    assert (update.sequence, update.partstat) == (1, "ACCEPTED")
    world.answer(invitation, "DECLINED", dtstamp=world.moment)
    again = world.mail()
    assert (again.uid, again.sequence, again.partstat) == (invitation.uid, 2, "DECLINED")
    assert world.status(session, "Ann") == "Declined"
