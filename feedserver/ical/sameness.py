"""Whether two calendar objects say the same, whichever server has rewritten one of them meanwhile.

Servers sort properties, fold lines anew, add a PRODID or a VTIMEZONE of their own and change stamps (measured: Radicale, Xandikos and Cyrus do, sabre/dav
gives the octets back), so what a person would see is compared, not octets.
"""

from __future__ import annotations

import hashlib
import re

# Who wrote it and when is not what it says.
_ASIDE = frozenset({"PRODID", "VERSION", "CALSCALE", "METHOD", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE"})
_DEFAULTS = frozenset({"TRANSP:OPAQUE", "STATUS:CONFIRMED", "CLASS:PUBLIC", "PRIORITY:0"})
_FOLD = re.compile(r"\n[ \t]")
_HEAD = re.compile(r'([A-Za-z0-9-]+)((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)', re.DOTALL)


def fingerprint(data: bytes) -> str:
    """A digest of what a calendar object says: order, folding, stamps, time zone definitions and defaults written out do not count. Never raises."""
    text = _FOLD.sub("", data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))
    path: list[str] = []
    said: list[str] = []
    for line in text.split("\n"):
        found = _HEAD.match(line.strip())
        if found is None:
            continue
        name, parameters, value = found[1].upper(), found[2], found[3]
        if name == "BEGIN":
            path.append(value.upper())
        elif name == "END":
            del path[-1:]
        elif "VTIMEZONE" not in path and name not in _ASIDE and not (name.startswith("X-") or f"{name}:{value.upper()}" in _DEFAULTS):
            said.append(f"{'/'.join(path)} {name}{_parameters(parameters)}:{_value(value)}")
    return hashlib.sha256("\n".join(sorted(said)).encode()).hexdigest()


def _parameters(text: str) -> str:
    """Sorted, without quotation marks; those that name a default or belong to a server left out."""
    found = [one.replace('"', "") for one in text.split(";") if one]
    kept = [one for one in found if not one.upper().startswith(("X-", "VALUE=DATE-TIME", "VALUE=DURATION", "RELATED=START"))]
    return "".join(f";{one}" for one in sorted(kept))


def _value(text: str) -> str:
    """One spelling of a line break and of an escape."""
    return text.replace("\\N", "\\n").replace("\\:", ":").replace('\\"', '"').strip()
