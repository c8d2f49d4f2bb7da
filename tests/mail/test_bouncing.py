"""Mail that comes back: whose fault it is, who hears of it, and what an address that does not exist stops."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from feedserver import tokens
from feedserver.errors import Conflict
from feedserver.services import bouncing, learning, messages
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery, message_id
from tests import replies
from tests.support.world import World

GONE = {"status": "5.1.1", "diagnostic": "550 5.1.1 user unknown"}
FULL = {"status": "5.2.2", "diagnostic": "552 5.2.2 mailbox full"}


def learner(world: World, name: str = "Lea") -> Learner:
    return world.look(lambda work: work.db.get_one(Learner, world.people[name]))


def came_back(world: World, delivery: Delivery, *, token: bool = True, **said) -> InboundMessage:
    """The report arrives, at the bounce address of this delivery unless told otherwise."""
    raw = replies.message("bounce", **{"uid": "not-ours", "attendee": delivery.recipient, **GONE, **said})
    box = f"training+b-{tokens.bounce_token(delivery.id, world.do(lambda work: work.key_secret))}@localhost"
    return world.receive(raw, *([box] if token else []))


def latest(world: World, name: str = "Lea") -> Delivery:
    return world.deliveries(Delivery.learner_id == world.people[name])[-1]


def test_after_a_hard_bounce_nothing_more_is_sent_while_the_feed_goes_on(anywhere):
    session = anywhere.session("Lea", "Tom")
    anywhere.mails()
    assert came_back(anywhere, latest(anywhere)).learner_id == anywhere.people["Lea"]
    assert "user unknown" in learner(anywhere).address_problem and learner(anywhere).address_problem_at == anywhere.moment
    anywhere.edit(session, title="Fire drill")
    assert [mail.who for mail in anywhere.mails()] == ["Tom"]
    assert latest(anywhere).state == "suppressed" and "comes back" in latest(anywhere).last_error
    assert anywhere.entry(session, "Lea").revision_id == anywhere.entry(session, "Tom").revision_id


def test_what_waited_when_the_bounce_came_is_held_back_and_so_is_a_notice_in_words(anywhere):
    session = anywhere.session("Lea", capacity=1)
    anywhere.mails()
    invitation = latest(anywhere)
    anywhere.edit(session, title="Fire drill")
    came_back(anywhere, invitation)
    assert latest(anywhere).state == "suppressed"
    anywhere.set_status(session, "Lea", "Waiting List")
    assert latest(anywhere).kind == "full" or latest(anywhere).method in ("CANCEL", None)
    assert anywhere.mails() == [] and anywhere.notices == [] and anywhere.outbox_is_empty


def test_lifted_each_entry_that_missed_something_is_sent_as_it_stands(anywhere):
    moved, told, gone = anywhere.session("Lea"), anywhere.session("Lea", title="First aid"), anywhere.session("Lea", title="Ladders")
    first = {mail.uid: mail for mail in anywhere.mails()}
    came_back(anywhere, anywhere.deliveries(Delivery.live_session_id == moved)[0])
    anywhere.edit(moved, title="Fire drill")
    anywhere.cancel(gone)
    assert anywhere.do(lambda work: bouncing.lift(work, anywhere.people["Lea"])) == 2
    mails = {mail.kind: mail for mail in anywhere.mails()}
    again, entry = mails["again"], anywhere.entry(moved, "Lea")
    assert (again.uid, again.sequence) == (entry.uid, entry.sequence) and again.dtstamp > first[entry.uid].dtstamp
    assert mails["cancel"].uid == anywhere.entry(gone, "Lea").uid and anywhere.entry(told, "Lea").uid not in {m.uid for m in mails.values()}
    assert learner(anywhere).address_problem is None and anywhere.do(lambda work: bouncing.lift(work, anywhere.people["Lea"])) == 0


def test_a_new_address_lifts_the_mark_and_the_same_one_does_not(world):
    world.session("Lea")
    world.mails()
    came_back(world, latest(world))
    world.do(lambda work: learning.edit_learner(work, world.people["Lea"], {"email": "Lea@corp.example", "team": "Night"}))
    assert learner(world).address_problem
    world.do(lambda work: learning.edit_learner(work, world.people["Lea"], {"email": "lea@new.example"}))
    assert learner(world).address_problem is None and world.mail().to == "lea@new.example"


def test_a_late_bounce_of_the_old_address_blames_the_new_one_for_nothing(world):
    world.session("Lea")
    world.mails()
    old = latest(world)
    world.do(lambda work: learning.edit_learner(work, world.people["Lea"], {"email": "lea@new.example"}))
    assert came_back(world, old).delivery_id == old.id
    assert learner(world).address_problem is None


def test_a_full_mailbox_is_forgiven_until_it_was_full_on_five_days_of_fourteen(world):
    world.session("Lea")
    world.mails()
    sent = latest(world)
    for days_later in (0, 0, 1, 2, 12, 1, 1, 1):
        world.moment += timedelta(days=days_later)
        came_back(world, sent, **FULL)
    assert learner(world).address_problem is None and len(learner(world).bounce_days) == 4
    world.moment += timedelta(days=1)
    came_back(world, sent, **FULL)
    assert "5 days of the last 14" in learner(world).address_problem


@pytest.mark.parametrize(("status", "diagnostic", "code"), [
    ("5.7.1", "550 5.7.1 blocked by our spam policy", "policy"),
    ("5.6.0", "554 5.6.0 content refused", "content"),
    ("5.3.4", "552 5.3.4 message too big", "too_big"),
])  # fmt: skip
def test_what_is_about_us_is_shown_to_us_and_never_blames_the_learner(world, status, diagnostic, code):
    world.session("Lea")
    world.mails()
    got = came_back(world, latest(world), status=status, diagnostic=diagnostic)
    assert (got.outcome, got.reason_code, learner(world).address_problem, learner(world).bounce_days) == ("bounce", code, None, None)
    ((domain, first, number, _words),) = world.look(bouncing.our_problems)
    assert (domain, first, number) == ("corp.example", code, 1)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
def test_delayed_or_delivered_is_no_bounce(world, action):
    world.session("Lea")
    world.mails()
    assert came_back(world, latest(world), action=action, status="4.4.1").outcome == "bounce"
    assert (latest(world).bounce_class, learner(world).address_problem) == (None, None)


def test_a_bounce_without_our_token_counts_by_what_only_its_reader_knew(world):
    world.session("Lea", "Tom", "Uma", "Vic")
    world.mails()
    lea, tom, uma, vic = (latest(world, name) for name in ("Lea", "Tom", "Uma", "Vic"))
    thread = f">\nReferences: <{hashlib.sha256(tom.uid.encode()).hexdigest()[:32]}@entry.invalid"
    ours = [message_id(one.id, one.dtstamp, one.sender) for one in (tom, uma)]
    came_back(world, lea, token=False, uid=lea.uid)
    came_back(world, tom, token=False, original_message_id=ours[0] + thread)
    came_back(world, uma, token=False, original_message_id=ours[1])
    wrong = came_back(world, vic, token=False, original_message_id=f"{vic.id}.1.feedserver@localhost")
    assert learner(world, "Lea").address_problem and learner(world, "Tom").address_problem
    assert learner(world, "Uma").address_problem is None and len(learner(world, "Uma").bounce_days) == 1
    assert wrong.delivery_id is None and "nobody is blamed" in wrong.reason and learner(world, "Vic").bounce_days is None


def test_a_foreign_organisations_token_says_nothing_here(world):
    world.session("Lea")
    world.mails()
    sent = latest(world)
    raw = replies.message("bounce", uid="x", attendee=sent.recipient, **GONE)
    assert (
        world.receive(raw, f"training+b-{tokens.bounce_token(sent.id + 1000, world.do(lambda w: w.key_secret))}@localhost").delivery_id
        is None
    )


def test_a_message_to_a_marked_address_is_not_tried_again_by_hand(world):
    world.session("Lea")
    world.mails()
    world.do(lambda work: bouncing.refused(work, latest(world).id, "hard_address", "550 5.1.1 no such user"))
    world.do(lambda work: setattr(work.db.get_one(Delivery, latest(world).id), "state", "dead"))
    with pytest.raises(Conflict, match="comes back"):
        world.do(lambda work: messages.retry(work, latest(world).id))


ARF = """From: feedback@isp.example
To: abuse@corp.example
Subject: complaint
Return-Path: <>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

This is an email abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <training+b-{token}@localhost>

--b
Content-Type: text/rfc822-headers

Subject: [redacted]

--b--
"""


@pytest.mark.parametrize(("kind", "noted"), [("abuse", True), ("not-spam", False)])
def test_a_complaint_stops_reminders_and_never_an_invitation(world, kind, noted):
    world.session("Lea")
    world.mails()
    token = tokens.bounce_token(latest(world).id, world.do(lambda work: work.key_secret))
    got = world.receive(ARF.format(kind=kind, token=token).replace("\n", "\r\n").encode())
    assert (got.outcome, got.kind, got.learner_id) == ("bounce", "complaint", world.people["Lea"])
    assert (learner(world).complained_at is not None) == noted
    world.enrol(world.session(title="More"), "Lea")
    assert [mail.kind for mail in world.mails()] == ["invite"]
