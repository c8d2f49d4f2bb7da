"""Who came: when somebody may check in, what is proposed from what we saw, and the words that people write into lists."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from .statuses import TABLE, EnrolmentStatus

S = EnrolmentStatus
CHECK_IN_BEFORE, CHECK_IN_AFTER = timedelta(minutes=30), timedelta(minutes=60)
JOIN_BEFORE = timedelta(minutes=15)
UNMARKED = (S.INVITED, S.REGISTERED)
"""Holds a seat, and nobody has said yet whether the person came."""
_MARKED = (S.ATTENDED, S.ABSENT, S.GO_SHOW)
_WORDS = {
    S.ATTENDED: "attended attend present presence yes y true 1 x ✓ ✔ ☑ ☒ + ok here came come joined da ja j anwesend teilgenommen erschienen "
    "gekommen oui si sí presente presentes présent présente aanwezig asistió vino venuto venuta",
    S.ABSENT: "absent no n false 0 - – ✗ ✘ missing missed noshow didnotattend notattended nein abwesend fehlt gefehlt non nee afwezig ausente "
    "assente absente manque",
    S.GO_SHOW: "goshow walkin unregistered unangemeldet ohneanmeldung spontan",
}
_MEANING = {word: status for status, words in _WORDS.items() for word in words.split()}


def may_check_in(starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """From half an hour before the start to an hour after the end."""
    return starts_at - CHECK_IN_BEFORE <= now <= ends_at + CHECK_IN_AFTER


def counts_as_joining(starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Whether using the join link says anything: from a quarter of an hour before the start to the end."""
    return starts_at - JOIN_BEFORE <= now <= ends_at


def proposed(status: EnrolmentStatus, joined_at: datetime | None, checked_in_at: datetime | None) -> EnrolmentStatus | None:
    """What to propose for somebody who was seen; None where nobody was, or where it is marked already. It is never recorded by itself."""
    if (joined_at is None and checked_in_at is None) or status in _MARKED:
        return None
    return S.ATTENDED if TABLE[status].seat else S.GO_SHOW


def refusal(status: EnrolmentStatus | None, mark: EnrolmentStatus) -> str:
    """Why somebody of this status (None: not in the session) cannot be marked so, in words; "" where it can be."""
    if status in (None, S.CANCELLED):
        words = "is not in this session" if status is None else "was taken off this session"
        return "" if mark is S.GO_SHOW else f"{words}; write Go Show if the person came all the same"
    if mark is S.ABSENT and not TABLE[status].seat:
        return f"has no seat ({status}), so cannot be absent"
    if mark not in _MARKED and status not in (*_MARKED, *UNMARKED):
        return f"is {status}: there is no mark to take back"
    return ""


def read_mark(text: str) -> EnrolmentStatus | None:
    """What somebody means by "yes", "x", "no-show", "anwesend"; None for a word that says neither."""
    word = re.sub(r"[\s_.-]+", "", text.casefold()) or text.strip()
    return _MEANING.get(word)
