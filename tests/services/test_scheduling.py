"""Sessions are made, changed and cancelled; people hear of it once, and of nothing that they need not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedserver.errors import Changed, Conflict, Invalid, NotFound
from feedserver.services import grouping, scheduling
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession, Revision
from tests.support.world import START


def said(world, mails=None):
    """(who, kind, METHOD, SEQUENCE) of the mails that have arrived."""
    return [(m.who, m.kind, m.method, m.sequence) for m in (world.mails() if mails is None else mails)]


def stored(world, session_id):
    return world.look(lambda work: work.db.get_one(LiveSession, session_id))


def test_a_session_for_a_group_invites_its_members_at_once(world):
    session = world.session("Lea", "Tom")
    assert said(world) == [("Lea", "invite", "REQUEST", 0), ("Tom", "invite", "REQUEST", 0)]
    assert world.status(session, "Lea") == world.status(session, "Tom") == "Invited"
    assert world.seats(session).taken == 2


def test_each_person_has_a_uid_of_their_own(world):
    world.session("Lea", "Tom")
    first, second = world.mails()
    assert first.uid != second.uid and len(first.uid.partition("@")[0]) == 32


def test_edits_within_the_settle_time_are_one_update(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, settled=False, title="Fire drill")
    world.advance(10)
    world.edit(session, settled=False, start=START + timedelta(days=1))
    assert world.mails() == []
    world.advance(11)
    update = world.mail()
    assert (update.kind, update.uid, update.sequence) == ("update", first.uid, 1)
    assert "Fire drill" in update.subject and update.dtstamp > first.dtstamp


def test_the_settle_time_is_not_put_off_by_further_edits(world):
    session = world.session("Lea")
    world.mails()
    for n in range(4):
        world.edit(session, settled=False, title=f"Title {n}")
        world.advance(6)
    assert said(world) == [("Lea", "update", "REQUEST", 1)]


def test_an_edit_taken_back_tells_nobody(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, settled=False, title="Fire drill")
    world.edit(session, title="Fire safety")
    assert world.mails() == [] and world.entry(session, "Lea").sequence == 0
    assert world.count(Revision) == 1 and stored(world, session).settle_at is None


def test_without_a_settle_time_an_edit_goes_at_once(world):
    world.house.settle = timedelta(0)
    session = world.session("Lea")
    world.edit(session, settled=False, title="Fire drill")
    assert [m.kind for m in world.mails()] == ["invite"]  # the first one had not left yet
    world.edit(session, settled=False, title="Fire")
    assert said(world) == [("Lea", "update", "REQUEST", 2)]


def test_a_rule_that_no_calendar_shows_tells_nobody(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, capacity=9, waiting_list=True, approval_required=True)
    assert world.mails() == [] and stored(world, session).settle_at is None
    assert world.seats(session).capacity == 9


def test_the_second_of_two_editors_is_told_what_the_first_changed(world):
    session = world.session()
    seen = stored(world, session).version
    world.do(lambda work: scheduling.edit_session(work, session, {"title": "Fire drill"}, seen), actor="admin:ann@corp.example")
    with pytest.raises(Changed) as told:
        world.do(lambda work: scheduling.edit_session(work, session, {"location": "Room 6"}, seen))
    (change,) = told.value.extra["changes"]
    assert (change["field"], change["before"], change["after"]) == ("title", "Fire safety", "Fire drill")
    assert change["by"] == "admin:ann@corp.example" and stored(world, session).location == ""


def test_an_editor_who_saw_the_latest_is_let_through(world):
    session = world.session()
    world.edit(session, title="Fire drill")
    version = stored(world, session).version
    world.do(lambda work: scheduling.edit_session(work, session, {"location": "Room 6"}, version))
    assert stored(world, session).version == version + 1


def test_saving_without_a_change_is_no_edit(world):
    session = world.session()
    before = stored(world, session).version
    world.edit(session, title="Fire safety", location="")
    assert stored(world, session).version == before and world.verbs(session) == ["created"]


def test_sequence_counts_what_was_published(world):
    session = world.session("Lea")
    assert world.look(lambda work: scheduling.sequence(work, stored(world, session))) == 0
    world.edit(session, settled=False, title="One")
    assert world.look(lambda work: scheduling.sequence(work, stored(world, session))) == 1
    world.advance(21)
    world.edit(session, title="Two")
    one = stored(world, session)
    assert world.look(lambda work: (scheduling.sequence(work, one), scheduling.sequences(work, [one]))) == (2, {session: 2})


def test_a_cancelled_session_takes_the_entry_out_with_the_reason(world):
    session = world.session("Lea")
    first = world.mail()
    world.cancel(session, "The trainer is ill.")
    cancel = world.mail()
    assert (cancel.kind, cancel.method, cancel.uid, cancel.sequence) == ("cancel", "CANCEL", first.uid, 1)
    assert cancel.dtstamp > first.dtstamp and "The trainer is ill." in cancel.words


def test_cancelling_twice_changes_nothing(world):
    session = world.session("Lea")
    world.mails()
    world.cancel(session)
    world.cancel(session)
    assert len(world.mails()) == 1 and world.verbs(session).count("cancelled") == 1


def test_a_cancelled_session_stays_cancelled(world):
    session = world.session("Lea")
    world.cancel(session)
    with pytest.raises(Conflict, match="make a new session"):
        world.edit(session, title="Again")
    with pytest.raises(Conflict, match="cancelled"):
        world.enrol(session, "Tom")


def test_an_edit_that_has_not_settled_is_forgotten_with_the_cancellation(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, settled=False, title="Fire drill")
    world.cancel(session)
    world.advance(60)
    assert said(world) == [("Lea", "cancel", "CANCEL", 1)]


def test_an_invitation_that_never_left_is_taken_back_without_a_word(world):
    session = world.session("Lea")
    world.cancel(session)
    assert world.mails() == [] and [d.state for d in world.deliveries()] == ["superseded"]


def test_a_session_that_is_over_sends_nothing(world):
    session = world.session("Lea", start=datetime(2026, 11, 20, 11, 30))
    world.mails()
    world.advance(7200)
    world.edit(session, title="What it was")
    world.enrol(session, "Tom", "Attended")
    world.cancel(session)
    assert world.mails() == [] and world.status(session, "Tom") == "Attended"


def test_a_session_in_the_past_invites_nobody(world):
    world.session("Lea", start=datetime(2026, 11, 19, 10))
    assert world.mails() == [] and world.deliveries() == []


def test_a_session_moved_into_the_past_is_still_told_to_who_expects_it(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, start=datetime(2026, 11, 19, 10))
    update = world.mail()
    assert update.kind == "update" and update.start.day == 19
    world.edit(session, title="It was")
    assert world.mails() == []


def test_a_session_moved_out_of_the_past_is_told(world):
    session = world.session("Lea", start=datetime(2026, 11, 20, 11, 30))
    world.mails()
    world.advance(7200)
    world.edit(session, start=START)
    assert said(world) == [("Lea", "update", "REQUEST", 1)]


def test_a_time_that_the_clocks_skip_is_refused_and_nothing_changes(world):
    session = world.session()
    with pytest.raises(Invalid, match="Choose 01:30 or 03:30") as refused:
        world.edit(session, start=datetime(2027, 3, 28, 2, 30))
    assert refused.value.field == "start" and stored(world, session).start == START


def test_another_zone_alone_can_make_a_time_impossible(world):
    session = world.session(start=datetime(2027, 3, 14, 2, 30), end=datetime(2027, 3, 14, 4))
    with pytest.raises(Invalid, match="does not exist"):
        world.edit(session, timezone="America/New_York")


def test_a_time_that_exists_twice_is_told_apart_by_fold(world):
    session = world.session("Lea", start=datetime(2027, 10, 31, 2, 30), end=datetime(2027, 10, 31, 4))
    assert stored(world, session).starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    world.mails()
    world.edit(session, fold=1)
    assert stored(world, session).starts_at == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert world.mail().partstat == "NEEDS-ACTION"


def test_a_capacity_below_the_seats_taken_is_refused_with_the_number(world):
    session = world.session("Lea", "Tom", "Ann", capacity=5)
    with pytest.raises(Invalid, match="3 people hold seats; take 1 of them off first") as refused:
        world.edit(session, capacity=2)
    assert refused.value.field == "capacity" and world.seats(session).capacity == stored(world, session).capacity == 5


def test_more_seats_move_the_waiting_list(world):
    session = world.session("Lea", "Tom", "Ann", capacity=1)
    world.mails()
    world.edit(session, capacity=2)
    assert [m.who for m in world.mails()] == ["Tom"] and world.line(session) == ["Ann"]


def test_no_limit_any_more_lets_everybody_in(world):
    session = world.session("Lea", "Tom", "Ann", capacity=1)
    world.edit(session, capacity=None)
    assert world.line(session) == [] and world.seats(session).taken == 3


def test_a_renamed_course_is_told_in_its_coming_sessions(world):
    session = world.session("Lea")
    world.mails()
    world.do(lambda work: grouping.edit_course(work, world.course_id, {"name": "Safety first"}))
    world.advance(21)
    assert "Safety first" in world.mail().words and stored(world, session).settle_at is None


def test_what_cannot_be_edited_is_named(world):
    session = world.session()
    with pytest.raises(Invalid) as refused:
        world.edit(session, course_id=7)
    assert refused.value.field == "course_id"


def test_a_group_of_another_course_is_refused(world):
    other = world.do(lambda work: grouping.create_course(work, {"name": "Cooking"}).id)
    group = world.do(lambda work: grouping.create_group(work, other, "Cooks").id)
    with pytest.raises(Invalid, match="another course") as refused:
        world.session(group_id=group)
    assert refused.value.field == "group_id"


@pytest.mark.parametrize("number", [0, -1, 99, 2**63, 2**70])
def test_a_session_that_is_none_is_not_found(world, number):
    with pytest.raises(NotFound):
        world.edit(number, title="x")


def test_a_refused_change_leaves_no_message_behind(world):
    session = world.session("Lea")
    world.mails()
    with pytest.raises(ZeroDivisionError):
        world.do(lambda work: (scheduling.cancel_session(work, session), 1 / 0))
    assert world.count(Delivery) == 1 and stored(world, session).status == "scheduled"
