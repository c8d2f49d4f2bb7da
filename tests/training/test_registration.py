"""Where somebody who registers ends up: all sixteen cases, by the sentences of the contract."""

from __future__ import annotations

from itertools import product

from feedserver.training.registration import status_on_registering

CASES = [
    dict(zip(("approval_required", "approved", "seat_free", "waiting_list"), c, strict=True)) for c in product((True, False), repeat=4)
]


def test_approval_comes_before_everything():
    waiting = [c for c in CASES if c["approval_required"] and not c["approved"]]
    assert {status_on_registering(**c) for c in waiting} == {"Waiting Approval"} and len(waiting) == 4


def test_then_a_seat_then_the_list_then_nothing():
    for case in (c for c in CASES if c["approved"] or not c["approval_required"]):
        expected = "Registered" if case["seat_free"] else "Waiting List" if case["waiting_list"] else None
        assert status_on_registering(**case) == expected
