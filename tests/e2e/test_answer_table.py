"""The answer table of the contract, by real mail as real programs write it."""

from __future__ import annotations

import itertools

import pytest

from tests.replies import CLIENTS

SEAT = ("Attended", "Absent", "Go Show")
TABLE = {
    # status: after Yes, after No, after Maybe
    "Invited": ("Registered", "Declined", "Invited"),
    "Registered": ("Registered", "Declined", "Registered"),
    "Declined": ("Registered", "Declined", "Declined"),
    **{status: (status, status, status) for status in SEAT},
}
ANSWERS = ("ACCEPTED", "DECLINED", "TENTATIVE")
CELLS = [(status, answer, after) for status, row in TABLE.items() for answer, after in zip(ANSWERS, row, strict=True)]
PROGRAMS = itertools.cycle(c for c in CLIENTS if c not in ("bare_addresses", "unknown_charset"))


@pytest.mark.parametrize("status, answer, after, client", [(*cell, next(PROGRAMS)) for cell in CELLS])
def test_a_cell_of_the_answer_table(world, status, answer, after, client):
    lea, session = world.learner("Lea"), world.session()
    world.enrol(session, lea, status)
    (invitation,) = world.mails(lea, 1)
    assert invitation.method == "REQUEST" and invitation.partstat == "NEEDS-ACTION"
    said = world.answer(lea, invitation, answer, client)
    there = world.enrolment(session, lea)
    assert (there["status"], there["partstat"]) == (after, answer), said
    assert said["outcome"] == ("applied" if after != status else "unchanged") and there["responded_at"]
    assert [m for m in world.mails(lea)[1:] if m.part] == [] and there["sent_sequence"] == 0
    assert (invitation.uid in world.feed(lea)) == (after != "Declined")


def test_an_answer_comes_from_any_program(world):
    for client in CLIENTS:
        lea, session = world.learner("Lea"), world.session()
        world.enrol(session, lea)
        (invitation,) = world.mails(lea, 1)
        said = world.answer(lea, invitation, "ACCEPTED", client)
        assert (client, said["outcome"], world.enrolment(session, lea)["status"]) == (client, "applied", "Registered"), said


@pytest.mark.parametrize("answer, after", [("ACCEPTED", "Waiting List"), ("DECLINED", "Declined"), ("TENTATIVE", "Waiting List")])
def test_who_waits_leaves_the_list_by_a_no_alone(world, answer, after):
    lea, bob, session = world.learner("Lea"), world.learner("Bob"), world.session(capacity=1, waiting_list=True)
    world.enrol(session, lea)
    (invitation,) = world.mails(lea, 1)
    world.answer(lea, invitation, "DECLINED")
    world.enrol(session, bob)
    world.answer(lea, invitation, "ACCEPTED")
    assert world.enrolment(session, lea)["status"] == "Waiting List"
    said = world.answer(lea, invitation, answer, "exchange")
    there = world.enrolment(session, lea)
    assert (there["status"], there["partstat"]) == (after, answer), said


def test_a_place_that_a_no_frees_goes_to_the_first_who_waits(world):
    lea, bob, session = world.learner("Lea"), world.learner("Bob"), world.session(capacity=1, waiting_list=True)
    world.enrol(session, lea)
    (invitation,) = world.mails(lea, 1)
    waiting = world.post(f"/sessions/{session['id']}/registrations", {"learner_id": bob["id"]})
    assert waiting["status"] == "Waiting List" and not [m for m in world.mails(bob) if m.part]
    world.answer(lea, invitation, "DECLINED")
    assert world.enrolment(session, bob)["status"] == "Invited"
    assert [m.method for m in world.mails(bob) if m.part] == ["REQUEST"]
