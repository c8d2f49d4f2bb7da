"""Somebody else wants to come: delegation (RFC 5546 3.2.2.3), or an invitation that was passed on without a word of it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from ..addresses import canonical
from ..training.statuses import Answer
from .attendees import Attendee
from .parse import ItipObject

DELEGATED = "DELEGATED"
_COMING = frozenset({Answer.YES.value, Answer.MAYBE.value})


@dataclass(frozen=True, slots=True)
class Instead:
    """Who wants to come (`guest`, with an own PARTSTAT where they answer themselves), and the invited one's line that names them, if there is one."""

    guest: Attendee
    named_by: Attendee | None = None

    @property
    def is_delegation(self) -> bool:
        """Whether either of them says so, and not only acts so."""
        return self.named_by is not None or bool(self.guest.delegated_from)


def instead(one: ItipObject, known: Set[str]) -> Instead | None:
    """Who a REPLY wants to let come instead of the one whose UID it is (`known`: their canonical addresses), if it does.

    Of several ATTENDEEs only the pair of 3.2.2.3 is understood: the one who delegates and the one delegated to. A stranger's No is nobody's coming.
    """
    mine = [a for a in one.attendees if canonical(a.address) in known]
    others = [a for a in one.attendees if a.address and canonical(a.address) not in known]
    if len(mine) == 1 and len(one.attendees) <= 2 and mine[0].partstat == DELEGATED:
        return _delegated(mine[0], others, known)
    alone = others[0] if len(one.attendees) == len(others) == 1 else None
    return Instead(alone) if alone and alone.partstat in _COMING else None


def _delegated(mine: Attendee, others: list[Attendee], known: Set[str]) -> Instead | None:
    to = canonical(mine.delegated_to)
    if others and (not to or canonical(others[0].address) == to):
        return Instead(others[0], mine) if others[0].partstat in _COMING | {"", "NEEDS-ACTION"} else None
    return Instead(Attendee(mine.delegated_to), mine) if to and not others and to not in known else None
