"""Pages of lists: `limit` is clamped and never refused; the cursor says where the next page begins and means nothing else."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from sqlalchemy import Select

from ...errors import Invalid
from .fields import LARGEST_ID, Out

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


class Query(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, BeforeValidator(clamp), WithJsonSchema(_LIMIT)] = DEFAULT
    cursor: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{2,60}$", "description": "`next` of the page before."}),
    ] = None  # fmt: skip


class Page(Out, Generic[T]):
    """One page; `next` is the cursor of the page after it, null at the end."""

    items: list[T]
    next: str | None = Field(examples=[None])


def write_cursor(*place: int) -> str:
    """A place as a URL-safe cursor."""
    return base64.urlsafe_b64encode(".".join(str(n) for n in place).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, parts: int = 1) -> tuple[int, ...] | None:
    """The place that a cursor names, None for the beginning; raises `Invalid`."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        place = tuple(int(n) for n in text.split(".") if _DIGITS.fullmatch(n))
        if len(place) == parts == text.count(".") + 1 and all(abs(n) <= LARGEST_ID for n in place):
            return place
    except (binascii.Error, ValueError):
        pass  # falls through to the one sentence below
    raise Invalid("This is no cursor of ours; use `next` of the page before, or leave it out.", field="cursor")


def page_of(rows: Sequence[Any], limit: int, place: Callable[[Any], tuple[int, ...]]) -> tuple[Sequence[Any], str | None]:
    """(the page, the next cursor) of up to `limit + 1` rows."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write_cursor(*place(rows[limit - 1]))


def by_id(db, query: Select, column, given: Query, *, newest_first: bool = False) -> tuple[Sequence[Any], str | None]:
    """One page of a query of rows with `id`, in the order of their ids."""
    place = read_cursor(given.cursor)
    if place is not None:
        query = query.where(column < place[0] if newest_first else column > place[0])
    query = query.order_by(column.desc() if newest_first else column).limit(given.limit + 1)
    return page_of(db.scalars(query).all(), given.limit, lambda row: (row.id,))
