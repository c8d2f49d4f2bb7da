"""Who sees what of whose session: every audience, detail and visibility, as one matrix."""

from __future__ import annotations

from itertools import product

import pytest

from feedserver.store.audiences import AUDIENCES, DETAILS
from feedserver.training.audiences import strictest, view

# For each audience: a session that is public, busy, private; at full, title, busy detail.
# Letters: T its title, d a discreet one, b busy; p place, t text, j link to join, n names, s seats taken, f seats free, r link to register.
MATRIX = {
    "team": (("Tptn", "T", "b"), ("b", "b", "b"), ("b", "b", "b")),
    "instructor": (("Tptjns", "Ts", "b"), ("Tptjns", "Ts", "b"), ("dpjs", "ds", "b")),
    "room": (("Tps", "T", "b"), ("b", "b", "b"), ("b", "b", "b")),
    "course": (("Tpts", "T", "b"), ("b", "b", "b"), ("-", "-", "-")),
    "organisation": (("Tpts", "T", "b"), ("b", "b", "b"), ("-", "-", "-")),
    "open_seats": (("Tptfr", "Tr", "b"), ("-", "-", "-"), ("-", "-", "-")),
}
LETTERS = {"own": "T", "discreet": "d", "busy": "b", "taken": "s", "free": "f", "": ""}


def letters(audience: str, detail: str, visibility: str, **how: bool) -> str:
    one = view(audience, detail, visibility, **how)
    if one is None:
        return "-"
    flags = {"p": one.place, "t": one.text, "j": one.join, "n": one.names}
    return LETTERS[one.title] + "".join(k for k, on in flags.items() if on) + LETTERS[one.seats] + "r" * one.register


@pytest.mark.parametrize("audience", AUDIENCES)
def test_each_audience_sees_this_and_no_more(audience):
    seen = tuple(tuple(letters(audience, detail, visibility) for detail in DETAILS) for visibility in ("public", "busy", "private"))
    assert seen == MATRIX[audience]


def test_a_manager_sees_of_a_private_session_of_the_own_people_that_it_is_a_training():
    assert [letters("team", detail, "private", manages=True) for detail in DETAILS] == ["d", "d", "b"]
    assert letters("course", "full", "private", manages=True) == "-"


def test_less_detail_and_more_secrecy_never_show_more():
    for audience, manages in product(AUDIENCES, (False, True)):
        shown = lambda d, v, a=audience, m=manages: set(letters(a, d, v, manages=m)) - set("-b")  # noqa: E731
        for visibility in ("public", "busy", "private"):
            assert shown("busy", visibility) <= shown("title", visibility) <= shown("full", visibility)
        for detail in DETAILS:
            assert shown(detail, "private") - {"d"} <= shown(detail, "public") and shown(detail, "busy") <= shown(detail, "public")


def test_only_who_teaches_and_where_it_is_are_blocked():
    assert {one for one in AUDIENCES if view(one, "busy", "public").blocks} == {"instructor", "room"}


def test_what_was_published_and_what_was_chosen_since_hide_both():
    assert strictest("public", "private") == strictest("private", "busy") == "private" and strictest("busy", "public") == "busy"
