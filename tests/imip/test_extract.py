"""A mail arrives: what it is, who sent it, what it says. Seventeen programs, the corpus, and the forms made to hurt."""

from __future__ import annotations

import base64
import csv
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedserver.imip.extract import read
from feedserver.imip.fields import parameters
from feedserver.imip.incoming import KINDS, Incoming
from feedserver.imip.senders import sender_of
from tests.replies import CLIENTS, START, message, reply

UID, LEA = "4f0c2a9be1d64a7a9c1c9a2d5e3b7f10@training.localhost", "lea@corp.example"
SHARED = Path(__file__).parents[2] / ".." / "shared"
CORPUS, SAMPLES = SHARED / "corpus", SHARED / "interop/samples/replies"


@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED", "TENTATIVE"])
@pytest.mark.parametrize("client", CLIENTS)
def test_lea_answers_from_any_program_and_is_understood(client, partstat):
    mail = read(reply(client, uid=UID, attendee=LEA, partstat=partstat, sequence=3, cn="Léa Ångström"))
    one = mail.objects[0]
    assert (mail.kind, mail.sender, one.method, one.uid) == ("reply", LEA, "REPLY", UID)
    assert [(a.address, a.partstat) for a in one.attendees] == [(LEA, partstat)]
    assert one.sequence == (None if client == "activesync" else 3)
    assert one.dtstart in (int(START.timestamp()), None)
    assert not {"conflicting_parts", "malformed_line"} & {*mail.defects, *one.defects}


def test_a_comment_reaches_the_organiser_from_where_each_program_puts_it():
    for client in ("google", "exchange", "apple_ios", "thunderbird", "nextcloud_web", "zimbra"):
        assert "train is late" in read(reply(client, uid=UID, attendee=LEA, comment="My train is late")).objects[0].comment


@given(st.lists(st.sampled_from(["charset", "METHOD", "utf-8", "REPLY", *';;;===" *0\\(%,\t']), max_size=14).map("".join))
def test_parameters_are_what_the_library_says_they_are(written):
    part = Message()
    part["Content-Type"] = f"text/calendar; {written}"
    first = [
        next((value for key, value in given if key.lower() == name), None)
        for given in (parameters(part), part.get_params())
        for name in ("charset", "method")
    ]
    assert first[:2] == first[2:]


def test_twin_parts_count_once_and_two_dates_of_one_mail_twice():
    assert len(read(reply("google", uid=UID, attendee=LEA)).objects) == 1
    assert [o.attendees[0].partstat for o in read(reply("cyrus", uid=UID, attendee=LEA)).objects] == ["ACCEPTED", "NEEDS-ACTION"]


def test_parts_that_contradict_each_other_are_noted():
    raw = reply("thunderbird", uid=UID, attendee=LEA)
    first, _, second = raw.partition(b"application/ics")
    assert "conflicting_parts" in read(first + b"application/ics" + second.replace(b"ACCEPTED", b"DECLINED")).defects


@pytest.mark.parametrize("name, kind", [
    ("google_counter", "counter"), ("refresh", "refresh"), ("attendee_cancel", "cancel"), ("forwarded_request", "request"),
    ("bounce", "bounce"), ("out_of_office", "auto_reply"), ("human", "human"),
])  # fmt: skip
def test_what_is_no_reply_is_told_apart(name, kind):
    assert read(message(name, uid=UID, attendee=LEA)).kind == kind


def test_a_counter_is_a_counter_whatever_the_mime_type_says():
    mail = read(message("google_counter", uid=UID, attendee=LEA))
    assert (mail.kind, "method_mismatch" in mail.defects) == ("counter", True)


def test_a_bounce_says_who_why_and_which_of_our_mails():
    bounce = read(message("bounce", uid=UID, attendee=LEA, status="5.2.2", diagnostic="552 5.2.2 mailbox full")).bounce
    assert (bounce.recipient, bounce.action, bounce.status, bounce.diagnostic) == (LEA, "failed", "5.2.2", "552 5.2.2 mailbox full")
    assert (bounce.message_id, bounce.uid) == ("<invite-1@training.example>", UID)


def test_somebody_who_is_ill_is_read_by_a_person():
    mail = read(message("human", uid=UID, attendee=LEA))
    assert mail.text.startswith("I am ill") and mail.subject == "Re: Invitation: Fire safety basics"


def test_a_page_of_markup_is_read_as_its_words():
    raw = FROM + b"Content-Type: text/html\r\n\r\n<html><style>p {x}</style><p>I am <b>ill</b> &amp; sorry</p><script>y</script>"
    assert read(raw).text.split() == ["I", "am", "ill", "&", "sorry"]


def test_it_goes_through_json_and_comes_back_the_same():
    for raw in (reply("google", uid=UID, attendee=LEA), message("bounce", uid=UID, attendee=LEA), b"\xff\x00"):
        assert Incoming.from_json(read(raw).to_json()) == read(raw)


