"""The round trip from outside: a session becomes an invitation, an answer becomes a status, a feed shows both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.mail.fake_relay import FakeRelay

from .world import World, at


@pytest.fixture(scope="module")
def slowly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A product that collects edits for two seconds."""
    with World.open(tmp_path_factory.mktemp("slowly"), settle_seconds=2) as world:
        yield world


def test_an_invitation_becomes_an_answer_becomes_a_status_becomes_a_feed(world):
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea)
    (invitation,) = world.mails(lea, 1)
    assert world.feed(lea)[invitation.uid]["SUMMARY"] == "Fire safety"
    said = world.answer(lea, invitation, "ACCEPTED")
    assert (said["outcome"], said["kind"], said["sender"]) == ("applied", "reply", lea["email"]) and said["reason"]
    there = world.enrolment(session, lea)
    assert (there["status"], there["partstat"], there["uid"]) == ("Registered", "ACCEPTED", invitation.uid) and there["responded_at"]
    assert world.answer(lea, invitation, "DECLINED", "thunderbird")["outcome"] == "applied"
    assert world.enrolment(session, lea)["status"] == "Declined" and invitation.uid not in world.feed(lea)


def test_request_update_and_cancel_are_one_event_that_grows(world):
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea)
    world.mails(lea, 1)
    world.edit(session, start=at(2), end=at(3), title="Fire safety II")
    world.mails(lea, 2)
    world.cancel(session)
    mails = world.mails(lea, 3)
    assert [m.method for m in mails] == ["REQUEST", "REQUEST", "CANCEL"] == [m.part.get_param("method") for m in mails]
    assert len({m.uid for m in mails}) == 1 and [m.sequence for m in mails] == [0, 1, 2]
    assert mails[0].dtstamp < mails[1].dtstamp < mails[2].dtstamp and len({m.message_id for m in mails}) == 3
    assert {str(m.event["ORGANIZER"]) for m in mails} == {"mailto:training@localhost"} and mails[2].event["STATUS"] == "CANCELLED"
    assert mails[1].event["DTSTART"].dt - mails[0].event["DTSTART"].dt == timedelta(hours=2)


def test_the_feed_says_at_once_what_the_mail_says(world):
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea)
    for change in ({"title": "Moved"}, {"start": at(5), "end": at(6)}, {"location": "Room 7"}):
        world.edit(session, **change)
        shown, mail = next(iter(world.feed(lea).values())), world.mails(lea)[-1]
        assert (str(shown["UID"]), int(shown["SEQUENCE"])) == (mail.uid, mail.sequence)
        assert [shown[n] for n in ("SUMMARY", "DTSTART", "DTEND")] == [mail.event[n] for n in ("SUMMARY", "DTSTART", "DTEND")]
        assert shown.get("LOCATION") == mail.event.get("LOCATION") and "METHOD" not in shown and "ATTENDEE" not in shown
    world.cancel(session)
    ended = world.feed(lea)[mail.uid]
    assert (ended["STATUS"], int(ended["SEQUENCE"])) == ("CANCELLED", mail.sequence + 1)


def test_a_removed_learner_alone_is_cancelled(world):
    lea, bob, session = world.learner("Lea"), world.learner("Bob"), world.session()
    enrolment = world.enrol(session, lea)
    world.enrol(session, bob)
    world.mails(lea, 1)
    world.call("DELETE", f"/enrolments/{enrolment['id']}", status=204)
    _, cancel = world.mails(lea, 2)
    assert (cancel.method, cancel.sequence) == ("CANCEL", 1) and cancel.uid not in world.feed(lea)
    assert [m.method for m in world.mails(bob)] == ["REQUEST"] and len(world.feed(bob)) == 1


def test_an_answer_to_the_old_time_is_no_consent_to_the_new(world):
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea)
    (old,) = world.mails(lea, 1)
    world.edit(session, start=at(24), end=at(25))
    world.mails(lea, 2)
    assert world.answer(lea, old, "ACCEPTED", "exchange")["outcome"] == "stale"
    assert world.enrolment(session, lea)["status"] == "Invited"
    *_, new = world.mails(lea, 3)
    assert world.answer(lea, new, "ACCEPTED", "exchange")["outcome"] == "applied"


