"""Pages of lists: `limit` is clamped and never refused; the cursor says where the next page begins and means nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from sqlalchemy import Select

from ...errors import Invalid
from .fields import Out

T = TypeVar("T")
DEFAULT, LARGEST = 50, 200
_DIGITS = re.compile(r"-?[0-9]{1,19}")


def clamp(value: Any) -> int:
    """1 to 200; what is no number counts as 50."""
    text = str(value).strip()
    if not _DIGITS.fullmatch(text):
        return DEFAULT
    return max(1, min(LARGEST, int(text)))


_LIMIT = {"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "How many, 1 to 200; clamped, never refused."}


# 63 bits in base64url, so that whatever has this form is a place, and the description says all that can be wrong with one.
_PLACE = "[A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]"


def cursor_of(parts: int) -> Any:
    """The type of the cursor of a list that is ordered by so many numbers."""
    schema = {"type": "string", "pattern": f"^({_PLACE}){{{parts}}}$", "description": "`next` of the page before."}
    return Annotated[str | None, WithJsonSchema(schema)]


class Query(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, BeforeValidator(clamp), WithJsonSchema(_LIMIT)] = DEFAULT
    cursor: cursor_of(1) = None


class Page(Out, Generic[T]):
    """One page; `next` is the cursor of the page after it, null at the end."""

    items: list[T]
    next: str | None = Field(examples=[None])


def write_cursor(*place: int) -> str:
    """A place, of numbers from 0 to 2**63 - 1, as a URL-safe cursor."""
    return "".join(base64.urlsafe_b64encode(n.to_bytes(8, "big")).decode().rstrip("=") for n in place)


def read_cursor(cursor: str | None, parts: int = 1) -> tuple[int, ...] | None:
    """The place that a cursor names, None for the beginning; raises `Invalid`."""
    if cursor is None:
        return None
    if not re.fullmatch(f"({_PLACE}){{{parts}}}", cursor):
        raise Invalid("This is no cursor of ours; use `next` of the page before, or leave it out.", field="cursor")
    pieces = [cursor[at : at + 11] for at in range(0, len(cursor), 11)]
    return tuple(int.from_bytes(base64.urlsafe_b64decode(f"{piece}="), "big") for piece in pieces)


def page_of(rows: Sequence[Any], limit: int, place: Callable[[Any], tuple[int, ...]]) -> tuple[Sequence[Any], str | None]:
    """(the page, the next cursor) of up to `limit + 1` rows."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write_cursor(*place(rows[limit - 1]))


def narrowed(query: Select, given: Query, **columns: Any) -> Select:
    """Only rows whose column has the value of the parameter of that name, where it is given."""
    return query.where(*(column == value for name, column in columns.items() if (value := getattr(given, name)) is not None))


def by_number(rows: Iterable[Any], given: Query) -> tuple[Sequence[Any], str | None]:
    """One page of rows that are all there already and few, the newest first."""
    before = (read_cursor(given.cursor) or (2**63,))[0]
    left = sorted((one for one in rows if one.id < before), key=lambda one: -one.id)
    return page_of(left[: given.limit + 1], given.limit, lambda one: (one.id,))


def by_id(db, query: Select, column, given: Query, *, newest_first: bool = False) -> tuple[Sequence[Any], str | None]:
    """One page of a query of rows with `id`, in the order of their ids."""
    place = read_cursor(given.cursor)
    if place is not None:
        query = query.where(column < place[0] if newest_first else column > place[0])
    query = query.order_by(column.desc() if newest_first else column).limit(given.limit + 1)
    return page_of(db.scalars(query).all(), given.limit, lambda row: (row.id,))