@pytest.mark.parametrize("value, address", [
    ("lea@corp.example", LEA), ("<lea@corp.example>", LEA), ("Lea <lea@CORP.example>", LEA), ("lea@corp.example (Lea)", LEA),
    ('"Learner, Lea" <lea@corp.example>', LEA), ("'lea@corp.example' <lea@corp.example>", LEA),
    ("=?utf-8?q?L=C3=A9a?=\r\n <lea@corp.example>", LEA), ("Lea (work) <lea@corp.example>", LEA),
    ('"lea@corp.example" <eve@evil.example>', "eve@evil.example"),
    ("", "from_missing"), ("lea@corp.example <eve@evil.example>", "from_ambiguous"),
    ("<lea@corp.example> <eve@evil.example>", "from_ambiguous"), ("lea@corp.example)eve@evil.example", "from_ambiguous"),
    ("lea@corp.example(eve@evil.example)", "from_ambiguous"), ("lea@corp.example, eve@evil.example", "from_ambiguous"),
    ("Group: lea@corp.example;", "from_ambiguous"), ("lea@corp.example eve@evil.example", "from_ambiguous"),
    ("lea@corp.example\x00@evil.example", "from_ambiguous"), ("Lea <lea@corp.example", "from_ambiguous"),
    ("(" * 2000 + "lea@corp.example", "from_ambiguous"), ("x" * 9000 + " <lea@corp.example>", "from_ambiguous"),
    ("=?utf-8?q?lea=40corp.example?=", "from_unreadable"), ('"lea@corp.example"@evil.example', "from_ambiguous"),
    ("lea@[127.0.0.1]", "from_unreadable"), ("<>", "from_unreadable"), ("Lea <lea@corp.example> x", "from_ambiguous"),
])  # fmt: skip
def test_a_sender_is_one_address_that_everybody_reads_alike_or_none(value, address):
    mail = read(b"From: " + value.encode() + b"\r\nSubject: x\r\n\r\nhello")
    assert (mail.sender or mail.sender_problem) == address


def test_two_from_fields_are_nobody():
    assert sender_of([b" lea@corp.example", b" lea@corp.example"]).problem == "from_ambiguous"


def test_a_subject_cannot_smuggle_a_header_or_turn_the_line_around():
    mail = read("From: a@b.example\r\nSubject: =?utf-8?q?x=0D=0ABcc:_eve@evil.example?= \u202eabc\r\n\r\n".encode())
    assert mail.subject == "x Bcc: eve@evil.example abc"


def parts(count: int, kind: str = "text/plain") -> bytes:
    return (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + f"--b\r\nContent-Type: {kind}\r\n\r\nx\r\n".encode() * count + b"--b--\r\n"
    )


def nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))


