"""May this sender speak for this attendee: people who may, and people who may not."""

from __future__ import annotations

import pytest

from feedserver.imip.extract import read
from mail.trust import REASONS, Trust, assess, authentication
from tests.replies import CLIENTS, reply

UID, LEA, EVE = "u-128@training.localhost", "lea@corp.example", "eve@evil.example"
MX = "mx.example.net"


def judged(client="google", *, enrolled=LEA, results=(), change=(b"", b""), **more) -> Trust:
    names = ("attendee", "sender", "organizer", "comment")
    values = {"attendee": LEA, **{n: more.pop(n) for n in names if n in more}}
    headers = "".join(f"Authentication-Results: {r}\n" for r in results)
    mail = read(reply(client, uid=UID, headers=headers, **values).replace(*change))
    return assess(mail, mail.objects[0], mail.objects[0].attendees[0], enrolled=enrolled, **more)


@pytest.mark.parametrize("client", CLIENTS)
def test_lea_may_answer_for_herself_from_any_program(client):
    trust = judged(client)
    assert (trust.speaks, trust.reason_code) == (True, "trusted")


def test_the_case_of_an_address_does_not_matter():
    assert judged(attendee="Lea@Corp.Example", sender="LEA@corp.example").speaks


def test_somebody_else_does_not_answer_for_lea():
    trust = judged(sender=EVE)
    assert (trust.speaks, trust.reason_code, trust.ask) == (False, "from_mismatch", True)
    assert EVE in trust.reason and LEA in trust.reason


def test_an_invitation_that_was_passed_on_changes_nothing_for_lea():
    assert judged(attendee=EVE).reason_code == "attendee_mismatch"


def test_a_known_alias_answers_as_lea_and_an_unknown_one_is_asked_about():
    alias = "l.learner@corp-group.example"
    assert judged(attendee=alias, aliases={alias}).speaks
    assert judged(sender=alias, aliases={alias}).speaks
    assert (judged(attendee=alias).ask, judged(attendee=alias).speaks) == (True, False)


def test_the_calendar_server_of_the_house_answers_for_its_people_once_it_is_trusted():
    noreply = "noreply@cloud.corp.example"
    assert not judged("sabre", sender=noreply).speaks
    assert judged("sabre", sender=noreply, trusted_senders={noreply}).reason_code == "trusted_sender"
    assert not judged("sabre", sender=noreply, attendee=EVE, trusted_senders={noreply}).speaks


def test_an_assistant_answers_only_after_somebody_approved_it():
    sent_by = (b"PARTSTAT=", b'SENT-BY="mailto:amy@corp.example";PARTSTAT=')
    assert judged("sabre", sender="amy@corp.example", change=sent_by).reason_code == "delegate_unapproved"
    assert judged("sabre", change=sent_by).reason_code == "delegate_unapproved"
    assert judged("sabre", sender="amy@corp.example", change=sent_by, delegates={"amy@corp.example"}).speaks


@pytest.mark.parametrize("header, problem", [
    (b"Lea Learner <lea@corp.example>, x@y.example", "from_ambiguous"), (b"lea@corp.example <eve@evil.example>", "from_ambiguous"),
    (b"", "from_missing"), (b"lea", "from_unreadable"),
])  # fmt: skip
def test_a_sender_that_can_be_read_in_two_ways_is_nobody(header, problem):
    assert judged("sabre", change=(b"Lea Learner <lea@corp.example>\r\nMIME", header + b"\r\nMIME")).reason_code == problem


def test_two_answers_in_one_mail_are_none():
    assert judged("sabre", change=(b"PARTSTAT=", b"PARTSTAT=DECLINED;PARTSTAT=")).reason_code == "partstat_twice"
    twice = reply("thunderbird", uid=UID, attendee=LEA)
    mail = read(twice.replace(b"PARTSTAT=ACCEPTED", b"PARTSTAT=DECLINED", 1))
    assert assess(mail, mail.objects[0], mail.objects[0].attendees[0], enrolled=LEA).reason_code == "conflicting_parts"


@pytest.mark.parametrize("organizer, noted", [("training@localhost", "same"), ("other@x.example", "foreign")])
def test_a_foreign_organizer_is_only_noted(organizer, noted):
    trust = judged(organizer=organizer)
    mail = read(reply("google", uid=UID, attendee=LEA, organizer=organizer))
    trust = assess(mail, mail.objects[0], mail.objects[0].attendees[0], enrolled=LEA, organizer="training@localhost")
    assert (trust.speaks, trust.evidence["organizer"]) == (True, noted)


@pytest.mark.parametrize("results, speaks, found", [
    ([f"{MX}; dmarc=pass header.from=corp.example"], True, "pass"),
    ([f"{MX}; dkim=pass header.d=corp.example"], True, "pass"),
    ([f"{MX}; dmarc=fail header.from=corp.example"], False, "fail"),
    ([f"{MX}; dmarc=permerror header.from=corp.example"], False, "fail"),
    ([f"{MX}; dmarc=fail header.from=corp.example; dkim=pass header.d=google.com"], True, "fail"),
    ([f"{MX}; dmarc=fail header.from=corp.example; dkim=fail header.d=google.com"], False, "fail"),
    ([f"{MX}; dmarc=fail header.from=corp.example; dkim=pass header.d=notgoogle.com"], False, "fail"),
    ([f"{MX}; dmarc=none; dkim=none"], True, "none"),
    ([f"{MX}; none"], True, "none"),
    ([f"{MX.upper()} 1; dmarc=fail header.from=corp.example"], False, "fail"),
    ([f'"{MX}"; dmarc=fail header.from=corp.example'], False, "fail"),
    ([f"{MX} (we); dmarc=fail (p=none) header.from=corp.example"], False, "fail"),
    ([f'{MX}; spf=pass smtp.mailfrom="a;dmarc=pass"@b.example; dmarc=fail'], False, "fail"),
    ([f"{MX}; dmarc=fail", f"{MX}; dmarc=pass header.from=corp.example"], False, "fail"),
    ([f"evil.example; dmarc=pass ({MX})", f"{MX}; dmarc=fail"], False, "fail"),
    ([f"x{MX}; dmarc=fail", f"{MX}.evil.example; dmarc=fail"], True, "missing"),
    ([f"{MX}; dmarc=pass header.from=evil.example"], True, "none"),
    (["garbage"], True, "missing"),
    ([], True, "missing"),
])  # fmt: skip
def test_what_our_own_mail_server_says_counts_and_nobody_elses(results, speaks, found):
    trust = judged("sabre", results=results, authserv_id=MX)
    assert (trust.speaks, trust.evidence["authentication"]) == (speaks, found)


def test_without_a_server_of_ours_no_result_is_believed():
    assert judged("sabre", results=[f"{MX}; dmarc=fail"]).speaks


def test_googles_signature_counts_only_on_what_google_sent():
    results = [f"{MX}; dmarc=fail; dkim=pass header.d=google.com"]
    assert judged(results=results, authserv_id=MX, envelope_from="3a@calendar-server.bounces.google.com").speaks
    assert not judged(results=results, authserv_id=MX, envelope_from="eve@google.com.evil.example").speaks


def test_ten_thousand_brackets_in_a_result_are_no_result():
    mail = read(reply("sabre", uid=UID, attendee=LEA, headers=f"Authentication-Results: {MX}; {'(' * 7000}\n"))
    assert authentication(mail, MX).result == "none"


def test_every_reason_is_a_sentence():
    assert all(words.endswith(".") for words, _ in REASONS.values())
