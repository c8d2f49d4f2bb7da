"""The mailbox watched: the hourly mail to ourselves, tests by hand, and what their answers tell."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from feedserver.errors import Conflict
from feedserver.services import circle_watch, circling
from feedserver.services.refilling import bounce_address
from feedserver.store.circles import Circle
from feedserver.store.enrolments import Enrolment
from feedserver.store.history import HistoryEntry
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import Delivery, RelayPace
from tests import replies
from tests.support.world import MAILBOX, Mail, World

BOSS = "boss@corp.example"


def tick(world: World) -> None:
    """What a worker does each minute."""
    with world.database.read() as db:
        due, ends = circling.due_loopbacks(db, world.moment), circling.due_ends(db, world.moment)
    for number, _ in due:
        world.house.run(number, "system", lambda work, one=number: circling.loop_if_due(work, one))
    for number, one in ends:
        world.house.run(number, "system", lambda work, one=one: circling.end_test(work, one))


def circles(world: World) -> list[Circle]:
    return world.look(lambda work: list(work.db.scalars(select(Circle).order_by(Circle.id))))


def loops(mails: list[Mail]) -> list[Mail]:
    return [mail for mail in mails if mail.method == "REPLY"]


def stands(world: World) -> circle_watch.Loop:
    return world.look(circle_watch.look)


def in_an_hour(world: World, **time: float) -> None:
    world.advance(timedelta(**(time or {"hours": 1})).total_seconds())
    tick(world)


def test_the_loopback_comes_back_as_a_reply_that_changes_nothing(world: World):
    world.session("Ann")
    tick(world)
    assert loops(world.mails()) == [] and stands(world).state == "unknown"
    in_an_hour(world)
    plain, plus = loops(world.mails())
    assert plain.to == MAILBOX and plus.to.startswith("training+loop-")
    world.advance(4)
    said = world.receive(plain.raw)
    assert (said.kind, said.outcome, said.reason_code) == ("reply", "auto_reply", "loopback")
    assert (stands(world).state, stands(world).seconds) == ("good", 4.0)
    found = circles(world)[0].findings
    assert (found["from"], found["partstat"], found["trusted"], found["organizer"]) == (MAILBOX, "ACCEPTED", True, "same")
    assert world.count(Enrolment, Enrolment.partstat != "NEEDS-ACTION") == 0
    assert world.look(lambda work: work.organisation.mailbox_proved_at) is None


def test_a_loopback_that_is_lost_turns_red_and_green_again_by_itself(world: World):
    world.session("Ann")
    in_an_hour(world)
    _plain, plus = loops(world.mails())
    world.receive(plus.raw, plus.to)
    world.advance(599)
    assert stands(world).state == "unknown"
    in_an_hour(world, minutes=1)
    assert stands(world).state == "broken" and "did not come back" in stands(world).what and MAILBOX in stands(world).look_at
    # The next one goes out at once, no hour later.
    (again,) = loops(world.mails())
    world.receive(again.raw)
    assert stands(world).state == "good"
    tick(world)
    assert loops(world.mails()) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"state": "dead", "last_code": 550, "last_error": "5.7.1 relaying denied"},
            "refused the hourly test mail: 550 5.7.1 relaying denied",
        ),
        ({"state": "expired", "last_error": "Too late."}, "could not be sent: The relay cannot be reached."),
    ],
)
def test_it_is_said_where_the_mail_was_lost(world: World, values, words):
    world.session("Ann")
    in_an_hour(world)
    pace = {"relay": "r", "free_at": world.moment, "problem": "The relay cannot be reached.", "problem_at": world.moment}
    world.do(
        lambda work: (work.db.execute(update(Delivery).where(Delivery.kind == "loopback").values(**values)), work.db.add(RelayPace(**pace)))
    )
    world.advance(601)
    assert stands(world).state == "broken" and words in stands(world).what


def test_mail_to_plus_addresses_that_is_lost_is_said_and_does_not_break_the_circle(world: World):
    world.session("Ann")
    in_an_hour(world)
    plain, _plus = loops(world.mails())
    world.receive(plain.raw)
    world.advance(601)
    assert (stands(world).state, stands(world).plus_lost) == ("good", True)


def test_no_worker_for_two_hours_is_broken_and_no_calendar_is_nothing(world: World):
    session = world.session("Ann")
    world.advance(2 * 3600 + 1)
    assert stands(world).state == "broken" and "no worker" in stands(world).what
    world.edit(session, calendar_enabled=False)
    tick(world)
    assert stands(world).state == "unknown" and circles(world) == []


def test_a_loopback_that_was_changed_on_its_way_is_not_green(world: World):
    world.session("Ann")
    in_an_hour(world)
    mail = loops(world.mails())[0]
    forged = mail.raw.replace(b"From: Training <training@localhost>", b"From: x@evil.example")
    said = world.receive(forged)
    assert said.reason_code == "loopback" and "would be held" in said.reason
    assert stands(world).state == "held" and "redirected" in stands(world).look_at


def test_a_set_up_is_proved_by_the_answer_of_who_was_asked_and_cleaned_up(world: World):
    world.do(lambda work: circling.send_test(work, "setup", BOSS))
    asked = world.mail()
    assert (asked.method, asked.kind, asked.to) == ("REQUEST", "test", BOSS)
    world.advance(30)
    said = world.answer(asked, client="exchange")
    assert (said.outcome, said.reason_code, said.enrolment_id) == ("unchanged", "setup", None)
    (circle,) = circles(world)
    kept = ("from_is_invited", "sequence", "organizer", "partstat", "trusted", "ended")
    assert {name: circle.findings[name] for name in kept} == dict(zip(kept, (True, 0, "missing", "ACCEPTED", True, True), strict=True))
    assert 29 < circle.findings["seconds"] <= 30 and "Exchange" in circle.findings["client"]
    assert world.look(lambda work: work.organisation.mailbox_proved_at) == world.moment
    over = world.mail()
    assert (over.method, over.uid, over.sequence) == ("CANCEL", asked.uid, 1)
    world.answer(asked, "DECLINED")
    assert circles(world)[0].findings["partstat"] == "DECLINED" and world.mails() == []


def test_an_answer_of_somebody_else_proves_nothing(world: World):
    world.do(lambda work: circling.send_test(work, "setup", BOSS))
    world.answer(world.mail(), attendee="eve@evil.example")
    (circle,) = circles(world)
    assert circle.findings["trusted"] is False and circle.findings["judged"] == "attendee_mismatch"
    assert world.look(lambda work: work.organisation.mailbox_proved_at) is None


def test_a_test_that_comes_back_as_undeliverable_says_so_and_one_without_answer_ends_after_a_day(world: World):
    first = world.do(lambda work: circling.send_test(work, "doctor", BOSS))
    report = (
        "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nno\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; boss@corp.example\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n"
    )
    world.mail()
    bounce = world.look(lambda work: refilled_sender(work, first.delivery_id))
    world.receive(report.encode(), bounce)
    assert circles(world)[0].findings["bounce"] == "hard_address" and circles(world)[0].failed_at == world.moment
    world.do(lambda work: circling.send_test(work, "doctor", "else@corp.example"))
    asked = world.mail()
    world.advance(86_500)
    tick(world)
    assert [(mail.to, mail.method, mail.uid) for mail in world.mails()] == [("else@corp.example", "CANCEL", asked.uid)]
    tick(world)
    assert world.mails() == [] and all(one.failed_at for one in circles(world))


def refilled_sender(work, delivery_id: int) -> str:
    return bounce_address(work.db.get_one(Delivery, delivery_id), work.key_secret)


def test_tests_by_hand_are_limited_and_on_record_without_the_address(world: World):
    for _ in range(circling.MOST_AN_HOUR):
        world.do(lambda work: circling.send_test(work, "doctor", BOSS))
    with pytest.raises(Conflict, match="within the last hour"):
        world.do(lambda work: circling.send_test(work, "doctor", BOSS))
    world.advance(3601)
    world.do(lambda work: circling.send_test(work, "doctor", BOSS))
    rows = world.look(lambda work: list(work.db.scalars(select(HistoryEntry).where(HistoryEntry.verb == "calendar test sent"))))
    assert len(rows) == circling.MOST_AN_HOUR + 1 and not any(BOSS in str(row.detail) for row in rows)


def test_another_organisations_circle_is_not_closed(world: World):
    world.do(lambda work: circling.send_test(work, "setup", BOSS))
    asked = world.mail()
    with world.database.write() as db:
        db.add(
            Organisation(
                name="B",
                mailbox_name="B",
                mailbox_address="b@b.example",
                mailbox_key="b@b.example",
                timezone="UTC",
                created_at=world.moment,
            )
        )
    said = world.receive(reply_to(world, asked), "b@b.example")
    assert said.reason_code == "uid_unknown" and circles(world)[0].came_back_at is None


def reply_to(world: World, mail: Mail) -> bytes:
    return replies.reply(
        "thunderbird",
        partstat="ACCEPTED",
        uid=mail.uid,
        attendee=mail.to,
        sequence=0,
        dtstamp=world.moment,
        organizer=MAILBOX,
        cn="",
        dtstart=mail.start,
    )
