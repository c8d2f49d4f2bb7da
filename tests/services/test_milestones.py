"""Days to note in people's calendars: by feed, and by mail for who reads none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes

from sqlalchemy import event as sa_event
from sqlalchemy import select

from feedserver.services import milestones
from feedserver.store.learners import FeedVersion
from feedserver.store.milestones import MilestoneEntry
from feedserver.store.outbox import Delivery
from tests.support.world import World

E_ = MilestoneEntry
DAY = date(2026, 12, 24)


def note(world: World, *names: str, day: date = DAY, title: str = "Quiz") -> int:
    ids = [world.person(name) for name in names]
    return world.do(lambda work: milestones.give(work, ids, "completion_deadline", title, day, milestone_id=7))


def entries(world: World, name: str) -> list[MilestoneEntry]:
    query = select(E_).where(E_.learner_id == world.people[name]).order_by(E_.id)
    return world.look(lambda work: list(work.db.scalars(query)))


def move(world: World, day: date, **more) -> int:
    return world.do(lambda work: milestones.move(work, E_.milestone_id == 7, day, **more))


def version(world: World, name: str) -> int:
    return world.look(lambda work: work.db.get_one(FeedVersion, world.people[name]).version)


def test_who_reads_mail_alone_is_told_and_the_others_have_it_in_their_feed(world):
    world.person("Mia", channel="mail")
    world.person("Finn")
    before = version(world, "Finn")
    assert note(world, "Mia", "Finn") == 2

    mail = world.mail()
    assert (mail.who, mail.method, mail.sequence) == ("Mia", "REQUEST", 0) and b"RSVP=FALSE" in calendar(mail)
    assert mail.uid == entries(world, "Mia")[0].uid and version(world, "Finn") == before + 1


def test_a_move_is_the_same_uid_with_the_next_sequence_and_says_both_days(world):
    world.person("Mia", channel="mail")
    note(world, "Mia")
    first = world.mail()
    assert move(world, DAY + timedelta(days=1)) == 1

    second = world.mail()
    assert (second.uid, second.sequence, second.kind) == (first.uid, 1, "milestone_changed") and second.dtstamp > first.dtstamp
    assert "24 December" in second.words and "25 December" in second.words
    assert move(world, DAY + timedelta(days=1)) == 0 and world.mails() == []


def test_what_has_not_left_gives_way_and_nobody_hears_of_a_day_that_never_was(world):
    world.person("Mia", channel="mail")
    note(world, "Mia")
    move(world, DAY + timedelta(days=1))
    mail = world.mail()

    assert (mail.kind, mail.sequence) == ("milestone", 1) and "24 December" not in mail.words
    assert [d.state for d in world.deliveries()] == ["superseded", "sent"]


def test_before_is_what_was_told_also_when_a_move_is_moved_again(world):
    world.person("Mia", channel="mail")
    note(world, "Mia")
    world.mail()
    move(world, DAY + timedelta(days=1))
    move(world, DAY + timedelta(days=2), title="Test")

    mail = world.mail()
    assert "24 December" in mail.words and "26 December" in mail.words and "25 December" not in mail.words
    assert (mail.sequence, mail.subject) == (2, "Changed: Deadline: Test")


def test_done_takes_it_away_once_and_what_never_left_is_taken_back_in_silence(world):
    world.person("Mia", channel="mail")
    world.person("Ole", channel="mail")
    note(world, "Mia")
    world.mail()
    note(world, "Ole")
    assert world.do(lambda work: milestones.done(work, E_.milestone_id == 7, work.now, "admin:x")) == 2
    assert world.do(lambda work: milestones.end(work, E_.milestone_id == 7, "Off")) == 0

    mail = world.mail()
    assert (mail.who, mail.method, mail.kind, mail.sequence) == ("Mia", "CANCEL", "milestone_done", 1)
    assert {entries(world, one)[0].state for one in ("Mia", "Ole")} == {"done"}


def test_open_again_is_an_entry_of_its_own(world):
    world.person("Mia", channel="mail")
    note(world, "Mia")
    first = world.mail()
    world.do(lambda work: milestones.done(work, E_.milestone_id == 7, work.now, "admin:x"))
    world.do(lambda work: milestones.reopen(work, E_.milestone_id == 7))

    gone, again = world.mails()
    assert (gone.uid, gone.method) == (first.uid, "CANCEL") and again.uid != first.uid and again.method == "REQUEST"
    assert [one.state for one in entries(world, "Mia")] == ["ended", "open"]


def test_a_day_that_is_past_everywhere_sends_no_mail(world):
    world.person("Mia", channel="mail")
    note(world, "Mia", day=date(2026, 11, 18))

    assert world.mails() == [] and entries(world, "Mia")[0].mailed is False


def test_messages_of_an_entry_leave_in_order_and_a_held_one_holds_back_the_next(world):
    world.person("Mia", channel="mail")
    note(world, "Mia")
    (held,) = world.claim()
    world.do(lambda work: milestones.end(work, E_.milestone_id == 7, "Off"))

    assert world.claim() == []
    assert [d.state for d in world.deliveries(Delivery.milestone_entry_id.is_not(None))] == ["sending", "queued"]
    assert held.row.kind == "milestone"


def test_a_reply_to_a_day_to_note_changes_nothing(world):
    world.person("Mia", channel="mail")
    note(world, "Mia")
    mail = world.mail()
    for partstat in ("DECLINED", "ACCEPTED", "ACCEPTED"):
        message = world.answer(mail, partstat, dtstart=datetime(2026, 12, 24, tzinfo=UTC))
        assert (message.outcome, message.learner_id) == ("unchanged", world.people["Mia"]) and "day to note" in message.reason

    assert entries(world, "Mia")[0].state == "open" and world.mails() == []


def test_ten_times_the_people_take_no_more_statements(world):
    def statements(names: list[str]) -> int:
        for name in names:
            world.person(name, channel="mail")
        seen = []
        watch = lambda *_: seen.append(1)  # noqa: E731
        sa_event.listen(world.database.engine, "before_cursor_execute", watch)
        note(world, *names)
        move(world, DAY + timedelta(days=len(names)))
        world.do(lambda work: milestones.end(work, E_.milestone_id == 7, "Off"))
        sa_event.remove(world.database.engine, "before_cursor_execute", watch)
        return len(seen)

    assert statements([f"a{n}" for n in range(3)]) == statements([f"b{n}" for n in range(30)])


def calendar(mail) -> bytes:
    (part,) = [p for p in message_from_bytes(mail.raw).walk() if p.get_content_type() == "text/calendar"]
    return part.get_payload(decode=True).replace(b"\r\n ", b"")
