"""At least 600 bad inputs in the fifteen categories of the threat model, each with a name of its own."""

from __future__ import annotations

from tests.bad.b05_smtp import CASES as SMTP
from tests.bad.b11_outgoing import CASES as OUTGOING
from tests.bad.b13_targets import CASES as TARGETS
from tests.bad.b15_files import FILES, MARKUP
from tests.bad.test_mail import CASES as MAIL
from tests.bad.test_web import CASES as WEB


def test_there_are_six_hundred_and_none_is_counted_twice():
    named = [f"{b} {case.name}" for b, case in (*MAIL, *WEB)] + [f"b05 {case.name}" for case in SMTP]
    named += [f"b11 {case[0]}" for case in OUTGOING] + [f"b13 {target}" for target in TARGETS]
    named += [f"b15 {name}" for name in (*MARKUP, *(one[0] for one in FILES))]
    assert len(named) == len(set(named)) >= 600
    assert {name[:3] for name in named} == {f"b{number:02}" for number in range(1, 16)}
