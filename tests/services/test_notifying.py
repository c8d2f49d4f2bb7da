"""What each learner was last told decides what they are told next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select

from feedserver.errors import Conflict
from feedserver.services import enrolling, organising, page_answers, resending, scheduling
from feedserver.store import claims
from feedserver.store.courses import GroupMember
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import FeedVersion, Learner
from feedserver.store.outbox import Delivery
from tests.support.world import NOW, START

NEXT_DAY = START + timedelta(days=1)


def release(world) -> None:
    world.database.run(lambda db: claims.release(db, world.worker(), world.moment))


def end_ambiguous(world, claimed) -> None:
    """The connection broke after the final dot."""

    def mark(db):
        row = db.get_one(Delivery, claimed.row.id)
        row.state, row.ambiguous, row.worker_id, row.due_at = "deferred", 1, None, world.moment + timedelta(seconds=30)

    world.database.run(mark)


def test_before_and_after_in_words(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, start=NEXT_DAY, location="Room 6")
    words = world.mail().words
    assert "1 December" in words and "2 December" in words and "Room 6" in words and "answer again" in words


def test_before_is_what_this_learner_was_last_told(world):
    session = world.session("Lea", location="Room 5")
    world.mails()
    world.edit(session, location="Room 6")
    world.enrol(session, "Tom")
    world.mails()
    world.edit(session, location="Room 7")
    words = {m.who: m.words for m in world.mails()}
    assert all("Room 6" in w and "Room 7" in w and "Room 5" not in w for w in words.values()) and set(words) == {"Lea", "Tom"}


def test_an_update_that_was_replaced_before_it_left_hands_its_before_on(world):
    session = world.session("Lea", location="Room 5")
    world.mails()
    world.edit(session, location="Room 6")
    world.edit(session, location="Room 7")
    update = world.mail()
    assert "Room 5" in update.words and "Room 7" in update.words and "Room 6" not in update.words
    assert (update.sequence, [d.state for d in world.deliveries()]) == (2, ["sent", "superseded", "sent"])


def test_an_invitation_that_was_replaced_before_it_left_is_still_an_invitation(world):
    session = world.session("Lea")
    world.edit(session, start=NEXT_DAY)
    invite = world.mail()
    assert (invite.kind, invite.partstat, "Invitation" in invite.subject) == ("invite", "NEEDS-ACTION", True)
    assert "1 December" not in invite.words


def test_edited_there_and_back_before_the_first_update_left_tells_nobody(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, start=NEXT_DAY)
    world.edit(session, start=START)
    assert world.mails() == [] and world.outbox_is_empty
    assert [d.state for d in world.deliveries()] == ["sent", "superseded"]


def test_what_may_have_left_is_not_replaced_and_holds_the_line(world):
    session = world.session("Lea", location="Room 5")
    (claimed,) = world.claim()
    end_ambiguous(world, claimed)
    world.edit(session, settled=False, location="Room 6")
    world.advance(20)
    update = world.deliveries()[-1]
    assert [d.state for d in world.deliveries()] == ["deferred", "queued"] and (update.kind, update.sequence) == ("update", 1)
    assert world.mails() == []  # the first one is due in ten seconds
    world.advance(10)
    assert [(m.kind, m.sequence) for m in world.mails()] == [("invite", 0), ("update", 1)]


def test_what_is_being_sent_counts_as_told(world):
    session = world.session("Lea", location="Room 5")
    world.claim()
    world.edit(session, location="Room 6")
    assert [(d.state, d.kind) for d in world.deliveries()] == [("sending", "invite"), ("queued", "update")]


def test_what_was_given_back_by_a_worker_and_its_successor_give_way_to_one_message(world):
    session = world.session("Lea", location="Room 5")
    world.claim()
    world.edit(session, location="Room 6")
    release(world)
    world.edit(session, location="Room 7")
    invite = world.mail()
    assert (invite.kind, "Room 7" in invite.words, "Room 5" in invite.words) == ("invite", True, False)
    assert [d.state for d in world.deliveries()] == ["superseded", "superseded", "sent"]


def test_wording_carries_the_answer_and_asks_nothing(world):
    session = world.session("Lea", "Tom")
    lea, _tom = world.mails()
    world.answer(lea, "TENTATIVE")
    world.edit(session, title="Fire drill")
    updates = {m.who: m for m in world.mails()}
    assert (updates["Lea"].partstat, updates["Tom"].partstat) == ("TENTATIVE", "NEEDS-ACTION")
    assert "need not answer again" in updates["Lea"].words and not world.entry(session, "Lea").reconfirm


def test_who_declined_hears_of_a_new_time_once_and_never_of_wording(world):
    session = world.session("Lea")
    world.answer(world.mail(), "DECLINED")
    world.edit(session, title="Fire drill")
    assert world.mails() == []
    world.edit(session, start=NEXT_DAY)
    asked = world.mail()
    assert (asked.kind, asked.partstat, "Fire drill" in asked.subject) == ("update", "NEEDS-ACTION", True)
    assert world.status(session, "Lea") == "Declined"
    world.edit(session, title="Fire")
    assert world.mails() == []


def test_who_declined_is_not_sent_a_time_that_was_taken_back_before_it_left(world):
    session = world.session("Lea")
    world.answer(world.mail(), "DECLINED")
    world.edit(session, title="Fire drill")
    world.edit(session, start=NEXT_DAY)
    world.edit(session, start=START)
    assert world.mails() == [] and world.outbox_is_empty and world.entry(session, "Lea").revision_id == 1
    world.edit(session, start=NEXT_DAY)
    assert (world.mail().start.replace(tzinfo=None), world.entry(session, "Lea").revision_id) == (NEXT_DAY, 5)


def test_dtstamp_grows_strictly_though_the_clock_stands_still(world):
    session = world.session("Lea")
    stamps = [world.mail().dtstamp]
    for n in range(4):
        world.house.settle = timedelta(0)
        world.edit(session, settled=False, title=f"Title {n}")
        stamps.append(world.mail().dtstamp)
    world.cancel(session)
    stamps.append(world.mail().dtstamp)
    assert stamps == sorted(set(stamps)) and stamps[-1] <= int(NOW.timestamp()) + 6


def test_dtstamp_grows_though_the_clock_goes_back(world):
    session = world.session("Lea")
    first = world.mail()
    world.moment -= timedelta(hours=1)
    world.house.settle = timedelta(0)
    world.edit(session, settled=False, title="Fire drill")
    world.moment += timedelta(hours=1)
    assert world.mail().dtstamp == first.dtstamp + 1


def test_the_toggle_off_takes_entries_back_and_on_invites_anew(world):
    session = world.session("Lea", "Tom")
    old = {m.uid for m in world.mails()}
    world.edit(session, calendar_enabled=False)
    back = world.mails()
    assert {m.kind for m in back} == {"withdrawn"} and {m.uid for m in back} == old
    world.edit(session, title="Fire drill")
    assert world.mails() == []
    world.edit(session, calendar_enabled=True)
    new = world.mails()
    assert [m.kind for m in new] == ["invite", "invite"] and not {m.uid for m in new} & old
    assert all("Fire drill" in m.subject for m in new) and world.status(session, "Lea") == "Invited"


def test_the_toggle_off_and_on_does_not_ask_who_said_no_again(world):
    session = world.session("Lea")
    first = world.mail()
    world.answer(first, "DECLINED")
    world.edit(session, calendar_enabled=False)
    world.edit(session, calendar_enabled=True)
    assert world.mails() == []
    world.advance(60)
    assert world.answer(first).outcome == "applied" and world.status(session, "Lea") == "Registered"


def test_who_said_no_hears_of_a_time_that_changed_while_invitations_were_off(world):
    session = world.session("Lea")
    world.answer(world.mail(), "DECLINED")
    world.edit(session, calendar_enabled=False)
    world.edit(session, start=NEXT_DAY)
    assert world.mails() == []
    world.edit(session, calendar_enabled=True)
    assert (world.mail().kind, world.entry(session, "Lea").asked_sequence) == ("update", 1)


def test_without_the_calendar_the_feed_alone_shows_it(world):
    session = world.session("Lea", calendar_enabled=False)
    assert world.mails() == [] and world.entry(session, "Lea").feed_state == "shown"
    world.edit(session, calendar_enabled=True)
    invite = world.mail()
    assert invite.uid == world.entry(session, "Lea").uid and invite.kind == "invite"


def test_a_group_larger_than_the_capacity_waits_in_its_order(world):
    session = world.session("Lea", "Tom", "Ann", "Bob", capacity=2)
    assert [m.who for m in world.mails()] == ["Lea", "Tom"]
    assert world.line(session) == ["Ann", "Bob"] and world.entry(session, "Ann").feed_state == "waiting"


def test_a_first_invitation_does_not_wait_and_shows_what_is_about_to_hold(world):
    session = world.session("Lea", location="Room 5")
    world.mails()
    world.edit(session, settled=False, location="Room 6")
    world.enrol(session, "Tom")
    assert [(m.who, "Room 6" in m.words) for m in world.mails()] == [("Tom", True)]
    world.advance(21)
    assert [(m.who, m.kind) for m in world.mails()] == [("Lea", "update")]


def test_sent_again_is_the_same_uid_and_sequence_with_a_later_dtstamp(world):
    session = world.session("Lea")
    first = world.mail()
    enrolment = world.enrolment(session, "Lea").id
    world.do(lambda work: resending.send_again(work, enrolment))
    again = world.mail()
    assert (again.kind, again.uid, again.sequence) == ("again", first.uid, first.sequence) and again.dtstamp > first.dtstamp
    world.remove(session, "Lea")
    with pytest.raises(Conflict, match="no invitation"):
        world.do(lambda work: resending.send_again(work, enrolment))


def test_sent_again_before_the_update_left_still_says_what_changed(world):
    session = world.session("Lea")
    world.mails()
    world.edit(session, start=NEXT_DAY)
    enrolment = world.enrolment(session, "Lea").id
    world.do(lambda work: resending.send_again(work, enrolment))
    update = world.mail()
    assert (update.kind, update.partstat, update.sequence) == ("update", "NEEDS-ACTION", 1) and "1 December" in update.words


def test_sent_again_while_an_edit_settles_does_not_give_it_away(world):
    session = world.session("Lea")
    first = world.mail()
    world.edit(session, settled=False, start=NEXT_DAY)
    enrolment = world.enrolment(session, "Lea").id
    world.do(lambda work: resending.send_again(work, enrolment))
    assert world.mail().start == first.start
    world.advance(21)
    assert (world.mail().partstat, world.entry(session, "Lea").asked_sequence) == ("NEEDS-ACTION", 1)


def test_each_reads_their_own_language_and_zone(world):
    world.person("Lea", locale="de-AT", timezone="Europe/Vienna")
    world.person("Tom", timezone="America/New_York")
    world.session("Lea", "Tom")
    words = {m.who: m.words for m in world.mails()}
    assert "Einladung" in words["Lea"] or "eingeladen" in words["Lea"]
    assert "04:00" in words["Tom"] or "4:00" in words["Tom"]


def test_the_organizer_of_an_entry_is_frozen(world):
    session = world.session("Lea")
    world.mails()
    world.do(lambda work: organising.edit_organisation(work, {"mailbox_name": "Academy", "mailbox_address": "academy@localhost"}))
    world.edit(session, title="Fire drill")
    world.enrol(session, "Tom")
    assert {m.who: d.sender for m, d in zip(world.mails(), world.deliveries()[1:], strict=True)} == {
        "Lea": "training@localhost",
        "Tom": "academy@localhost",
    }


@contextmanager
def counted(world) -> Iterator[list[str]]:
    """The statements that go to the database meanwhile."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(world.database.engine, "before_cursor_execute", note)


