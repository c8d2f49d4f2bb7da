"""Rooms, with how many they hold."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref


class Room(Base):
    """Where sessions take place; two of them in one room at one time are pointed out."""

    __tablename__ = "rooms"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    name: Mapped[str]
    location: Mapped[str] = mapped_column(default="")
    capacity: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime]

    @property
    def place(self) -> str:
        """As it stands in calendars: the name, and where that is."""
        return f"{self.name}, {self.location}" if self.location else self.name
