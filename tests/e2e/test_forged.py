"""Replies that somebody else wrote change nothing, are all to be seen with a reason, and do not stand in the way of the real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .world import Sent, World

EVE, MX = "eve@evil.example", "mx.training.example"
FORGED_RESULT = f"Authentication-Results: {MX}; dmarc=fail header.from=corp.example\nAuthentication-Results: {MX}; dmarc=pass header.from=corp.example\n"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A product behind a mail server whose Authentication-Results it believes."""
    with World.open(tmp_path_factory.mktemp("guarded"), trusted_authserv_id=MX) as world:
        yield world


def from_line(new: str):
    """The same mail with another From."""
    return lambda raw, lea: raw.replace(f"From: Lea Learner <{lea['email']}>".encode(), new.format(lea=lea["email"]).encode(), 1)


def line(old: str, new: str):
    """The same mail with another line in its calendar part."""
    return lambda raw, lea: raw.replace(old.encode(), new.format(lea=lea["email"]).encode(), 1)


# what: (values of the reply, what is changed in its octets, outcome, code of the reason)
FORGERIES = {
    "another sender": ({"sender": EVE}, None, "quarantined", "from_mismatch"),
    "another attendee": ({"attendee": EVE}, None, "quarantined", "attendee_mismatch"),
    "an unknown UID": ({"uid": "0123456789abcdef0123456789abcdef@localhost"}, None, "rejected", "uid_unknown"),
    "the UID alone without an attendee": ({}, line("ATTENDEE;", "X-ATTENDEE;"), "quarantined", "attendee_missing"),
    "two senders in one From": ({}, from_line(f"From: Lea Learner <{{lea}}>, {EVE}"), "quarantined", "from_ambiguous"),
    "two From fields": ({}, from_line(f"From: {EVE}\r\nFrom: Lea Learner <{{lea}}>"), "quarantined", "from_ambiguous"),
    "her address as a name": ({}, from_line(f"From: \"{{lea}}\" <{EVE}>"), "quarantined", "from_mismatch"),
    "no From at all": ({}, from_line("X-From: {lea}"), "quarantined", "from_missing"),
    "two attendees": ({}, line("ATTENDEE;", f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{EVE}\r\nATTENDEE;"), "quarantined", "attendee_multiple"),
    "on behalf of her": ({"sender": EVE}, line("ATTENDEE;", f"ATTENDEE;SENT-BY=\"mailto:{EVE}\";"), "quarantined", "delegate_unapproved"),
    "two answers": ({}, line("PARTSTAT=DECLINED", "PARTSTAT=DECLINED;PARTSTAT=ACCEPTED"), "quarantined", "partstat_twice"),
    "an answer to what was never sent": ({"sequence": 7}, None, "quarantined", "future_sequence"),
    "a cancellation from outside": ({}, lambda raw, lea: raw.replace(b"REPLY", b"CANCEL"), "rejected", "cancel"),
    "an invitation from outside": ({}, lambda raw, lea: raw.replace(b"REPLY", b"REQUEST"), "rejected", "request"),
    "a proposal that says Yes": ({"partstat": "ACCEPTED"}, lambda raw, lea: raw.replace(b"REPLY", b"COUNTER"), "quarantined", "counter"),
    "a domain that did not sign": ({"headers": f"Authentication-Results: {MX}; dmarc=fail header.from=corp.example\n"}, None, "quarantined", "auth_fail"),
    "a forged result below ours": ({"headers": FORGED_RESULT}, None, "quarantined", "auth_fail"),
}  # fmt: skip


def invited(world: World) -> tuple[dict, dict, Sent]:
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea)
    (invitation,) = world.mails(lea, 1)
    return lea, session, invitation


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_reply_changes_nothing_and_the_real_one_works(guarded, forgery):
    changes, alter, outcome, code = FORGERIES[forgery]
    lea, session, invitation = invited(guarded)
    before = guarded.enrolment(session, lea)
    raw = guarded.reply(lea, invitation, **{"partstat": "DECLINED", "client": "sabre", **changes})
    forged = alter(raw, lea) if alter else raw
    assert forged != raw or changes
    said = guarded.hand_in(forged, EVE)
    assert (said["outcome"], said["reason_code"]) == (outcome, code), said
    assert said["id"] in [m["id"] for m in guarded.all(f"/inbound?outcome={outcome}")] and said["reason"].endswith(".")
    assert guarded.enrolment(session, lea) == before
    assert guarded.answer(lea, invitation, "ACCEPTED", "sabre")["outcome"] == "applied"


def test_the_uid_of_another_organisation_opens_nothing(guarded):
    other = guarded.organisation("Globex", "school@globex.example")
    lea, session, invitation = invited(other)
    said = guarded.hand_in(guarded.reply(lea, invitation, "DECLINED", organizer=other.mailbox), lea["email"])
    assert (said["outcome"], said["reason_code"]) == ("rejected", "uid_unknown")
    assert other.enrolment(session, lea)["status"] == "Invited"


def test_what_was_held_back_counts_once_an_administrator_says_so(guarded):
    lea, session, invitation = invited(guarded)
    held = guarded.answer(lea, invitation, "ACCEPTED", sender="lea.private@home.example")
    assert held["outcome"] == "quarantined" and guarded.enrolment(session, lea)["status"] == "Invited"
    applied = guarded.call("POST", f"/inbound/{held['id']}/apply")
    assert (applied["outcome"], guarded.enrolment(session, lea)["status"]) == ("applied", "Registered")
    guarded.call("POST", f"/inbound/{held['id']}/apply", status=409)


def test_what_was_held_back_is_put_aside(guarded):
    lea, session, invitation = invited(guarded)
    held = guarded.answer(lea, invitation, "DECLINED", sender=EVE)
    gone = guarded.call("POST", f"/inbound/{held['id']}/discard")
    assert gone["outcome"] == "rejected" and guarded.enrolment(session, lea)["status"] == "Invited"
    guarded.call("POST", f"/inbound/{held['id']}/apply", status=409)
