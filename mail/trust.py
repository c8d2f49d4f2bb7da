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
from feedserver.imip.incoming import Incoming, Signature
from feedserver.imip.signed import speaks_for
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
    "auth_missing": ("Nothing proves that the mail came from {domain}, and strict trust asks for proof.", True),
    "auth_temperror": ("Whether the mail is signed by {domain} could not be found out just now; it is tried once more.", False),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a reply has to show beyond UID, ATTENDEE and From. `proof`: that it came from the sender's domain. `provider`: the signature of a calendar
    provider outweighs a DMARC that failed."""

    proof: bool
    provider: bool


PROFILES = {"standard": Profile(proof=False, provider=True), "strict": Profile(proof=True, provider=False)}
"""docs/security.md shows this table; an organisation chooses one."""
# Google answers "as" the attendee and signs with its own domain, so DMARC fails by design for most of its users.
PROVIDERS = frozenset({"google.com"})


@dataclass(frozen=True, slots=True)
class Strange:
    """Who is asked about: `kind` is what a Yes would make known (an alias, a delegate, or nothing beyond the message)."""

    kind: str
    sender: str = ""
    attendee: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """`speaks`: the reply may take effect. `ask`: the enrolled address is to be asked once whether it was them.

    `wants`: numbers of the signatures on which the verdict hangs and which nobody has checked; until then it is none.
    """

    speaks: bool
    reason_code: str
    reason: str
    ask: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)
    strange: Strange | None = None
    wants: tuple[int, ...] = ()


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
    profile: str = "standard",
    patient: bool = True,
) -> Trust:
    """Judge one object of a mail whose UID names the entry of `enrolled`.

    `aliases`, `trusted_senders` and `delegates` (approved for SENT-BY) hold canonical addresses; `organizer` is that of
    the entry, compared only to be noted; `authserv_id` is ours, None where no Authentication-Results are believed.
    `patient`: a DNS that did not answer may be asked once more later.
    """
    own = {canonical(enrolled), *aliases}
    sender, sent_by = canonical(incoming.sender), canonical(attendee.sent_by)
    auth = authentication(incoming, authserv_id, envelope_from)
    code, wants = (
        (
            _contradiction(incoming, one)
            or ("attendee_mismatch" if canonical(attendee.address) not in own else "")
            or ("delegate_unapproved" if _unapproved(one, sent_by, own | delegates) else "")
            or incoming.sender_problem
            or ("from_mismatch" if sender not in own | trusted_senders | ({sent_by} & delegates) else "")
        ),
        (),
    )
    if not code:
        code, wants = _proved(PROFILES[profile], auth, incoming, envelope_from, patient)
    speaks = not code
    code = code or ("trusted" if sender in own or sender == sent_by else "trusted_sender")
    words, ask = REASONS[code]
    strange = _strange(code, own, sender, canonical(attendee.address), sent_by) if ask else None
    named = {"attendee": attendee.address, "sender": incoming.sender, "sent_by": attendee.sent_by or "Somebody"}
    evidence = {
        "attendee": attendee.address,
        "attendee_is": _whose(canonical(attendee.address), enrolled, own, frozenset(), frozenset()),
        "from": incoming.sender or incoming.sender_problem,
        "from_is": _whose(sender, enrolled, own, delegates, trusted_senders),
        "sent_by": attendee.sent_by,
        "profile": profile,
        "authentication": auth.result,
        "provider": auth.provider,
        "authentication_words": auth.words,
        "signatures": [" ".join(filter(None, (f"{s.domain}: {s.result}.", s.why))) for s in incoming.signatures],
        "organizer": _organizer(one, organizer),
        "defects": [*incoming.defects, *one.defects],
        "strange": {"kind": strange.kind, "sender": strange.sender, "attendee": strange.attendee} if strange else "",
    }
    words = words.format(**named, domain=sender.rpartition("@")[2])
    return Trust(speaks, code, words, strange is not None, evidence, strange, wants)


def _proved(profile: Profile, auth: Authentication, incoming: Incoming, envelope_from: str, patient: bool) -> tuple[str, tuple[int, ...]]:
    """What the proof of origin lacks, "" for nothing; and the signatures that have to be checked before it can be said."""
    verdict = _weighed(profile, auth, incoming, envelope_from, {"pass"})
    if not verdict:
        return "", ()
    if not _weighed(profile, auth, incoming, envelope_from, {"pass", "unchecked"}):
        relevant = enumerate(incoming.signatures)
        return verdict, tuple(n for n, s in relevant if s.result == "unchecked" and _matters(s, incoming.sender, profile, auth))
    if patient and not _weighed(profile, auth, incoming, envelope_from, {"pass", "temperror"}):
        return "auth_temperror", ()
    return verdict, ()


def _weighed(profile: Profile, auth: Authentication, incoming: Incoming, envelope_from: str, counted: Set[str]) -> str:
    good = [one for one in incoming.signatures if one.result in counted]
    provider = auth.provider or any(_from_provider(one, envelope_from) for one in good)
    if auth.result == "fail":
        return "" if profile.provider and provider else "auth_fail"
    passed = auth.result == "pass" or any(speaks_for(one, incoming.sender) for one in good)
    return "auth_missing" if profile.proof and not passed else ""


def _matters(signature: Signature, sender: str, profile: Profile, auth: Authentication) -> bool:
    if auth.result == "fail":
        return profile.provider and signature.domain in PROVIDERS
    return speaks_for(signature, sender)


def _from_provider(signature: Signature, envelope_from: str) -> bool:
    outside = envelope_from and not _below(envelope_from.rpartition("@")[2].lower(), signature.domain)
    return signature.domain in PROVIDERS and not outside


def _strange(code: str, own: Set[str], sender: str, attendee: str, sent_by: str) -> Strange | None:
    """Whom the enrolled address is asked about; None where there is nobody to be named."""
    if code == "attendee_mismatch":
        known = sender in own
        if not sender and not known:
            return None
        return Strange("alias", attendee if known else sender, attendee if attendee not in (sender, "") and not known else "")
    if code == "delegate_unapproved":
        return Strange("delegate", sent_by) if sent_by else Strange("message", sender)
    return Strange("alias" if code == "from_mismatch" else "message", sender)


def _whose(address: str, enrolled: str, own: Set[str], delegates: Set[str], trusted: Set[str]) -> str:
    if not address:
        return "unclear"
    kinds = (("enrolled", {canonical(enrolled)}), ("alias", own), ("delegate", delegates), ("trusted sender", trusted))
    return next((name for name, known in kinds if address in known), "strange")


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
