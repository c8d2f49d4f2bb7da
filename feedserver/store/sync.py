"""What other systems keep up to date here: teams that they name, and what came of each of their lists."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, ref

KINDS = ("learners", "teams", "courses", "sessions", "enrolments")


class Team(Base):
    """A team as another system names it. Its people are the learners whose `team` is its name; `manager_email` goes to them with it."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("organisation_id", "external_id"), UniqueConstraint("organisation_id", "name"))

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations", index=False)
    external_id: Mapped[str]
    name: Mapped[str]
    manager_email: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]


class SyncRun(Base):
    """One list that another system sent. `changes` holds [external_id, id, fields] of what was made or changed, `refusals` [row, external_id, reason];
    each the first of them alone. `gone` of the updated left since the list did not name them; `held_back` says why nobody did.
    """

    __tablename__ = "sync_runs"

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    kind: Mapped[str]
    actor: Mapped[str]
    dry_run: Mapped[bool] = mapped_column(Boolean, default=False)
    created: Mapped[int] = mapped_column(Integer, default=0)
    updated: Mapped[int] = mapped_column(Integer, default=0)
    unchanged: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)
    gone: Mapped[int] = mapped_column(Integer, default=0)
    changes: Mapped[list] = mapped_column(JSON, default=list)
    refusals: Mapped[list] = mapped_column(JSON, default=list)
    held_back: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