def test_a_yes_that_finds_the_session_full_is_put_right(world):
    lea, bob, session = world.learner("Lea"), world.learner("Bob"), world.session(capacity=1, waiting_list=True)
    world.enrol(session, lea)
    (first,) = world.mails(lea, 1)
    world.answer(lea, first, "DECLINED")
    world.enrol(session, bob)
    assert world.answer(lea, first, "ACCEPTED")["reason_code"] == "found_full"
    assert world.enrolment(session, lea)["status"] == "Waiting List"
    *_, right = world.mails(lea)
    assert (right.method, right.uid) == ("CANCEL", first.uid) and "1" in right.text


def test_three_edits_are_one_message(slowly):
    lea, session = slowly.learner("Lea"), slowly.session()
    slowly.enrol(session, lea)
    slowly.mails(lea, 1)
    for change in ({"title": "One"}, {"location": "Room 2"}, {"start": at(3), "end": at(4)}):
        slowly.edit(session, **change)
    assert str(next(iter(slowly.feed(lea).values()))["SUMMARY"]) == "Fire safety"
    _, update = slowly.mails(lea)
    assert (update.event["SUMMARY"], update.event["LOCATION"], update.sequence) == ("One", "Room 2", 1)
    assert int(slowly.feed(lea)[update.uid]["SEQUENCE"]) == 1


def test_there_and_back_is_no_message(slowly):
    lea, session = slowly.learner("Lea"), slowly.session()
    slowly.enrol(session, lea)
    slowly.mails(lea, 1)
    slowly.edit(session, title="Oops")
    slowly.edit(session, title="Fire safety")
    (only,) = slowly.mails(lea)
    assert int(slowly.feed(lea)[only.uid]["SEQUENCE"]) == 0 and slowly.get(f"/sessions/{session['id']}")["sequence"] == 0


def test_a_newcomer_during_open_edits_gets_the_newest_at_once_and_the_others_one_update(slowly):
    lea, zoe, session = slowly.learner("Lea"), slowly.learner("Zoe"), slowly.session()
    slowly.enrol(session, lea)
    slowly.mails(lea, 1)
    slowly.edit(session, title="Newest")
    slowly.enrol(session, zoe)
    (invitation,) = slowly.mails(zoe, 1)
    assert (invitation.event["SUMMARY"], invitation.sequence) == ("Newest", 0)
    _, update = slowly.mails(lea)
    assert (update.event["SUMMARY"], update.sequence) == ("Newest", 1) and len(slowly.mails(zoe)) == 1


def test_behind_another_mail_server_the_circle_closes_by_lmtp(tmp_path):
    with World.open(tmp_path, inbound_protocol="lmtp") as world:
        lea, session = world.learner("Lea"), world.session()
        world.enrol(session, lea)
        (invitation,) = world.mails(lea, 1)
        said = world.answer(lea, invitation, "ACCEPTED", "apple_ios")
        assert (said["via"], said["outcome"]) == ("lmtp", "applied")
        assert world.enrolment(session, lea)["status"] == "Registered"


def test_a_pipe_hands_a_reply_in(world):
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea)
    (invitation,) = world.mails(lea, 1)
    world.product.command("ingest", given=world.reply(lea, invitation, "DECLINED", "zimbra"))
    assert (world.newest()["via"], world.newest()["outcome"]) == ("ingest", "applied")
    assert world.enrolment(session, lea)["status"] == "Declined"
    world.product.command("ingest", given=b"\0\0 no mail", status=65)


def test_two_organisations_do_not_meet(tmp_path):
    with World.open(tmp_path, relay=FakeRelay()) as acme:
        globex = acme.organisation("Globex", "school@globex.example")
        lea, session = globex.learner("Lea"), globex.session()
        globex.enrol(session, lea)
        (invitation,) = globex.mails(lea, 1)
        assert (invitation.mail["From"], str(invitation.event["ORGANIZER"])) == (
            "Globex <school@globex.example>",
            "mailto:school@globex.example",
        )
        assert acme.hand_in(acme.reply(lea, invitation, "ACCEPTED"), lea["email"])["reason_code"] == "uid_unknown"
        assert globex.enrolment(session, lea)["status"] == "Invited" and globex.all("/inbound") == []
        assert globex.answer(lea, invitation, "ACCEPTED")["outcome"] == "applied"
        assert globex.enrolment(session, lea)["status"] == "Registered" and len(acme.all("/inbound")) == 1
        assert acme.all("/sessions") == acme.all("/learners") == []
