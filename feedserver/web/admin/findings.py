"""What came back of a test, as sentences: a step each, with whether it is as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...services.circle_watch import seconds_words
from ...store.circles import Circle
from ...store.outbox import DEAD, EXPIRED, SENT, Delivery

GOOD, NOTE, BAD, WAITS = "good", "note", "bad", "waits"
_PARTSTATS = {"ACCEPTED": "Yes", "DECLINED": "No", "TENTATIVE": "Maybe"}
_BOUNCES = {
    "hard_address": "the address does not exist",
    "mailbox_full": "the mailbox is full",
    "policy": "their server does not want our mail: look at SPF, DKIM and DMARC",
    "too_big": "it was too large",
    "routing": "their server cannot be reached",
}
_ORGANIZERS = {
    "same": (GOOD, "ORGANIZER came back as we sent it."),
    "missing": (NOTE, "ORGANIZER is missing, as from all of Exchange and Outlook.com. The UID says what it answers."),
    "foreign": (NOTE, "ORGANIZER is another address than ours. That is noted and not asked for."),
}
_STAMPS = {
    "own": (GOOD, "DTSTAMP is its own."),
    "copied": (NOTE, "DTSTAMP is copied from our mail: such answers are put in order by when they arrive."),
    "missing": (NOTE, "DTSTAMP is missing: such answers are put in order by when they arrive."),
}
_VIA = {"smtp": "by SMTP", "lmtp": "by LMTP", "imap": "by IMAP", "ingest": "by the pipe (ingest)"}


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence: good, worth a note, bad, or still awaited."""

    state: str
    words: str


def steps(circle: Circle, delivery: Delivery | None, mailbox: str) -> list[Step]:
    """From sending to the cancellation that cleans up."""
    return list(_steps(circle, delivery, circle.findings or {}, mailbox))


def _steps(circle: Circle, delivery: Delivery | None, found: dict[str, Any], mailbox: str) -> Iterator[Step]:
    yield _sent(delivery)
    if "bounce" in found:
        why = _BOUNCES.get(found["bounce"], found["bounce"].replace("_", " "))
        yield Step(BAD, f"It came back as undeliverable: {why}. {found.get('bounce_words', '')}".strip())
        return
    if "heard" in found:
        yield Step(NOTE, f"Something else came: {found['heard']} (“{found.get('heard_subject', '')}”).")
    if circle.came_back_at is None:
        yield _awaited(circle, delivery, mailbox)
    else:
        yield from _answer(found)
    if found.get("ended"):
        yield Step(GOOD, "A cancellation takes the entry out of that calendar again.")


def _sent(delivery: Delivery | None) -> Step:
    if delivery is None:
        return Step(NOTE, "What became of the mail itself is no longer kept.")
    if delivery.state == SENT:
        return Step(GOOD, "The invitation went out.")
    if delivery.state in (DEAD, EXPIRED):
        return Step(BAD, f"The invitation could not be sent: {delivery.last_code or ''} {delivery.last_error or ''}".strip())
    return Step(WAITS, f"The invitation is on its way. {delivery.last_error or ''}".strip())


def _awaited(circle: Circle, delivery: Delivery | None, mailbox: str) -> Step:
    if circle.failed_at is not None:
        return Step(BAD, f"No answer came. If somebody pressed Yes, it was lost between them and {mailbox}: look at the set-up.")
    if delivery is not None and delivery.state in (DEAD, EXPIRED):
        return Step(BAD, "So nobody can answer it.")
    return Step(WAITS, "No answer yet. Open the mail there and press Yes. This page looks again by itself for a quarter of an hour.")


def _answer(found: dict[str, Any]) -> Iterator[Step]:
    said = _PARTSTATS.get(found["partstat"], found["partstat"] or "nothing that can be read")
    yield Step(
        GOOD, f"The answer {said} came {_VIA.get(found['via'], found['via'])}, {seconds_words(found['seconds'])} after the mail went out."
    )
    yield Step(GOOD if found["client"] else NOTE, f"It was written by {found['client'] or 'a program that does not say its name'}.")
    yield Step(GOOD, "It kept the UID by which we know what it answers.")
    whose = "the address that was invited" if found["from_is_invited"] else "another address than the one that was invited"
    yield Step(GOOD if found["from_is_invited"] else NOTE, f"It came from {found['from'] or 'nobody'}: {whose}.")
    yield _sequence(found["sequence"])
    for table, key in ((_ORGANIZERS, "organizer"), (_STAMPS, "dtstamp")):
        if found.get(key) in table:
            yield Step(*table[found[key]])
    if found["recurrence"]:
        yield Step(NOTE, "It names one date of a series (RECURRENCE-ID), though the test is none.")
    yield from _origin(found)
    if found["defects"]:
        yield Step(NOTE, f"Odd about its form: {', '.join(found['defects'])}.")
    if found["trusted"]:
        yield Step(GOOD, "A learner's answer that came like this would count.")
    else:
        yield Step(BAD, f"A learner's answer that came like this would be held: {found['judged_words']}")


def _sequence(number: int | None) -> Step:
    if number is None:
        return Step(NOTE, "SEQUENCE is missing: which version is answered is told by the time that it repeats.")
    return Step(GOOD if number == 0 else NOTE, f"It answers version {number} (SEQUENCE){'' if number == 0 else ', though 0 was sent'}.")


def _origin(found: dict[str, Any]) -> Iterator[Step]:
    checks = ", ".join(f"{name.upper()} {result}" for name, result in found["checks"].items())
    if checks:
        failed = "fail" in (found["checks"].get("dmarc"), found["checks"].get("spf"), found["checks"].get("dkim"))
        yield Step(NOTE if failed else GOOD, f"The server in front of us says of its origin: {checks}.")
    else:
        yield Step(NOTE, "No server in front of us says anything of its origin (Authentication-Results).")
    for one in found.get("signatures") or ():
        yield Step(NOTE, f"Signed by {one}")
