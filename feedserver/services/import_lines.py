"""What imports from CSV files share: the cells of lines, rows by name or id, days, and refusals told with their line and reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from sqlalchemy import ColumnElement, func, select

from ..addresses import canonical
from ..errors import FeedserverError, Invalid
from ..store.base import Base
from . import attending
from .importing import Refusal, Tally
from .work import Work

Line = tuple[int, dict[str, str] | str]
_LONGEST = 500
_LARGEST = 2**63 - 1


def cells_of(table: Iterable[Line], columns: Sequence[str], tally: Tally) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, its cells, trimmed, every column there) of a `TableFile`; lines that cannot be read are refused."""
    for number, cells in table:
        if isinstance(cells, str):
            tally.refused.append(Refusal(number, cells))
        else:
            yield number, {name: (cells.get(name) or "").strip()[:_LONGEST] for name in columns}


@contextmanager
def refusing(tally: Tally, number: int) -> Iterator[None]:
    """What a rule refuses inside becomes a refusal of this line, with the column's name."""
    try:
        yield
    except FeedserverError as error:
        tally.refused.append(Refusal(number, f"{error.field}: {error.detail}" if error.field else error.detail))


def named(work: Work, row: type[Base], text: str, *where: ColumnElement[bool]) -> int | None:
    """The id of the one row of the organisation with this name, or else this id; None where there is none, or more than one."""
    mine = select(row.id).where(row.organisation_id == work.organisation_id, *where)
    found = list(work.db.scalars(mine.where(func.lower(row.name) == text.lower()).limit(2)))
    if not found and text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST:
        found = list(work.db.scalars(mine.where(row.id == int(text))))
    return found[0] if len(found) == 1 else None


def people(work: Work, lines: Iterable[tuple[int, dict[str, str]]]) -> dict[str, int]:
    """Learner ids by the address in column `email`, for `person`."""
    return attending.learners_of(work, list({canonical(cells["email"]) for _, cells in lines}))


def person(who: dict[str, int], email: str) -> int:
    """The learner with this address; raises `Invalid`."""
    found = who.get(canonical(email))
    if found is None:
        raise Invalid("Nobody here has this address.", field="email")
    return found


def there(row_id: int | None, what: str, field: str) -> int:
    """What `named` has found; raises `Invalid` where it was nothing, or more than one."""
    if row_id is None:
        raise Invalid(f"There is no one {what} of this name or id.", field=field)
    return row_id


def day(text: str, field: str) -> date | None:
    """A day as it stands in a cell, None for an empty one; raises `Invalid` for `field`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid("Write the day as 2027-03-31.", field=field) from error
