"""Certificates from a CSV file: `email` and `certificate` (the kind's name or id), and `awarded_on`, `expires_on` as wanted.

A line that is known changes nothing, so the same file may be read again. What cannot be taken is told with its line and reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..store.certificates import CertificateKind
from . import certifying, import_lines
from .import_lines import Line
from .importing import Refusal, Tally
from .work import Work

COLUMNS = ("email", "certificate", "awarded_on", "expires_on")
REQUIRED = ("email", "certificate")


def take(work: Work, table: Iterable[Line]) -> Tally:
    """Take the lines of a `TableFile`, the older awards first; the number of statements depends on how many different kinds and days they name."""
    tally = Tally()
    lines = list(import_lines.cells_of(table, COLUMNS, tally))
    who = import_lines.people(work, lines)
    found = {name: import_lines.named(work, CertificateKind, name) for name in {cells["certificate"]: None for _, cells in lines}}
    grouped: dict[tuple, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, cells in lines:
        with import_lines.refusing(tally, number):
            learner_id = import_lines.person(who, cells["email"])
            kind_id = import_lines.there(found[cells["certificate"]], "kind of certificate", "certificate")
            on, ends = (import_lines.day(cells[name], name) for name in ("awarded_on", "expires_on"))
            on, ends = certifying.checked_days(work, on, ends)
            grouped[kind_id, on, ends][learner_id].append(number)
    for kind_id, on, ends in sorted(grouped, key=lambda one: (one[0], one[1])):
        some = grouped[kind_id, on, ends]
        done = certifying.award_many(work, some, kind_id, source="csv", on=on, expires_on=ends)
        refused = dict(done.refused)
        tally.refused += [Refusal(number, refused[one]) for one in refused for number in some[one]]
        tally.added += len(done.made)
        tally.unchanged += sum(len(numbers) for one, numbers in some.items() if one not in refused) - len(done.made)
    tally.refused.sort(key=lambda one: one.line)
    return tally
