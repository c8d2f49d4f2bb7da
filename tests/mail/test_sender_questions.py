"""A good UID and a strange sender: the enrolled person is asked once, and what they say holds."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from feedserver.errors import Conflict
from feedserver.services import asking, knowing, rejudging
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner, LearnerAlias
from feedserver.store.verdicts import SenderQuestion, VerdictRow
from tests.support.world import World

HOME, EVE, AMY = "lea@home.example", "eve@evil.example", "amy@corp.example"


def asked(world: World) -> list:
    """The questions that reached anybody."""
    world.mails()
    return [mail for mail in world.notices if mail.kind == "confirm_sender"]


def say(world: World, mail, mine: bool) -> InboundMessage:
    """Press a button on the page that the mail leads to."""
    token = re.search(r"/confirm/(\S+)", mail.words)[1]
    with world.database.read() as db:
        question = asking.question_of(db, token).id
    return world.do(lambda work: asking.answer(work, question, mine), f"learner:{world.people['Lea']}")


def message(world: World, one: InboundMessage) -> InboundMessage:
    return world.look(lambda work: work.db.get_one(InboundMessage, one.id))


def judge(world: World) -> None:
    while world.judging.once():
        pass


def test_lea_answers_from_home_says_that_it_was_her_and_is_known_from_then_on(anywhere):
    world = anywhere
    first, second = world.session("Lea"), world.session("Lea", title="First aid")
    one, other = world.mails()
    held, waiting = world.answer(one, "DECLINED", sender=HOME), world.answer(other, sender=HOME)
    (question,) = asked(world)
    assert question.to == "lea@corp.example" and HOME in question.words and "answer No" in question.words
    assert (held.outcome, world.status(first, "Lea")) == ("quarantined", "Invited") and "is asked whether" in held.reason
    assert say(world, question, True).outcome == "applied" and world.status(first, "Lea") == "Declined"
    judge(world)
    assert (message(world, waiting).outcome, world.status(second, "Lea")) == ("applied", "Registered")
    third = world.session("Lea", title="Third")
    assert world.answer(world.mail(), sender=HOME).outcome == "applied" and world.status(third, "Lea") == "Registered"


def test_eve_is_denied_and_later_mails_of_hers_wait_without_a_question(world):
    session = world.session("Lea")
    one = world.mail()
    held = world.answer(one, "DECLINED", sender=EVE)
    say(world, *asked(world), False)
    assert (message(world, held).outcome, message(world, held).reason_code) == ("quarantined", "sender_denied")
    again = world.answer(one, "DECLINED", sender=EVE)
    assert "said before that it was not them" in again.reason and len(asked(world)) == 1
    assert world.status(session, "Lea") == "Invited" and world.answer(one).outcome == "applied"


def test_what_is_settled_cannot_be_settled_again(world):
    world.session("Lea")
    world.answer(world.mail(), sender=EVE)
    (question,) = asked(world)
    say(world, question, False)
    with pytest.raises(Conflict):
        say(world, question, True)
    assert world.count(LearnerAlias) == 0


def test_whoever_has_the_invitation_cannot_make_us_write_more_than_three_mails_a_day(world):
    world.session("Lea")
    one = world.mail()
    for number in range(6):
        world.answer(one, sender=f"eve{number}@evil.example")
    assert len(asked(world)) == 3 and {mail.to for mail in asked(world)} == {"lea@corp.example"}
    world.moment += timedelta(days=1, minutes=1)
    world.answer(one, sender="eve9@evil.example")
    assert len(asked(world)) == 4


def test_a_machine_that_answers_by_itself_is_asked_about_by_nobody(world):
    world.session("Lea")
    one = world.mail()
    for header in ("Auto-Submitted: auto-replied\n", "Return-Path: <>\n"):
        assert world.answer(one, sender=EVE, client="sabre", headers=header).outcome == "quarantined"
    assert asked(world) == []


def test_an_assistant_is_approved_and_answers_on_behalf_but_not_as_lea(world):
    session = world.session("Lea")
    one = world.mail()
    raw = dict(client="sabre", sender=AMY)
    world.do(lambda work: knowing.know(work, work.db.get_one(Learner, world.people["Lea"]), AMY, "delegate"))
    assert world.answer(one, **raw).reason_code == "from_mismatch"
    with_sent_by = lambda: world.receive(behalf(world, one))  # noqa: E731
    assert with_sent_by().outcome == "applied" and world.status(session, "Lea") == "Registered"


def behalf(world: World, mail) -> bytes:
    from tests import replies

    raw = replies.reply(
        "sabre", uid=mail.uid, attendee=mail.to, sender=AMY, dtstamp=world.moment, dtstart=mail.start, sequence=mail.sequence
    )
    return raw.replace(b"PARTSTAT=", f'SENT-BY="mailto:{AMY}";PARTSTAT='.encode(), 1)


def test_lea_approves_her_assistant_by_the_question(world):
    session = world.session("Lea")
    one = world.mail()
    assert world.receive(behalf(world, one)).reason_code == "delegate_unapproved"
    say(world, *asked(world), True)
    assert world.status(session, "Lea") == "Registered"
    kinds = world.look(lambda work: work.db.execute(select(LearnerAlias.address_key, LearnerAlias.kind)).all())
    assert [tuple(row) for row in kinds] == [(AMY, "delegate")]


def test_an_unreadable_sender_counts_once_where_lea_vouches_and_makes_nothing_known(world):
    session = world.session("Lea")
    raw = (
        behalf(world, world.mail()).replace(b'SENT-BY="mailto:amy@corp.example";', b"").replace(b"From: Lea", b"From: x@y.example, Lea", 1)
    )
    assert world.receive(raw).reason_code == "from_ambiguous"
    (question,) = asked(world)
    assert "cannot be read" in question.words and say(world, question, True).outcome == "applied"
    assert world.status(session, "Lea") == "Registered" and world.count(LearnerAlias) == 0


def test_every_judgement_is_on_record_and_says_who_judged(anywhere):
    world = anywhere
    world.session("Lea")
    held = world.answer(world.mail(), sender=EVE)
    world.do(lambda work: rejudging.judge_again(work, held.id))
    judge(world)
    say(world, *asked(world), True)
    rows = world.look(lambda work: work.db.scalars(select(VerdictRow).order_by(VerdictRow.id)).all())
    assert [(row.by.partition(":")[0], row.outcome) for row in rows] == [
        ("first", "quarantined"), ("again", "quarantined"), ("learner", "applied"),
    ]  # fmt: skip
    assert rows[0].evidence["decisions"][0]["from_is"] == "strange" and "incoming" not in rows[0].evidence
    assert world.count(SenderQuestion) == 1


def test_what_had_an_effect_is_never_judged_again_and_what_had_none_is(anywhere):
    world = anywhere
    session = world.session("Lea")
    one = world.mail()
    done, held = world.answer(one), world.answer(one, "DECLINED", sender=HOME)
    with pytest.raises(Conflict, match="nothing acts twice"):
        world.do(lambda work: rejudging.judge_again(work, done.id))
    world.do(lambda work: knowing.know(work, work.db.get_one(Learner, world.people["Lea"]), HOME))
    assert world.do(rejudging.judge_all_again) == 1
    judge(world)
    assert (message(world, held).outcome, world.status(session, "Lea")) == ("applied", "Declined")
    assert world.do(rejudging.judge_all_again) == 0 and world.verbs(session).count("answered No") == 1
