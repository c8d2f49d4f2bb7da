"""Which reply counts: the cases that real clients make, and the properties that hold for any of them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.itip.ordering import Held, LastReply, Reply, Verdict, judge

NOON = 1_800_000_000
FRIDAY, MONDAY = NOON + 9 * 86400, NOON + 12 * 86400
# Asked at SEQUENCE 2 for Monday (it was Friday before), reworded as 3 half an hour later.
HELD = Held(sequence=3, dtstamp=NOON + 1800, asked_sequence=2, asked_dtstamp=NOON, starts={0: FRIDAY, 1: FRIDAY, 2: MONDAY, 3: MONDAY})


def said(partstat="ACCEPTED", sequence=3, dtstamp=NOON + 3600, dtstart=MONDAY, received_at=NOON + 3660) -> Reply:
    return Reply(partstat, sequence, dtstamp, dtstart, received_at)


@pytest.mark.parametrize("reply, verdict", [
    (said(), Verdict.CURRENT),
    (said(sequence=2), Verdict.CURRENT),  # answers what is still asked, though the wording changed since
    (said(sequence=1), Verdict.STALE),
    (said(sequence=4), Verdict.FUTURE),
    (said(sequence=None), Verdict.CURRENT),
    (said(sequence=None, dtstart=FRIDAY), Verdict.STALE),
    (said(sequence=None, dtstart=NOON), Verdict.STALE),  # a time that we never told
    (said(sequence=None, dtstart=None), Verdict.CURRENT),
    (said(partstat="NEEDS-ACTION"), Verdict.NO_ANSWER),
    (said(partstat=""), Verdict.NO_ANSWER),
])  # fmt: skip
def test_a_first_reply(reply, verdict):
    assert judge(HELD, reply).verdict is verdict


@pytest.mark.parametrize("dtstamp, counts_as", [
    (NOON + 3600, NOON + 3600),
    (NOON, NOON + 3660),  # copied from the REQUEST (Exchange CDO, iCal 1.5)
    (NOON + 1800, NOON + 3660),  # copied from the one that only reworded
    (NOON - 99, NOON + 3660),  # a clock that is slow
    (253402300799, NOON + 3660),  # the year 9999 pins nothing
    (None, NOON + 3660),
])  # fmt: skip
def test_the_time_that_a_reply_counts_from(dtstamp, counts_as):
    assert judge(HELD, said(dtstamp=dtstamp)).dtstamp == counts_as


def test_the_later_of_two_answers_wins_whichever_comes_first():
    after_a_no = dataclasses.replace(HELD, last=LastReply(3, NOON + 3600, "DECLINED"))
    assert judge(after_a_no, said(dtstamp=NOON + 3500)).verdict is Verdict.OLDER
    assert judge(after_a_no, said(dtstamp=NOON + 3650)).verdict is Verdict.CURRENT
    assert judge(after_a_no, said("DECLINED")).verdict is Verdict.DUPLICATE


def test_an_answer_to_the_old_question_does_not_outrank_one_to_the_new():
    answered_friday = dataclasses.replace(HELD, last=LastReply(1, NOON + 9999, "ACCEPTED"))
    assert judge(answered_friday, said("DECLINED")).verdict is Verdict.CURRENT


replies = st.builds(
    Reply,
    partstat=st.sampled_from(["ACCEPTED", "DECLINED", "TENTATIVE", "NEEDS-ACTION", ""]),
    sequence=st.none() | st.integers(0, 5),
    dtstamp=st.none() | st.integers(NOON - 100, NOON + 5000) | st.just(253402300799),
    dtstart=st.sampled_from([None, FRIDAY, MONDAY, NOON]),
    received_at=st.integers(NOON + 2000, NOON + 4000),
)


def after(held: Held, arrived: list[Reply]) -> Held:
    for reply in arrived:
        judged = judge(held, reply)
        if judged.verdict is Verdict.CURRENT:
            held = dataclasses.replace(held, last=LastReply(judged.sequence, judged.dtstamp, reply.partstat))
    return held


@given(
    st.lists(replies, max_size=6, unique_by=lambda r: judge(HELD, r).dtstamp).flatmap(
        lambda rs: st.tuples(st.just(rs), st.permutations(rs))
    )
)
def test_any_order_of_the_same_replies_ends_the_same(orders):
    one, other = orders
    assert after(HELD, one) == after(HELD, other)


@given(st.lists(replies, max_size=6))
def test_saying_it_again_changes_nothing(arrived):
    once = after(HELD, arrived)
    assert all(after(once, [r]) == once for r in arrived[-1:])


@given(replies, replies)
def test_no_reply_keeps_a_later_one_out(first, second):
    second = dataclasses.replace(second, partstat="ACCEPTED", sequence=3, dtstamp=None, received_at=first.received_at + 1)
    assert after(HELD, [first, second]).last.partstat == "ACCEPTED"


@given(st.lists(replies, max_size=6))
def test_needs_action_is_never_what_stands(arrived):
    last = after(HELD, arrived).last
    assert last is None or last.partstat in ("ACCEPTED", "DECLINED", "TENTATIVE")
