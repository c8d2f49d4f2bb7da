"""Certificates from a CSV file: `email` and `certificate` (the kind's name or id), and `awarded_on`, `expires_on` as wanted.

A line that is known changes nothing, so the same file may be read again. What cannot be taken is told with its line and reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..addresses import canonical
from ..errors import Invalid
from ..store.certificates import CertificateKind
from . import attending, certifying, import_lines
from .import_lines import Line
from .importing import Refusal, Tally
from .work import Work

COLUMNS = ("email", "certificate", "awarded_on", "expires_on")
REQUIRED = ("email", "certificate")


def take(work: Work, table: Iterable[Line]) -> Tally:
    """Take the lines of a `TableFile`, the older awards first; the number of statements depends on how many different kinds and days they name."""
    tally = Tally()
    lines = list(import_lines.cells_of(table, COLUMNS, tally))
    who = attending.learners_of(work, list({canonical(cells["email"]) for _, cells in lines}))
    found = {name: import_lines.named(work, CertificateKind, name) for name in {cells["certificate"]: None for _, cells in lines}}
    grouped: dict[tuple, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, cells in lines:
        with import_lines.refusing(tally, number):
            learner_id = who.get(canonical(cells["email"]))
            if learner_id is None:
                raise Invalid("Nobody here has this address.", field="email")
            if found[cells["certificate"]] is None:
                raise Invalid("There is no one kind of certificate of this name or id.", field="certificate")
            on, ends = (import_lines.day(cells[name], name) for name in ("awarded_on", "expires_on"))
            on, ends = certifying.checked_days(work, on, ends)
            grouped[found[cells["certificate"]], on, ends][learner_id].append(number)
    for kind_id, on, ends in sorted(grouped, key=lambda one: (one[0], one[1])):
        some = grouped[kind_id, on, ends]
        done = certifying.award_many(work, some, kind_id, source="csv", on=on, expires_on=ends)
        refused = dict(done.refused)
        tally.refused += [Refusal(number, refused[one]) for one in refused for number in some[one]]
        tally.added += len(done.made)
        tally.unchanged += sum(len(numbers) for one, numbers in some.items() if one not in refused) - len(done.made)
    tally.refused.sort(key=lambda one: one.line)
    return tally
