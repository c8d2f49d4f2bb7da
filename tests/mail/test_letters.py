"""What people write to the mailbox reaches a person, once and in no circle; what machines write reaches nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import update

from feedserver.services import bouncing, forwarding, today
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import Delivery, message_id
from tests import replies
from tests.support.world import MAILBOX, Mail, World

CONTACT = "office@acme.example"


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    one = World(sqlite_url)
    one.do(lambda work: work.db.execute(update(Organisation).values(contact_email=CONTACT)))
    yield one
    one.close()


def writes(world: World, sender: str = "lea@corp.example", *, headers: str = "", text: str = "", box: str = MAILBOX) -> InboundMessage:
    return world.receive(replies.message("human", uid="x", attendee=sender, comment=text, headers=headers), box)


def passed_on(world: World) -> list[Mail]:
    world.mails()
    found = [mail for mail in world.notices if mail.kind == "forwarded"]
    world.notices.clear()
    return found


def of_invitation(world: World) -> str:
    (sent,) = world.deliveries(Delivery.kind == "invite")
    return f"In-Reply-To: <{message_id(sent.id, sent.dtstamp, sent.sender)}>\n"


def test_i_am_ill_reaches_the_contact_with_who_wrote_it_and_about_what(world):
    session = world.session("Lea")
    world.mails()
    got = writes(world, headers=of_invitation(world), text="Fever <b>since</b> Monday.")
    assert (got.outcome, got.learner_id) == ("human", world.people["Lea"]) and CONTACT in got.reason
    assert got.enrolment_id == world.enrolment(session, "Lea").id and world.status(session, "Lea") == "Invited"
    (mail,) = passed_on(world)
    parts = message_from_bytes(mail.raw, policy=policy.default)
    assert mail.to == CONTACT and parts["Reply-To"].addresses[0].addr_spec == MAILBOX and parts["In-Reply-To"] is None
    assert "Lea (lea@corp.example) wrote this" in mail.words and "> Fever <b>since</b> Monday." in mail.words
    html = parts.get_body(("html",)).get_content()
    assert "&lt;b&gt;since&lt;/b&gt;" in html and "mailto:lea@corp.example?subject=Re" in html and "/my/" not in mail.words


def test_who_writes_from_another_address_is_passed_on_but_not_taken_for_the_learner(world):
    world.session("Lea")
    world.mails()
    got = writes(world, "lea.private@mail.example", headers=of_invitation(world))
    assert (got.learner_id, got.enrolment_id) == (None, None) and len(passed_on(world)) == 1


@pytest.mark.parametrize("headers", [
    "Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "X-Autoreply: yes\n", "X-MS-Exchange-Inbox-Rules-Loop: a@b\n", "X-Apple-Action: VACATION\n",
])  # fmt: skip
def test_what_a_machine_wrote_is_passed_on_to_nobody(world, headers):
    world.session("Lea")
    assert writes(world, headers=headers).outcome == "auto_reply" and passed_on(world) == []


def test_out_of_office_is_no_answer_even_with_the_invitation_in_it_and_a_real_reply_is_one(world):
    session = world.session("Lea")
    first = world.mail()
    away = first.raw.replace(b"Auto-Submitted: auto-generated", b"Auto-Submitted: auto-replied").replace(
        b"Message-ID: <", b"Message-ID: <away."
    )
    assert world.receive(away).outcome == "auto_reply" and passed_on(world) == [] and world.status(session, "Lea") == "Invited"
    assert world.answer(first, client="google", headers="Auto-Submitted: auto-replied\n").outcome == "applied"


def test_mail_runs_in_no_circle(world):
    writes(world)
    (first,) = world.deliveries(Delivery.kind == "forwarded")
    ours = f"In-Reply-To: <{message_id(first.id, first.dtstamp, first.sender)}>\n"
    assert writes(world, CONTACT).outcome == "human"
    assert writes(world, "tickets@acme.example", headers=ours).outcome == "human"
    assert writes(world, MAILBOX).reason_code == "own_mail"
    assert writes(world, box="training+b-1-aaaaaaaaaaaaaaaaaaaaaaaaaa@localhost").reason_code == "to_bounce_address"
    assert len(passed_on(world)) == 1


def test_a_machine_that_looks_like_a_person_is_passed_on_ten_times_a_day(world):
    for _ in range(forwarding.MOST_A_DAY + 1):
        got = writes(world)
    assert len(passed_on(world)) == forwarding.MOST_A_DAY and "may be a machine" in got.reason
    world.moment += timedelta(days=1, seconds=1)
    assert writes(world).outcome == "human" and len(passed_on(world)) == 1


def test_without_a_contact_it_waits_and_stays_on_today_until_it_is_read(world):
    world.do(lambda work: work.db.execute(update(Organisation).values(contact_email=None)))
    got = writes(world)
    assert "no contact address" in got.reason and passed_on(world) == []
    assert [one.id for one in world.look(today.look).letters.first] == [got.id]
    world.do(lambda work: forwarding.mark_read(work, got.id))
    assert world.look(today.look).letters.number == 0


def test_the_contact_whose_mailbox_is_gone_marks_no_learner(world):
    world.session("Lea")
    writes(world)
    (mail,) = world.deliveries(Delivery.kind == "forwarded")
    world.do(lambda work: bouncing.refused(work, mail.id, "hard_address", "550 5.1.1 no such user"))
    assert world.look(lambda work: work.db.get_one(Learner, world.people["Lea"]).address_problem) is None
