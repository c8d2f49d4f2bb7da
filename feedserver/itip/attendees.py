"""ATTENDEE and ORGANIZER (RFC 5545 3.8.4) as real programs write them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from ..addresses import check
from ..errors import Invalid
from .lines import Line, seen


@dataclass(frozen=True, slots=True)
class Attendee:
    """One ATTENDEE: addresses without mailto: ("" where unreadable), PARTSTAT in upper case ("" where missing)."""

    address: str
    partstat: str = ""
    sent_by: str = ""
    delegated_to: str = ""
    delegated_from: str = ""
    name: str = ""


def attendee_in(line: Line, defects: list[str]) -> Attendee:
    """Read an ATTENDEE line; what is wrong with it is added to `defects`."""
    partstats = {value.upper() for value in line.all("PARTSTAT")}
    if len(partstats) > 1:
        defects.append("partstat_twice")
    return Attendee(
        address=address_in(line, defects),
        partstat=partstats.pop()[:40] if len(partstats) == 1 else "",
        sent_by=_related(line, "SENT-BY", defects),
        delegated_to=_related(line, "DELEGATED-TO", defects),
        delegated_from=_related(line, "DELEGATED-FROM", defects),
        name=seen(line.get("CN"))[:200].replace("\n", " "),
    )


def address_in(line: Line, defects: list[str]) -> str:
    """The address of an ATTENDEE or ORGANIZER line; EMAIL= (RFC 7986 6.2) where the value is none, as with urn:uuid."""
    given = line.value if "@" in line.value or "%40" in line.value else line.get("EMAIL")
    address = address_of(given)
    if not address:
        defects.append("address_invalid")
    return address


def _related(line: Line, name: str, defects: list[str]) -> str:
    given = line.get(name)
    if given and not (address := address_of(given.split(",")[0])):
        # An unquoted SENT-BY=mailto:a@x:mailto:b@y ends at its first colon; who speaks is then unknown.
        defects.append(f"{name.lower().replace('-', '_')}_unreadable")
        return ""
    return address if given else ""


def address_of(uri: str) -> str:
    """The address in a CAL-ADDRESS: mailto: in any case or missing (ActiveSync), in <>, percent-encoded; else ""."""
    text = uri.strip().strip("<>\"'").strip()
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    try:
        return check(unquote(text.strip().strip("<>\"'"))) if len(text) < 1000 else ""
    except Invalid:
        return ""