def crowd(world, size: int) -> int:
    """A group of so many, put in by the thousand."""
    group_id = world.group(name=f"Crowd of {size}")

    def fill(work):
        people = [
            {"organisation_id": work.organisation_id, "email": f"p{size}-{n}@corp.example", "email_key": f"p{size}-{n}@corp.example",
             "name": f"P{n}", "timezone": "Europe/Berlin", "locale": "en", "channel": "both", "page_id": f"page-{size}-{n}", "version": 1,
             "created_at": work.now} for n in range(size)
        ]  # fmt: skip
        work.db.execute(insert(Learner), people)
        ids = list(work.db.scalars(select(Learner.id).where(Learner.email_key.like(f"p{size}-%"))))
        work.db.execute(insert(FeedVersion), [{"learner_id": i, "version": 1, "changed_at": work.now} for i in ids])
        work.db.execute(insert(GroupMember), [{"group_id": group_id, "learner_id": i, "created_at": work.now} for i in ids])

    world.do(fill)
    return group_id


@pytest.mark.slow
def test_moving_and_cancelling_for_ten_thousand_takes_as_many_statements_as_for_a_hundred(world):
    world.house.settle = timedelta(0)
    moving, cancelling = {}, {}
    for size in (100, 10_000):
        session = world.session(group_id=crowd(world, size), title=f"For {size}")
        world.do(lambda work: work.db.query(Delivery).update({"state": "sent"}))
        with counted(world) as statements:
            world.edit(session, settled=False, start=NEXT_DAY)
        moving[size] = len(statements)
        assert world.count(Delivery, Delivery.live_session_id == session, Delivery.state == "queued") == size
        world.do(lambda work: work.db.query(Delivery).update({"state": "sent"}))
        with counted(world) as statements:
            world.do(lambda work, s=session: scheduling.cancel_session(work, s))
        cancelling[size] = len(statements)
        assert world.count(Delivery, Delivery.live_session_id == session, Delivery.method == "CANCEL") == size
    assert moving[100] == moving[10_000] < 60, moving
    assert cancelling[100] == cancelling[10_000] < 40, cancelling


