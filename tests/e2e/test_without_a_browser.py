"""A company without browsers: everybody has a mail program that shows no buttons, and nothing else.

The administrator sets up the courses by the API. From then on people speak SMTP alone: they read what the relay took, and send plain mails.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest

from tests.support.product import poll

from .world import MAILBOX, Sent, World

LINK = re.compile(r"(\S+): mailto:training@localhost\?subject=(\S+)")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World.open(tmp_path_factory.mktemp("company"), settle_seconds=0) as world:
        yield world


def person(company: World, name: str, **fields: str) -> str:
    """Somebody who gets mail alone; their address."""
    return company.learner(name, channel="mail", **fields)["email"]


def inbox(company: World, address: str, number: int) -> Sent:
    """The mail with this number in somebody's inbox, from 1, once it has come; everything before it has been read."""

    def found() -> list[Sent]:
        return [Sent(one) for one in list(company.relay.messages) if one.recipients == [address]]

    poll(lambda: len(found()) >= number, lambda: f"{address} has {[m.subject for m in found()]}")
    assert len(found()) == number, [m.subject for m in found()]
    return found()[-1]


def send(company: World, sender: str, subject: str, text: str = "") -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, MAILBOX, subject
    mail.set_content(text)
    with smtplib.SMTP("127.0.0.1", company.product.smtp_port, timeout=30) as smtp:
        assert smtp.send_message(mail, sender, [MAILBOX]) == {}


def follow(company: World, sender: str, mail: Sent, word: str) -> None:
    """Press a link: a mail opens and is sent as it is."""
    send(company, sender, next(unquote(subject) for label, subject in LINK.findall(mail.text) if label == word))


def answer(company: World, sender: str, mail: Sent, text: str) -> None:
    """Press "reply" and write above what is quoted."""
    quoted = "".join(f"> {line}\n" for line in mail.text.splitlines())
    send(company, sender, f"Re: {mail.subject}", f"{text}\n\nTraining wrote:\n{quoted}")


def test_register_approve_offer_and_answer(company):
    boss = "boss@corp.example"
    lea, tom = (person(company, name, manager_email=boss) for name in ("Lea", "Tom"))
    session = company.session(title="Forklift", capacity=1, waiting_list=True, approval_required=True)

    send(company, lea, "Courses")
    follow(company, lea, inbox(company, lea, 1), "Register")
    assert inbox(company, lea, 2).subject == "Waiting for approval: Forklift"
    follow(company, boss, inbox(company, boss, 1), "Approve")
    invitation = inbox(company, lea, 3)
    assert invitation.subject == "Invitation: Forklift" and "You have approved it." in inbox(company, boss, 2).text

    send(company, tom, "", "courses")
    answer(company, tom, inbox(company, tom, 1), "Register")
    assert inbox(company, tom, 2).subject == "Waiting for approval: Forklift"
    answer(company, boss, inbox(company, boss, 3), "Approve")
    assert "number 1 on the waiting list" in inbox(company, tom, 3).text and inbox(company, boss, 4).subject.startswith("Decided")

    answer(company, lea, invitation, "No")
    assert inbox(company, lea, 4).subject == "You gave up your seat: Forklift"
    offer = inbox(company, tom, 4)
    assert offer.subject == "A seat is free for you: Forklift"
    answer(company, tom, offer, "Yes, please")
    assert "You are registered." in inbox(company, tom, 5).text
    assert {e["email"]: e["status"] for e in company.all(f"/sessions/{session['id']}/enrolments")} == {lea: "Declined", tom: "Registered"}


def test_the_roster_goes_out_and_attendance_comes_back(company):
    tina = "tina@corp.example"
    anna, ben = person(company, "Anna"), person(company, "Ben")
    begins = datetime.now(BERLIN).replace(tzinfo=None, microsecond=0) + timedelta(seconds=12)  # the roster and an answer to it before that
    ends = begins + timedelta(seconds=1)
    people = {one["email"]: one for one in company.all("/learners")}
    session = company.session_of(
        [people[anna], people[ben]], title="First aid", start=begins.isoformat(), end=ends.isoformat(), instructors=[tina]
    )
    roster = inbox(company, tina, 1)
    assert roster.subject == "Who comes: First aid" and "[ ] 1 Anna Learner" in roster.text
    answer(company, tina, roster, "all")
    assert "not over yet" in inbox(company, tina, 2).text
    poll(lambda: datetime.now(BERLIN).replace(tzinfo=None) > ends, lambda: "the session is not over")
    after = inbox(company, tina, 3)
    assert after.subject == "Who was there? First aid"
    answer(company, tina, after, "all but 2")
    read = inbox(company, tina, 4).text
    assert "There: Anna Learner" in read and "Not there: Ben Learner" in read
    found = {e["email"]: e["status"] for e in company.all(f"/sessions/{session['id']}/enrolments")}
    assert found == {anna: "Attended", ben: "Absent"}