FROM = b"From: lea@corp.example\r\n"
BOMBS = {
    "3 MB": (FROM + b"\r\n" + b"x" * 3_000_000, "message_too_large"),
    "header of 1 MB": (FROM + b"X-A: b\r\n" * 130_000 + b"\r\nx", "header_too_large"),
    "20,000 fields": (FROM + b"A:b\r\n" * 20_000 + b"\r\nx", "header_too_large"),
    "60 servers": (FROM + b"Received: x\r\n" * 60 + b"\r\nx", "loop"),
    "100,000 parts": (FROM + parts(50_000), "too_many_parts"),
    "150 parts": (FROM + parts(150), "too_many_parts"),
    "depth 30": (FROM + nested(30), "too_deep"),
    "depth 2,000": (FROM + nested(2000), "too_deep"),
    "2,000 mails in mails": (FROM + b"Content-Type: message/rfc822\r\n\r\n" * 2000, "too_deep"),
    "50,000 parameters": (FROM + b"Content-Type: text/calendar" + b"; a=b" * 50_000 + b"\r\n\r\nx", "field_too_large"),
    "parameters in a part": (FROM + parts(1, "text/plain" + "; a=b" * 5000), "field_too_large"),
    "boundary of 10 kB": (FROM + b"Content-Type: multipart/mixed; boundary=" + b"b" * 10_000 + b"\r\n\r\nx", "field_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_mail_made_to_hurt_is_broken_with_a_reason_and_its_sender_is_kept(name):
    raw, limit = BOMBS[name]
    mail = read(raw)
    assert (mail.kind, mail.limits[-1], mail.sender) == ("broken", limit, LEA)
    assert mail.reason.endswith(".")


def test_a_subject_of_100000_words_costs_nothing_and_the_answer_still_counts():
    raw = reply("google", uid=UID, attendee=LEA).replace(b"Subject: ", b"Subject: " + b"=?utf-8?q?x?= " * 10_000)
    mail = read(raw)
    assert (mail.kind, mail.limits) == ("reply", ("subject_cut",))


def test_headers_that_microsoft_makes_long_do_not_lose_an_answer():
    raw = reply("exchange", uid=UID, attendee=LEA, headers="X-Microsoft-Antispam-Message-Info: " + "a" * 40_000 + "\n")
    assert read(raw).objects[0].attendees[0].partstat == "ACCEPTED"


@pytest.mark.parametrize("change, kind", [
    ((b"METHOD:REPLY\r\n", b""), "broken"), ((b"METHOD:REPLY", b"METHOD:REPLY\r\nMETHOD:CANCEL"), "broken"),
    ((b"METHOD:REPLY", b"METHOD:FOO"), "broken"), ((b"END:VCALENDAR", b""), "broken"), ((b"METHOD:REPLY", b"METHOD:reply"), "reply"),
    ((b"; method=REPLY", b""), "reply"), ((b"; method=REPLY", b"; method=REQUEST"), "reply"),
    ((b"text/calendar", b"application/ics"), "reply"), ((b"text/calendar", b"application/octet-stream; name=a.ics"), "human"),
    ((b"text/calendar", b"text/plain"), "human"), ((b"MIME-Version", b"Content-Transfer-Encoding: nonsense\r\nMIME-Version"), "reply"),
])  # fmt: skip
def test_the_body_decides_what_it_is(change, kind):
    mail = read(reply("sabre", uid=UID, attendee=LEA).replace(*change))
    assert (mail.kind, bool(mail.reason)) == (kind, kind == "broken")


def test_a_reply_inside_a_mail_that_is_forwarded_as_attachment_is_for_a_person():
    raw = b"From: bob@corp.example\r\nContent-Type: message/rfc822\r\n\r\n" + reply("sabre", uid=UID, attendee=LEA)
    assert (read(raw).kind, read(raw).objects) == ("human", ())


def test_winmail_dat_is_shown_to_a_person_by_name():
    raw = FROM + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"x" * 99)
    assert (read(raw).kind, read(raw).defects) == ("human", ("winmail_dat",))


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\n\r\n", b"hello", b"\x00" * 99, b":\r\n"])
def test_what_is_no_mail_is_broken(raw):
    assert read(raw).kind == "broken"


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_no_bytes_ever_raise(noise):
    assert read(noise).kind in KINDS
    assert read(b"From: a@b.example\r\nContent-Type: " + noise + b"\r\n\r\n" + noise).kind in KINDS


@given(st.data())
@settings(max_examples=150)
def test_a_real_reply_with_any_bytes_changed_never_raises(data):
    raw = bytearray(reply(data.draw(st.sampled_from(CLIENTS)), uid=UID, attendee=LEA))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=12)):
        raw[at] = data.draw(st.integers(0, 255))
    mail = read(bytes(raw))
    assert mail.kind in KINDS and "parser_failed" not in mail.limits


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real messages is not beside the checkout")
def test_every_message_that_programs_really_sent_has_a_kind():
    expected = {"reply": {"reply"}, "request": {"request"}, "dsn": {"bounce", "complaint", "human"}, "counter": {"counter", "broken"}}
    for path in sorted(CORPUS.glob("*/*.eml")):
        mail = read(path.read_bytes())
        assert mail.kind in expected.get(path.parent.name, KINDS), path.name
        assert "parser_failed" not in mail.limits, path.name


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real messages is not beside the checkout")
def test_every_reply_that_programs_really_sent_says_what_its_catalogue_says():
    known = {row["file"]: row for row in csv.DictReader((CORPUS / "manifest.csv").open(encoding="utf-8"))}
    for path in sorted((CORPUS / "reply").iterdir()):
        wrapped = b"From: a@b.example\r\nContent-Type: text/calendar; method=REPLY\r\n\r\n"
        mail = read((b"" if path.suffix == ".eml" else wrapped) + path.read_bytes())
        said = {a.partstat for one in mail.objects for a in one.attendees if a.address and a.partstat}
        row = known[f"reply/{path.name}"]
        assert mail.kind == "reply", path.name
        # The two of ccs name people by paths of their server, which are no addresses.
        assert said == ({*row["partstat"].split(",")} - {""}) or path.name.startswith("ccs-"), path.name


@pytest.mark.skipif(not SAMPLES.exists(), reason="the replies of the four programs are not beside the checkout")
def test_replies_that_four_programs_wrote_here_are_understood():
    for path in sorted(SAMPLES.glob("*.eml")):
        mail = read(path.read_bytes())
        assert path.stem.rpartition("-")[2].rstrip("0123456789T") in {o.attendees[0].partstat for o in mail.objects} | {"TENTATIVE"}
        assert mail.kind == "reply" and mail.objects[0].attendees[0].address == "learner@corp.example"
