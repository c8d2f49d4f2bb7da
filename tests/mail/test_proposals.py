"""People propose another time or another person: nothing changes by itself, somebody decides, and everybody concerned is told."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
import tzdata
from sqlalchemy import select

from feedserver.errors import Conflict
from feedserver.services import answering, asking, messages, proposing, receiving, substituting
from feedserver.store.base import Base
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.store.proposals import Proposal
from feedserver.store.verdicts import SenderQuestion
from tests import replies
from tests.support.world import MAILBOX, START, Mail, World

JUDGES = Path(__file__).parents[2] / "../shared/interop"
TOM = "tom@elsewhere.example"
LATER = datetime(2026, 12, 2, 9, tzinfo=UTC)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    one = World(database_url)
    yield one
    one.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[World]:
    one = World(sqlite_url)
    yield one
    one.close()


def propose(world: World, mail: Mail, start: datetime = LATER, **values) -> InboundMessage:
    given = {
        "uid": mail.uid,
        "attendee": mail.to,
        "sequence": mail.sequence,
        "dtstart": start,
        "dtstamp": world.moment,
        "partstat": "ACCEPTED",
    }
    return world.receive(replies.message("google_counter", **given | values))


def hand_on(world: World, mail: Mail, to: str = TOM) -> InboundMessage:
    raw = replies.reply("thunderbird", uid=mail.uid, attendee=mail.to, sequence=mail.sequence, dtstamp=world.moment, partstat="DELEGATED")
    return receive_from(world, raw.replace(b"PARTSTAT=DELEGATED", f'PARTSTAT=DELEGATED;DELEGATED-TO="mailto:{to}"'.encode()), mail.to)


def crash(world: World, mail: Mail, who: str = TOM, client: str = "thunderbird", **values) -> InboundMessage:
    """Somebody answers an invitation that was passed on to them."""
    given = {"uid": mail.uid, "attendee": who, "sequence": mail.sequence, "dtstamp": world.moment, "cn": "Tom", "partstat": "ACCEPTED"}
    return receive_from(world, replies.reply(client, **given | values), who)


def receive_from(world: World, raw: bytes, sender: str) -> InboundMessage:
    one = receiving.Received(raw, "smtp", sender, (MAILBOX,))
    [number] = world.database.run(lambda db: receiving.store(db, [one], world.moment))
    world.worker()
    while world.judging.once():
        pass
    return message(world, number)


def message(world: World, number: int) -> InboundMessage:
    return world.look(lambda work: work.db.get_one(InboundMessage, number))


def proposals(world: World, state: str = "open") -> list[Proposal]:
    return world.look(lambda work: list(work.db.scalars(select(Proposal).where(Proposal.state == state).order_by(Proposal.id))))


def the_one(world: World, state: str = "open") -> Proposal:
    [found] = proposals(world, state)
    return found


def notices(world: World) -> list[Mail]:
    """Mails in words alone, those of this look."""
    world.notices.clear()
    assert world.mails() == []
    return list(world.notices)


# -- another time ----------------------------------------------------------------------------------


def test_another_time_is_kept_for_a_decision_and_its_partstat_never_applied(world):
    session = world.session("Lea")
    world.session(start=datetime(2026, 12, 8, 10), capacity=1)
    got = propose(world, world.mail(), comment="Could we?")
    assert (got.outcome, got.reason_code, world.status(session, "Lea")) == ("quarantined", "counter", "Invited")
    kept = the_one(world)
    assert (kept.kind, kept.starts_at, kept.ends_at - kept.starts_at, kept.comment) == (
        "counter",
        LATER,
        timedelta(minutes=90),
        "Could we?",
    )
    assert world.enrolment(session, "Lea").partstat == "NEEDS-ACTION"


def test_who_proposes_is_sent_the_other_dates_with_seats_once_for_each_sequence(quick):
    session = quick.session("Lea")
    first = quick.mail()
    quick.session(start=datetime(2026, 12, 8, 10))
    full = quick.session(start=datetime(2026, 12, 9, 10), capacity=1)
    quick.enrol(full, "Ann")
    quick.session(start=datetime(2026, 12, 10, 10), visibility="private")
    quick.mails()
    propose(quick, first)
    [told] = notices(quick)
    assert (told.to, told.kind, told.words.count("Another date")) == (first.to, "other_dates", 1)
    assert "Tuesday, 8 December 2026, 10:00" in told.words and "https://t.example/my/" in told.words
    assert propose(quick, first, LATER + timedelta(days=1)).outcome == "quarantined" and notices(quick) == []
    quick.edit(session, start=START + timedelta(days=7))
    moved = quick.mail()
    propose(quick, moved)
    assert [one.kind for one in notices(quick)] == ["other_dates"]


def test_where_there_is_no_other_date_they_hear_that_it_has_arrived(quick):
    quick.session("Lea")
    propose(quick, quick.mail())
    assert [one.kind for one in notices(quick)] == ["proposal_noted"]


def test_a_later_proposal_takes_the_place_of_the_earlier_and_the_same_one_again_is_noted(quick):
    quick.session("Lea")
    mail = quick.mail()
    old, same, new = propose(quick, mail), propose(quick, mail, cn="L."), propose(quick, mail, LATER + timedelta(hours=1))
    assert (message(quick, old.id).reason_code, same.reason_code, new.outcome) == ("proposal_replaced", "proposed_before", "quarantined")
    assert the_one(quick).inbound_id == new.id


def test_nobody_proposes_for_somebody_else(quick):
    quick.session("Lea")
    mail = quick.mail()
    assert propose(quick, mail, sender="eve@evil.example").reason_code == "from_mismatch"
    assert propose(quick, mail, attendee="eve@evil.example").reason_code == "attendee_mismatch"
    assert proposals(quick) == [] and notices(quick) == []


def test_a_proposal_that_is_declined_is_answered_in_words_and_by_declinecounter(world):
    session = world.session("Lea")
    first = world.mail()
    came = propose(world, first, partstat="NEEDS-ACTION")
    world.moment += timedelta(minutes=5)
    before = world.entry(session, "Lea").sequence
    world.do(lambda work: proposing.decline(work, the_one(world).id, "The trainer flies home."))
    [no] = world.mails()
    assert (no.to, no.kind, no.method, no.uid, no.sequence) == (first.to, "counter_declined", "DECLINECOUNTER", first.uid, first.sequence)
    assert "Reason: The trainer flies home." in no.words and "stays at the time below" in no.words
    assert world.entry(session, "Lea").sequence == before and message(world, came.id).reason_code == "counter_declined"
    assert world.answer(first).outcome == "applied"
    with pytest.raises(Conflict, match="decided already"):
        world.do(lambda work: proposing.decline(work, the_one(world, "refused").id))


def test_a_calendar_that_may_say_something_else_is_sent_what_holds(quick):
    quick.session("Lea")
    first = quick.mail()
    propose(quick, first, partstat="TENTATIVE")
    quick.mails()
    quick.do(lambda work: proposing.decline(work, the_one(quick).id))
    no, again = quick.mails()
    assert (no.method, again.method, again.uid, again.sequence, again.partstat) == (
        "DECLINECOUNTER",
        "REQUEST",
        first.uid,
        0,
        "NEEDS-ACTION",
    )


@pytest.mark.slow
@pytest.mark.skipif(not (JUDGES / "check_itip").exists(), reason="the judges are not here")
def test_the_judges_find_nothing_in_a_declinecounter(quick, tmp_path):
    quick.session("Lea")
    propose(quick, quick.mail())
    quick.do(lambda work: proposing.decline(work, the_one(quick).id))
    file = tmp_path / "no.eml"
    file.write_bytes(next(one.raw for one in quick.mails() if one.method == "DECLINECOUNTER"))
    environment = os.environ | {"PYTHONTZPATH": str(Path(tzdata.__file__).parent / "zoneinfo")}
    done = subprocess.run([JUDGES / "check_itip", file], capture_output=True, text=True, env=environment)
    said = [line for line in done.stdout.splitlines() if not re.match("ok |skip |note ", line)]
    # libical's table is that of RFC 2446 for SEQUENCE; two libraries want times, which 3.2.8 forbids.
    known = ("libical.restriction .* SEQUENCE property", "ical.js .* no DTSTART", "node-ical .* of undefined")
    assert done.stdout and [line for line in said if not any(re.search(one, line) for one in known)] == [], done.stderr


def test_a_proposal_for_what_is_over_or_cancelled_is_noted(quick):
    session = quick.session("Lea")
    mail = quick.mail()
    quick.cancel(session)
    assert propose(quick, mail).reason_code == "session_over" and proposals(quick) == []


# -- another person --------------------------------------------------------------------------------


def test_a_delegate_takes_the_seat_without_a_gap(world):
    session = world.session("Lea", capacity=1, waiting_list=True)
    first = world.mail()
    world.register(session, "Ann")
    held = hand_on(world, first)
    assert (held.outcome, held.reason_code, world.status(session, "Lea")) == ("quarantined", "delegated", "Invited")
    world.do(lambda work: substituting.substitute(work, the_one(world).id))
    gone, new = world.mails()
    assert (gone.to, gone.kind, gone.method, gone.uid) == (first.to, "substituted", "CANCEL", first.uid) and TOM in gone.words
    assert (
        (new.to, new.kind, new.method, new.sequence) == (TOM, "instead", "REQUEST", 0)
        and new.uid != first.uid
        and "place of Lea" in new.words
    )
    assert (world.status(session, "Lea"), world.line(session), world.seats(session).taken) == ("Cancelled", ["Ann"], 1)
    assert world.answer(new).outcome == "applied" and message(world, held.id).outcome == "applied"
    tom = world.look(lambda work: work.db.scalars(select(Learner).where(Learner.email == TOM)).one())
    assert tom.name == "tom"


def test_a_seat_over_capacity_is_passed_on_as_such(quick):
    session = quick.session(capacity=1)
    quick.enrol(session, "Ann")
    quick.enrol(session, "Lea", over_capacity=True)
    hand_on(quick, quick.mails()[1])
    quick.do(lambda work: substituting.substitute(work, the_one(quick).id))
    assert (quick.seats(session).taken, quick.seats(session).over_capacity) == (2, 1)


def test_a_guest_who_said_yes_is_held_and_can_come_instead(world):
    session = world.session("Lea")
    first = world.mail()
    held = crash(world, first)
    assert (held.outcome, held.reason_code, world.status(session, "Lea")) == ("quarantined", "attendee_mismatch", "Invited")
    assert (the_one(world).kind, the_one(world).guest_email, the_one(world).partstat) == ("guest", TOM, "ACCEPTED")
    world.person("Tom", email=TOM)
    world.do(lambda work: substituting.substitute(work, the_one(world).id))
    assert (world.status(session, "Lea"), world.status(session, "Tom"), world.count(Learner)) == ("Cancelled", "Registered", 2)


def test_delegation_said_by_both_is_one_proposal(quick):
    quick.session("Lea")
    mail = quick.mail()
    first, second = crash(quick, mail), hand_on(quick, mail)
    kept = the_one(quick)
    assert (kept.kind, kept.guest_name, kept.partstat, kept.inbound_id) == ("delegation", "Tom", "ACCEPTED", second.id)
    assert message(quick, first.id).reason_code == "proposal_replaced"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"sender": "eve@evil.example"}, "attendee_mismatch"),
        ({"partstat": "DECLINED"}, "attendee_mismatch"),
    ],
)
def test_a_guest_speaks_for_nobody_but_the_own_address(quick, values, code):
    quick.session("Lea")
    held = crash(quick, quick.mail(), **values)
    assert (held.outcome, held.reason_code, proposals(quick)) == ("quarantined", code, [])


def test_a_guest_is_refused_kindly_once_for_each_session(world):
    session = world.session("Lea")
    first = world.mail()
    crash(world, first)
    world.do(lambda work: proposing.refuse(work, the_one(world).id))
    question, no = notices(world)
    assert (question.to, question.kind) == (first.to, "confirm_sender")
    assert (no.to, no.kind, "/my/" in no.words, "/rsvp/" in no.words) == (TOM, "guest_refused", False, False)
    world.moment += timedelta(hours=1)
    crash(world, first)
    world.do(lambda work: proposing.refuse(work, the_one(world).id))
    assert notices(world) == [] and world.status(session, "Lea") == "Invited"


def test_a_machine_is_never_answered(quick):
    quick.session("Lea", guests="hold")
    crash(quick, quick.mail(), headers="Auto-Submitted: auto-replied\n")
    quick.do(lambda work: proposing.refuse(work, the_one(quick).id))
    assert notices(quick) == []


def test_a_session_can_refuse_guests_by_itself(world):
    session = world.session("Lea", guests="refuse")
    first = world.mail()
    assert [crash(world, first).reason_code, crash(world, first, cn="T.").reason_code] == ["guest_refused", "guest_refused"]
    assert [one.kind for one in notices(world)] == ["guest_refused"] and proposals(world) == []
    assert hand_on(world, first).reason_code == hand_on(world, first, "ann@corp.example").reason_code == "guest_refused"
    [still] = world.mails()
    assert (still.kind, still.method, still.to, still.sequence, still.partstat) == ("not_passed_on", "REQUEST", first.to, 0, "NEEDS-ACTION")
    assert (world.status(session, "Lea"), world.answer(still).outcome) == ("Invited", "applied")


def test_a_refused_delegation_leaves_the_place_and_puts_the_calendar_right(quick):
    session = quick.session("Lea")
    hand_on(quick, quick.mail())
    quick.do(lambda work: proposing.refuse(work, the_one(quick).id))
    assert quick.mail().kind == "not_passed_on" and quick.status(session, "Lea") == "Invited"


def test_who_has_no_seat_has_none_to_pass_on_and_who_has_one_needs_none(quick):
    session = quick.session("Lea", "Ann")
    first = quick.mails()[0]
    hand_on(quick, first, "ann@corp.example")
    with pytest.raises(Conflict, match="Ann has a seat"):
        quick.do(lambda work: substituting.substitute(work, the_one(quick).id))
    quick.set_status(session, "Lea", "Declined")
    with pytest.raises(Conflict, match="no seat to be passed on"):
        quick.do(lambda work: substituting.substitute(work, the_one(quick).id))
    assert quick.status(session, "Ann") == "Invited" and quick.count(Proposal, Proposal.state == "open") == 1


def test_what_an_administrator_lets_count_or_discards_waits_no_more(quick):
    session = quick.session("Lea", "Ann")
    lea, ann = quick.mails()
    yes, no = crash(quick, lea), crash(quick, ann)
    quick.do(lambda work: answering.apply_by_hand(work, yes.id))
    quick.do(lambda work: messages.discard(work, no.id))
    assert quick.status(session, "Lea") == "Registered" and quick.status(session, "Ann") == "Invited" and proposals(quick) == []


def test_who_turns_out_to_be_the_person_invited_is_no_guest(world):
    session = world.session("Lea")
    held = crash(world, world.mail())
    question = world.look(lambda work: work.db.scalars(select(SenderQuestion)).one())
    world.do(lambda work: asking.answer(work, question.id, True))
    while world.judging.once():
        pass
    assert (message(world, held.id).outcome, world.status(session, "Lea"), proposals(world)) == ("applied", "Registered", [])


# -- what others say about our entries ---------------------------------------------------------------


def test_the_present_state_is_sent_again_with_the_same_sequence_and_a_later_stamp(quick):
    session = quick.session("Lea")
    quick.mails()
    quick.edit(session, location="Room 9")
    told = quick.mail()
    raw = replies.message("refresh", uid=told.uid, attendee=told.to)
    assert [m.reason_code for m in quick.receive_all([raw, raw])] == ["refreshed", "refreshed_before"]
    again = quick.mail()
    assert (again.uid, again.sequence, again.method, "Room 9" in again.words) == (told.uid, told.sequence, "REQUEST", True)
    assert again.dtstamp > told.dtstamp
    quick.moment = START.replace(tzinfo=UTC) + timedelta(days=1)
    assert quick.receive(raw).reason_code == "refreshed_before"


@pytest.mark.parametrize("method", ["CANCEL", "REQUEST", "PUBLISH", "ADD", "DECLINECOUNTER"])
def test_nothing_from_outside_touches_what_we_hold(quick, method):
    quick.session("Lea")
    mail = quick.mail()
    before = everything(quick)
    raw = replies.reply("thunderbird", uid=mail.uid, attendee=mail.to, dtstamp=quick.moment, sequence=5)
    got = quick.receive(raw.replace(b"METHOD:REPLY", b"METHOD:" + method.encode()).replace(b"method=REPLY", b"method=" + method.encode()))
    assert (got.outcome, got.reason_code) == ("rejected", method.lower())
    assert everything(quick) == before


def everything(world: World) -> dict[str, list]:
    """All rows but the inbox itself, and what was decided about it."""
    apart = {"inbound_messages", "verdicts", "workers"}
    tables = [table for table in Base.metadata.sorted_tables if table.name not in apart]
    return world.look(lambda work: {t.name: [tuple(row) for row in work.db.execute(select(t).order_by(*t.primary_key))] for t in tables})


def test_a_declined_proposal_is_no_mail_of_the_entry(quick):
    session = quick.session("Lea")
    propose(quick, quick.mail())
    quick.do(lambda work: proposing.decline(work, the_one(quick).id))
    quick.edit(session, location="Room 9")
    kinds = {one.kind: one.state for one in quick.deliveries(Delivery.kind.in_(("counter_declined", "update")))}
    assert kinds == {"counter_declined": "queued", "update": "queued"}, "a newer message of the entry must not replace it"
    no, told = (message_from_bytes(one.raw) for one in quick.mails())
    assert no["References"] == told["References"], "they are one thread all the same"
