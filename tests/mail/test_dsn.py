"""What a refusal means for the address: the table of codes, the words, and real reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from feedserver.imip.extract import read
from mail.dsn import BounceClass, classify, classify_bounce
from tests.replies import message

CORPUS = Path(__file__).parents[2] / ".." / "shared/corpus"


@pytest.mark.parametrize("code, enhanced, text, expected", [
    (250, "2.1.5", "ok", "success"),
    (250, "", "ok", "success"),
    (550, "5.1.1", "User unknown", "hard_address"),
    (550, "5.1.10", "RecipientNotFound", "hard_address"),
    (550, "5.2.1", "mailbox disabled", "hard_address"),
    (550, "5.4.1", "Recipient address rejected: Access denied", "hard_address"),
    (550, "", "No such user here", "hard_address"),
    (550, "", "Requested action not taken: mailbox unavailable", "hard_address"),
    (550, "5.0.0", "recipient does not exist", "hard_address"),
    (452, "4.2.2", "mailbox full", "mailbox_full"),
    (552, "5.2.2", "over quota", "mailbox_full"),
    (552, "", "Mailbox full", "mailbox_full"),
    (452, "", "Quota exceeded", "mailbox_full"),
    (451, "4.3.0", "try again", "transient"),
    (450, "4.2.0", "greylisted", "transient"),
    (450, "4.1.1", "recipient unknown just now", "transient"),
    (450, "", "user unknown", "transient"),
    (550, "5.4.1", "no answer from host", "transient"),
    (552, "5.3.4", "too big", "too_big"),
    (552, "", "message size limit reached", "too_big"),
    (550, "5.7.1", "user unknown, it seems", "policy"),
    (421, "4.7.0", "rate limited", "policy"),
    (554, "", "Spam detected", "policy"),
    (550, "5.1.2", "Host or domain name not found", "routing"),
    (550, "5.1.2", "bad destination", "hard_address"),
    (554, "5.4.6", "Too many hops", "routing"),
    (554, "5.6.1", "media not supported", "content"),
    (550, "", "", "transient"),
    (599, "9.9.9", "who knows", "transient"),
    (0, "", "", "transient"),
])  # fmt: skip
def test_a_refusal_says_whose_fault_it_is(code, enhanced, text, expected):
    assert classify(code, enhanced, text) == expected


@pytest.mark.parametrize("action, expected", [("delayed", "delivery_delayed"), ("delivered", "success"), ("relayed", "success")])
def test_a_report_of_something_else_is_no_bounce(action, expected):
    report = message("bounce", uid="u1", attendee="lea@corp.example", action=action, status="4.4.1", diagnostic="timeout")
    assert classify_bounce(read(report).bounce) == expected


def test_the_address_of_a_colleague_who_left_is_known_to_be_gone():
    report = message("bounce", uid="u1", attendee="lea@corp.example", status="5.0.0", diagnostic="550 5.0.0 user unknown")
    assert classify_bounce(read(report).bounce) is BounceClass.HARD_ADDRESS


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real messages is not beside the checkout")
def test_real_reports_fall_into_the_class_that_a_person_would_choose():
    expected = {
        "sisimai-lhost-exchange2007-01": "hard_address", "deltachat-ndn-with-attachment": "mailbox_full",
        "bluemind-undelivered-with-headers": "routing", "bounceparser-message-too-large": "too_big",
        "sisimai-lhost-exim-01": "policy", "sisimai-lhost-postfix-05": "transient", "bounceparser-qmail.unknown": "hard_address",
    }  # fmt: skip
    found = {name: classify_bounce(read((CORPUS / f"dsn/{name}.eml").read_bytes()).bounce) for name in expected}
    assert found == expected