def test_promoting_many_at_once_keeps_seats_and_entries_together(world):
    session = world.session(group_id=crowd(world, 600), capacity=1)
    world.edit(session, capacity=599)
    held = world.count(Enrolment, Enrolment.live_session_id == session, Enrolment.status == "Invited")
    assert (held, world.seats(session).taken) == (599, 599)
    assert world.count(Delivery, Delivery.live_session_id == session, Delivery.kind.in_(("invite", "offer"))) == 599
    assert world.look(lambda work: enrolling.position(work, work.db.query(Enrolment).filter_by(status="Waiting List").one())) == 1


def test_who_said_no_on_the_page_alone_is_told_of_the_cancellation_since_their_calendar_shows_it_still(world):
    session = world.session("Anna", "Ben")
    anna, ben = world.mails()
    mine = world.enrolment(session, "Anna")
    world.do(lambda work: page_answers.press(work, mine.learner_id, mine.id, "no"))
    world.answer(ben, "DECLINED")
    assert world.mails() == []
    world.cancel(session)
    assert [(mail.who, mail.method, mail.uid) for mail in world.mails()] == [("Anna", "CANCEL", anna.uid)]


def test_who_said_no_and_is_put_in_again_by_hand_is_asked_anew_with_the_next_sequence(world):
    session = world.session("Anna")
    first = world.mail()
    world.answer(first, "DECLINED")
    world.set_status(session, "Anna", "Registered")
    again = world.mail()
    assert (again.uid, again.sequence, again.partstat) == (first.uid, first.sequence + 1, "NEEDS-ACTION")


def test_who_said_yes_and_is_set_to_declined_by_hand_sees_it_in_the_calendar_and_can_say_yes_again(world):
    session = world.session("Lea", "Tom")
    lea, _tom = world.mails()
    world.answer(lea, "ACCEPTED")
    world.edit(session, settled=False, start=NEXT_DAY)
    for name in ("Lea", "Tom"):
        world.set_status(session, name, "Declined")
    world.enrol(session, "Ann", "Invited")
    world.edit(session, start=START)
    again, _invitation = sorted(world.mails(), key=lambda mail: mail.who != "Lea")
    assert (again.who, again.kind, again.method, again.partstat, again.sequence) == (
        "Lea",
        "again",
        "REQUEST",
        "DECLINED",
        lea.sequence + 1,
    )
    world.answer(again, "ACCEPTED")
    assert world.status(session, "Lea") == "Registered"
