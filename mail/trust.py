"""May this sender speak for this attendee (design decision 5): pure, one verdict with its evidence.

The UID is 128 random bits and found before this is asked: whoever writes it was given the invitation. Here is judged
what speaks for and against the person behind it. What does not fit is never dropped: it waits, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import authres

from feedserver.addresses import canonical
from feedserver.imip.incoming import Incoming
from feedserver.itip.attendees import Attendee
from feedserver.itip.parse import ItipObject

REASONS: dict[str, tuple[str, bool]] = {
    # code: (words for the administrator, whether the enrolled address is asked)
    "trusted": ("The sender is the person who was invited.", False),
    "trusted_sender": ("The sender is a calendar server that may answer for others.", False),
    "conflicting_parts": ("The parts of this mail contradict each other.", False),
    "partstat_twice": ("The reply gives two answers at once.", False),
    "attendee_mismatch": ("The reply names {attendee}, who was not invited under this entry.", True),
    "delegate_unapproved": ("{sent_by} answers on behalf of {attendee}, which nobody has approved.", True),
    "from_missing": ("The mail does not say who sent it.", True),
    "from_ambiguous": ("The sender of this mail can be read in two ways.", True),
    "from_unreadable": ("The sender of this mail is not an address.", True),
    "from_mismatch": ("The mail came from {sender}, not from {attendee}.", True),
    "auth_fail": ("Our mail server says that this mail does not come from {domain} (DMARC failed).", True),
}
# Google answers "as" the attendee and signs with its own domain, so DMARC fails by design for most of its users.
PROVIDERS = frozenset({"google.com"})


@dataclass(frozen=True, slots=True)
class Trust:
    """`speaks`: the reply may take effect. `ask`: the enrolled address is to be asked once whether it was them."""

    speaks: bool
    reason_code: str
    reason: str
    ask: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Authentication:
    """What our own mail server found: `result` is pass, fail, none, missing or off; `provider` the calendar that
    signed."""

    result: str
    provider: str = ""
    words: str = ""


def assess(
    incoming: Incoming,
    one: ItipObject,
    attendee: Attendee,
    *,
    enrolled: str,
    aliases: Set[str] = frozenset(),
    trusted_senders: Set[str] = frozenset(),
    delegates: Set[str] = frozenset(),
    authserv_id: str | None = None,
    organizer: str = "",
    envelope_from: str = "",
) -> Trust:
    """Judge one object of a mail whose UID names the entry of `enrolled`.

    `aliases`, `trusted_senders` and `delegates` (approved for SENT-BY) hold canonical addresses; `organizer` is that of
    the entry, compared only to be noted; `authserv_id` is ours, None where no Authentication-Results are believed.
    """
    own = {canonical(enrolled), *aliases}
    sender, sent_by = canonical(incoming.sender), canonical(attendee.sent_by)
    auth = authentication(incoming, authserv_id, envelope_from)
    code = (
        _contradiction(incoming, one)
        or ("attendee_mismatch" if canonical(attendee.address) not in own else "")
        or ("delegate_unapproved" if _unapproved(one, sent_by, own | delegates) else "")
        or incoming.sender_problem
        or ("from_mismatch" if sender not in own | trusted_senders | ({sent_by} & delegates) else "")
        or ("auth_fail" if auth.result == "fail" and not auth.provider else "")
    )
    speaks = not code
    code = code or ("trusted" if sender in own or sender == sent_by else "trusted_sender")
    words, ask = REASONS[code]
    named = {"attendee": attendee.address, "sender": incoming.sender, "sent_by": attendee.sent_by or "Somebody"}
    evidence = {
        "attendee": attendee.address,
        "from": incoming.sender or incoming.sender_problem,
        "sent_by": attendee.sent_by,
        "authentication": auth.result,
        "provider": auth.provider,
        "authentication_words": auth.words,
        "organizer": _organizer(one, organizer),
        "defects": [*incoming.defects, *one.defects],
    }
    return Trust(speaks, code, words.format(**named, domain=sender.rpartition("@")[2]), ask, evidence)


def authentication(incoming: Incoming, authserv_id: str | None, envelope_from: str = "") -> Authentication:
    """Read the topmost Authentication-Results (RFC 8601) that bears exactly our id; the others strangers wrote."""
    if not authserv_id:
        return Authentication("off")
    for raw in incoming.authentication_results:
        found = _parsed(raw)
        if found is None:
            if _id_of(raw) != authserv_id.lower():
                continue
            # Ours, in a form that the library does not read: only a plain failure counts.
            return Authentication("fail" if re.search(r"\bdmarc\s*=\s*fail", raw, re.I) else "none", words=raw[:300])
        if (found.authserv_id or "").lower() == authserv_id.lower():
            return _judged(found, incoming, envelope_from, raw)
    return Authentication("missing")


def _judged(found: Any, incoming: Incoming, envelope_from: str, raw: str) -> Authentication:
    domain = canonical(incoming.sender).rpartition("@")[2]
    dmarc = [r for r in found.results if r.method.lower() == "dmarc"]
    verdicts = {r.result.lower() for r in dmarc}
    signed = {d for r in found.results if r.method.lower() == "dkim" and r.result.lower() == "pass" for d in _domains(r)}
    provider = next(iter(sorted(signed & PROVIDERS)), "")
    if provider and envelope_from and not _below(envelope_from.rpartition("@")[2].lower(), provider):
        provider = ""
    if verdicts & {"fail", "permerror"}:
        return Authentication("fail", provider, raw[:300])
    named = {value for r in dmarc if r.result.lower() == "pass" for value in _values(r, "from")}
    passed = domain in named or ("pass" in verdicts and not named) or domain in signed
    return Authentication("pass" if passed else "none", provider, raw[:300])


def _contradiction(incoming: Incoming, one: ItipObject) -> str:
    if "conflicting_parts" in incoming.defects:
        return "conflicting_parts"
    return "partstat_twice" if "partstat_twice" in one.defects else ""


def _unapproved(one: ItipObject, sent_by: str, approved: Set[str]) -> bool:
    return "sent_by_unreadable" in one.defects or bool(sent_by and sent_by not in approved)


def _organizer(one: ItipObject, expected: str) -> str:
    if not one.organizer:
        return "missing"
    return "same" if canonical(one.organizer) == canonical(expected) else "foreign"


def _parsed(raw: str) -> Any | None:
    try:
        return authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {raw}")
    except (authres.AuthResError, RecursionError, ValueError):
        return None


def _id_of(raw: str) -> str:
    found = re.match(r'\s*"?([^\s";]{1,255})"?', raw)
    return found[1].lower() if found else ""


def _domains(result: Any) -> Iterator[str]:
    yield from _values(result, "d")
    yield from (value.rpartition("@")[2] for value in _values(result, "i"))


def _values(result: Any, name: str) -> Iterator[str]:
    for one in result.properties:
        if one.type.lower() == "header" and one.name.lower() == name and one.value:
            yield str(one.value).lower()


def _below(domain: str, parent: str) -> bool:
    return domain == parent or domain.endswith(f".{parent}")
