"""The answer table, against the contract's own table typed out once more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.training.statuses import BY_HAND, ON_CALENDAR, SEATED, TABLE, Answer, EnrolmentStatus

# status: (entry by mail, seat, then what Yes, No and Maybe lead to), as the contract has it
CONTRACT = {
    "Invited": ("yes", "held", "Registered", "Declined", "-"),
    "Registered": ("yes", "held", "-", "Declined", "-"),
    "Declined": ("yes", "free", "Registered", "-", "-"),
    "Attended": ("yes", "held", "-", "-", "-"),
    "Absent": ("yes", "held", "-", "-", "-"),
    "Go Show": ("yes", "held", "-", "-", "-"),
    "Waiting Approval": ("no", "free", "-", "Declined", "-"),
    "Waiting List": ("no", "free", "-", "Declined", "-"),
    "Cancelled": ("no", "free", "-", "-", "-"),
}
ANSWERS = ("ACCEPTED", "DECLINED", "TENTATIVE")


@pytest.mark.parametrize("status", CONTRACT)
@pytest.mark.parametrize("answer", ANSWERS)
def test_each_cell_is_the_contracts(status, answer):
    entry, seat, *after = CONTRACT[status]
    rule = TABLE[EnrolmentStatus(status)]
    assert (rule.entry, rule.seat) == (entry == "yes", seat == "held")
    assert (rule.after(Answer(answer)) or "-") == after[ANSWERS.index(answer)]


def test_statuses_are_spelt_as_in_the_contract_and_none_is_missing():
    assert {str(status) for status in EnrolmentStatus} == set(CONTRACT) == {str(s) for s in TABLE}


def test_who_is_on_calendars_and_who_holds_a_seat():
    assert set(ON_CALENDAR) == {"Invited", "Registered", "Declined", "Attended", "Absent", "Go Show"} == set(BY_HAND)
    assert set(SEATED) == set(ON_CALENDAR) - {"Declined"}


def _after(status: EnrolmentStatus, answers: list[Answer]) -> EnrolmentStatus:
    for answer in answers:
        status = TABLE[status].after(answer) or status
    return status


@given(st.sampled_from(EnrolmentStatus), st.lists(st.sampled_from(Answer)))
def test_no_row_of_answers_brings_a_seat_to_somebody_who_waits_or_was_taken_off(status, answers):
    after = _after(status, answers)
    if status in ("Waiting Approval", "Waiting List") and Answer.NO not in answers:
        assert after == status
    if status in ("Cancelled", "Attended", "Absent", "Go Show"):
        assert after == status
    assert TABLE[after].entry >= TABLE[status].entry


@given(st.sampled_from(EnrolmentStatus), st.lists(st.sampled_from(Answer)), st.sampled_from(Answer))
def test_the_same_answer_twice_is_the_same_as_once(status, answers, last):
    assert _after(status, [*answers, last, last]) == _after(status, [*answers, last])


@given(st.lists(st.sampled_from(Answer), min_size=1))
def test_the_last_yes_or_no_of_an_invited_person_counts(answers):
    decided = [a for a in answers if a != Answer.MAYBE]
    expected = {None: "Invited", Answer.YES: "Registered", Answer.NO: "Declined"}[decided[-1] if decided else None]
    assert _after(EnrolmentStatus.INVITED, answers) == expected
