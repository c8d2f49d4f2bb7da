"""What all rows share: the declarative base, names of constraints, instants, tenancy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from sqlalchemy import BigInteger, Dialect, ForeignKey, Integer, MetaData, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as microseconds since 1970: it sorts, compares and adds alike in SQLite and PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | int | None, dialect: Dialect) -> int | None:
        """Datetime to microseconds; a naive one is a mistake of ours."""
        if value is None or isinstance(value, int):
            return value
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Microseconds to an aware datetime."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def microseconds(value: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    if value.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return (value - _EPOCH) // _MICROSECOND


class Base(DeclarativeBase):
    """Root of all rows."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, str: Text}


# BIGINT on PostgreSQL; INTEGER on SQLite, where only that is the rowid.
BigId = BigInteger().with_variant(Integer, "sqlite")
Id = Annotated[int, mapped_column(BigId, primary_key=True, autoincrement=True)]


def ref(target: str, **options) -> Mapped[int]:
    """A foreign key to `table.id`, indexed unless told otherwise."""
    cascade = options.pop("ondelete", "CASCADE")
    index = options.pop("index", True)
    return mapped_column(BigId, ForeignKey(f"{target}.id", ondelete=cascade), index=index, **options)
