"""Planning mode: changes collect and nobody is told; the preview says exactly what publishing then does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feedserver.errors import Changed, Conflict, Invalid
from feedserver.services import grouping, planning, preview, scheduling
from feedserver.store.entries import CalendarEntry
from feedserver.store.history import HistoryEntry
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import Revision
from tests.support.world import START, World

LATER = START + timedelta(days=1)


def _rehearse(world: World, session_id: int) -> preview.Preview:
    return world.house.rehearse(world.organisation_id, "admin:test", lambda work: preview.preview(work, session_id))


def _publish(world: World, session_id: int, version: int | None = None) -> int:
    return world.do(lambda work: preview.publish(work, session_id, version))


def _session(world: World, session_id: int):
    return world.look(lambda work: scheduling.find(work, scheduling.LiveSession, session_id))


def test_planned_changes_tell_nobody_however_long_it_takes(world: World):
    session = world.session("Ada", "Bob")
    world.mails()
    world.edit(session, planning=True, start=LATER)
    world.edit(session, title="Fire drill")
    world.advance(7 * 86400)
    assert world.mails() == [] and world.count(Revision) == 1
    assert planning.planned(_session(world, session)) == {"start": LATER, "end": LATER + timedelta(hours=1), "title": "Fire drill"}


def test_who_is_invited_meanwhile_gets_what_holds_and_not_the_plan(world: World):
    session = world.session("Ada")
    world.mails()
    world.edit(session, planning=True, start=LATER)
    world.enrol(session, "Bob")
    assert world.mail().start.day == START.day


def test_a_plan_is_published_as_one_mail_for_each(world: World):
    session = world.session("Ada", "Bob")
    world.mails()
    world.edit(session, planning=True, start=LATER)
    world.edit(session, title="Fire drill")
    assert _publish(world, session) == 2
    mails = world.mails()
    assert {(m.who, m.kind, m.sequence, m.start.day) for m in mails} == {("Ada", "update", 1, 2), ("Bob", "update", 1, 2)}
    assert not _session(world, session).planning and world.advance(60) is None and world.mails() == []


def test_the_preview_says_who_gets_what_and_changes_nothing(world: World):
    session = world.session("Ada", "Bob", "Cleo")
    for mail in world.mails():
        world.answer(mail, {"Ada": "ACCEPTED", "Bob": "DECLINED"}.get(mail.who, "TENTATIVE"))
    world.mails()
    world.edit(session, planning=True, location="Room 5")
    before = world.count(Delivery), world.count(HistoryEntry)
    seen = _rehearse(world, session)
    assert [(t.method, t.asked, [name for _id, name in t.people]) for t in seen.told] == [("REQUEST", False, ["Ada", "Cleo"])]
    assert (seen.mails, seen.nothing, [name for _id, name, _status in seen.nobody]) == (2, 1, ["Bob"])
    assert (world.count(Delivery), world.count(HistoryEntry)) == before and _session(world, session).planning
    assert _publish(world, session) == seen.mails


def test_a_new_time_asks_everybody_again_and_turning_off_cancels(world: World):
    session = world.session("Ada", "Bob")
    world.mails()
    world.edit(session, planning=True, start=LATER)
    assert [(t.kind, t.asked, t.number) for t in _rehearse(world, session).told] == [("update", True, 2)]
    world.edit(session, calendar_enabled=False)
    assert [(t.kind, t.method, t.number) for t in _rehearse(world, session).told] == [("withdrawn", "CANCEL", 2)]
    _publish(world, session)
    assert {m.method for m in world.mails()} == {"CANCEL"}


def test_more_seats_invite_the_waiting_only_when_published(world: World):
    session = world.session("Ada", "Bob", capacity=1, waiting_list=True)
    world.mails()
    world.edit(session, planning=True, capacity=2)
    assert world.status(session, "Bob") == "Waiting List"
    assert _rehearse(world, session).number("REQUEST") == 1
    _publish(world, session)
    assert world.status(session, "Bob") == "Invited" and world.mail().who == "Bob"


def test_messages_that_wait_already_are_counted_and_replaced(world: World):
    session = world.session("Ada", "Bob")
    world.edit(session, planning=True, start=LATER)
    seen = _rehearse(world, session)
    assert (seen.ahead, seen.replaced, seen.mails) == (2, 2, 2) and [t.kind for t in seen.told] == ["invite"]


def test_a_plan_that_comes_back_to_what_holds_sends_nothing(world: World):
    session = world.session("Ada")
    world.mails()
    world.edit(session, planning=True, title="Fire drill")
    world.edit(session, title="Fire safety")
    assert _rehearse(world, session).mails == 0 and _publish(world, session) == 0


def test_what_could_not_hold_is_refused_while_planning(world: World):
    session = world.session("Ada", "Bob", capacity=3)
    for wrong in ({"end": START - timedelta(hours=1)}, {"capacity": 1}, {"timezone": "Mars/Base"}):
        with pytest.raises(Invalid):
            world.do(lambda work, wrong=wrong: scheduling.edit_session(work, session, {"planning": True, **wrong}))
    assert not _session(world, session).planning


def test_a_seat_taken_meanwhile_is_said_in_the_preview(world: World):
    session = world.session("Ada", capacity=3)
    world.edit(session, planning=True, capacity=1)
    world.enrol(session, "Bob")
    assert "2 people hold seats" in _rehearse(world, session).problem


def test_a_plan_somebody_else_changed_is_looked_at_again(world: World):
    session = world.session("Ada")
    world.edit(session, planning=True, title="Fire drill")
    seen = _session(world, session).version
    world.edit(session, title="Flood drill")
    with pytest.raises(Changed) as refused:
        _publish(world, session, seen)
    assert [(c["field"], c["before"], c["after"]) for c in refused.value.extra["changes"]] == [("title", "Fire drill", "Flood drill")]


def test_planning_ends_by_publishing_or_discarding(world: World):
    session = world.session("Ada")
    world.mails()
    world.edit(session, planning=True, title="Fire drill")
    with pytest.raises(Conflict, match="publish them or discard them"):
        world.do(lambda work: scheduling.edit_session(work, session, {"planning": False}))
    world.do(lambda work: planning.discard(work, session))
    with pytest.raises(Conflict, match="Nothing is planned"):
        _publish(world, session)
    assert _session(world, session).title == "Fire safety" and world.mails() == []


def test_what_was_settling_before_planning_still_goes_out(world: World):
    session = world.session("Ada")
    world.mails()
    world.edit(session, settled=False, title="Fire drill")
    world.edit(session, planning=True, location="Room 5")
    mail = world.mail()
    assert "Fire drill" in mail.subject and "Room 5" not in mail.words


def _draft(world: World, *names: str, **values) -> int:
    values = {"title": "Fire safety", "start": START, "end": START + timedelta(hours=1), "timezone": "Europe/Berlin", **values}
    group = world.group(*names)
    return world.do(lambda work: scheduling.create_session(work, world.course_id, values, group, draft=True).id)


def test_a_draft_is_in_no_calendar_until_it_is_published(world: World):
    session = _draft(world, "Ada", "Bob", capacity=2)
    world.enrol(session, "Cleo", "Registered", over_capacity=True)
    world.edit(session, title="Fire drill")
    world.do(lambda work: grouping.edit_course(work, world.course_id, {"name": "Safety first"}))
    world.remove(session, "Bob")
    world.advance(7 * 86400)
    assert (world.mails(), world.notices, world.count(CalendarEntry), world.count(Revision)) == ([], [], 0, 0)
    seen = _rehearse(world, session)
    assert [(one.kind, one.method, one.number) for one in seen.told] == [("invite", "REQUEST", 2)]
    assert _publish(world, session) == 2
    assert {(m.who, m.kind, m.subject) for m in world.mails()} == {(n, "invite", "Invitation: Fire drill") for n in ("Ada", "Cleo")}
    world.edit(session, title="Fire alarm")
    assert {m.kind for m in world.mails()} == {"update"}


def test_who_waits_for_a_draft_is_asked_nothing_and_moves_up_for_good(world: World):
    session = _draft(world, "Ada", "Bob", "Cleo", capacity=1)
    world.remove(session, "Ada")
    world.advance(3 * 86400)
    assert (world.status(session, "Bob"), world.enrolment(session, "Bob").offer_until, world.line(session)) == ("Invited", None, ["Cleo"])
    _publish(world, session)
    assert [(m.who, m.kind) for m in world.mails()] == [("Bob", "invite")] and world.notices == []


def test_nobody_can_register_for_a_draft_and_it_is_cancelled_without_a_word(world: World):
    session = _draft(world, "Ada")
    with pytest.raises(Conflict, match="not published yet"):
        world.register(session, "Dora")
    with pytest.raises(Conflict, match="never published"):
        world.edit(session, planning=False)
    world.do(lambda work: planning.discard(work, session))
    assert _session(world, session).draft and _session(world, session).planning
    world.cancel(session)
    assert world.mails() == world.notices == []


def test_a_session_that_took_place_is_not_edited_any_more(world: World):
    session, planned = world.session("Ada"), world.session("Ada", title="Coaching")
    world.edit(planned, planning=True, title="Talk")
    world.advance(30 * 86400)
    world.edit(session, title="Fire safety, as it was")
    for one in (session, planned):
        world.enrol(one, "Bea", "Attended")
    for values in ({"title": "Fire drill"}, {"start": LATER + timedelta(days=90)}, {"planning": True, "title": "Drill"}):
        with pytest.raises(Conflict, match="marking attendance"):
            world.edit(session, **values)
    assert "is over" in _rehearse(world, planned).problem
    world.edit(session, title="Fire safety, as it was")
    world.set_status(session, "Ada", "Attended")
    assert world.status(session, "Ada") == "Attended"
