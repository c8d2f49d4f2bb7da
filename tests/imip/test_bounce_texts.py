"""Servers that say in words alone that a mail did not arrive, as many forms as there are makers; and people who only speak of it.

The forms stand in fixtures/bounce_texts.txt, written after what such servers send: maker, class, From ("<>": none), subject, then the words.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feedserver.imip.extract import read
from mail.dsn import classify_bounce

_FIXTURE = (Path(__file__).parents[1] / "fixtures/bounce_texts.txt").read_text("utf-8")
FORMS = [re.split(r" \| |\n", form, maxsplit=4) for form in _FIXTURE.split("==== ")[1:]]


def mail(sender: str, subject: str, text: str) -> bytes:
    top = "Return-Path: <>\r\nFrom: Mail System\r\n" if sender == "<>" else f"From: {sender}\r\n"
    head = f"{top}To: training@localhost\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return (head + text.format(to="lea@corp.example").replace("\n", "\r\n")).encode()


@pytest.mark.parametrize(("expected", "sender", "subject", "text"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_a_server_that_only_has_words_is_understood_and_a_person_is_a_person(expected, sender, subject, text):
    incoming = read(mail(sender, subject, text))
    assert (classify_bounce(incoming.bounce) if incoming.bounce else incoming.kind) == expected


def test_there_are_fifty_of_them():
    assert len(FORMS) >= 55


def test_the_number_of_a_version_is_no_status():
    words = "This message was created automatically by mail delivery software.\n{to}: Mailman v2.0.13 ate it"
    assert classify_bounce(read(mail("MAILER-DAEMON@mx.example", "Mail delivery failed", words)).bounce) == "transient"
