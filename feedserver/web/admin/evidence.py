"""What spoke for and against a message, in words: the evidence that judging stored, as rows of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GOOD, BAD, NOTED = "good", "bad", ""
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LONGEST_SOURCE = 64 * 1024
_WHOSE = {
    "enrolled": ("the enrolled address", GOOD), "alias": ("another address that is known as theirs", GOOD),
    "delegate": ("may answer on their behalf", GOOD), "trusted sender": ("a calendar server that may answer for others", GOOD),
    "strange": ("not known as theirs", BAD), "unclear": ("cannot be told", BAD),
}  # fmt: skip
_SERVER = {
    "pass": ("It vouches for the sender's domain.", GOOD), "fail": ("It says that the mail does not come from the sender's domain.", BAD),
    "none": ("It neither vouches for the sender nor speaks against them.", NOTED), "missing": ("The mail bears no result of our server.", NOTED),
    "off": ("None is believed: TRUSTED_AUTHSERV_ID is not set.", NOTED),
}  # fmt: skip
_ORGANIZER = {"same": "Ours.", "missing": "Missing, as from many programs; it is only noted.", "foreign": "Not ours; it is only noted."}
_PROFILES = {"standard": "Standard trust.", "strict": "Strict trust: it has to be proved that the mail came from the sender's domain."}
_ATTENDEE = {
    "attendee_missing": "Nobody is named who answers.", "attendee_multiple": "Several people are named.", "attendee_unreadable": "The address cannot be read.",
}  # fmt: skip
_SHOWN = {
    "uid", "attendee", "attendee_is", "from", "from_is", "sent_by", "profile", "authentication", "provider", "authentication_words", "signatures",
    "organizer", "strange", "trust", "decision", "defects",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """`about`, what was found, and whether it speaks for the message (`good`), against it (`bad`) or is only noted (""); `small` is as it stood."""

    about: str
    found: str
    mark: str = NOTED
    small: str = ""


def tables(evidence: dict[str, Any]) -> list[list[Row]]:
    """A table for each object that was judged, then one for whatever else was noted; empty ones are left out."""
    decisions = evidence.get("decisions")
    judged = [one for one in decisions if isinstance(one, dict)] if isinstance(decisions, list) else []
    rest = {name: value for name, value in evidence.items() if name not in ("incoming", "decisions")}
    found = [[*_of(one), *_lines({k: v for k, v in one.items() if k not in _SHOWN})] for one in judged] + [list(_lines(rest))]
    return [rows for rows in found if rows]


def source(raw: bytes) -> str:
    """A message as it came, as text that is safe to show; the first 64 KiB."""
    text = raw[:_LONGEST_SOURCE].decode("utf-8", "replace").replace("\r\n", "\n")
    more = f"\n… and {len(raw) - _LONGEST_SOURCE:,} octets more" if len(raw) > _LONGEST_SOURCE else ""
    return _UNSEEN.sub("\u00b7", text) + more


def _of(one: dict[str, Any]) -> Iterable[Row]:
    if "uid" in one:
        known = one["uid"] == "known"
        yield Row(
            "UID", "It names an entry that we gave to this person alone." if known else "It names no entry of ours.", GOOD if known else BAD
        )
    if one.get("attendee") in _ATTENDEE:
        yield Row("ATTENDEE", _ATTENDEE[one["attendee"]], BAD)
    elif one.get("attendee"):
        yield _person("ATTENDEE (who answers)", one["attendee"], one.get("attendee_is"))
    if one.get("from"):
        yield _person("From (who wrote)", str(one["from"]).replace("from_", "From: "), one.get("from_is"))
    if one.get("sent_by"):
        yield Row("SENT-BY (on behalf)", str(one["sent_by"]))
    if one.get("authentication"):
        words, mark = _SERVER.get(one["authentication"], (str(one["authentication"]), NOTED))
        yield Row("Our mail server", words, mark, str(one.get("authentication_words") or ""))
    if one.get("provider"):
        yield Row("Calendar provider", f"Signed by {one['provider']}, which writes in people's names.", GOOD)
    for line in one.get("signatures") or ():
        yield Row("Signature (DKIM)", *_signature(str(line)))
    if one.get("organizer"):
        yield Row("ORGANIZER", _ORGANIZER.get(one["organizer"], str(one["organizer"])))
    if one.get("defects"):
        yield Row("Odd about it", ", ".join(str(d) for d in one["defects"]).replace("_", " "))
    if one.get("profile"):
        yield Row("What was asked", _PROFILES.get(one["profile"], str(one["profile"])))
    for name, about in (("trust", "Sender"), ("decision", "Answer")):
        if one.get(name):
            yield Row(f"Verdict: {about.lower()}", str(one[name]).replace("_", " "))


def _person(about: str, address: Any, whose: Any) -> Row:
    words, mark = _WHOSE.get(str(whose), ("", NOTED))
    return Row(about, f"{address}: {words}" if words else str(address), mark)


def _signature(line: str) -> tuple[str, str]:
    domain, _, rest = line.partition(": ")
    result, _, why = rest.partition(".")
    words, mark = {
        "pass": ("holds", GOOD), "broken": ("does not hold", BAD), "ignored": ("does not count", NOTED),
        "temperror": ("could not be checked yet", NOTED), "unchecked": ("not checked, since nothing hangs on it", NOTED),
    }.get(result, (result, NOTED))  # fmt: skip
    return f"{domain}: {words}.{why}", mark


def _lines(evidence: dict[str, Any]) -> Iterable[Row]:
    """Whatever else was noted, one row each; what is empty says nothing."""
    for name, value in evidence.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from _lines(one)
            elif one not in ("", None):
                yield Row(str(name).replace("_", " "), str(one))
