"""Imports from a page: looked at first, then carried out in pieces, so that the page can show how far it is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, BigId, Id, ref

READY, RUNNING, DONE = "ready", "running", "done"


class ImportJob(Base):
    """One file of learners. Lines up to `at_line` are done; `refused` holds [line, reason]; the file itself goes once it is done.

    `alive_at` is when it last moved: what stopped (its process ended) is told from it, and goes on where it was.
    """

    __tablename__ = "import_jobs"

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    actor: Mapped[str]
    state: Mapped[str] = mapped_column(default=READY)
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    group_id: Mapped[int | None] = mapped_column(BigId)
    welcome: Mapped[bool] = mapped_column(Boolean, default=False)
    lines: Mapped[int] = mapped_column(Integer, default=0)
    at_line: Mapped[int] = mapped_column(Integer, default=0)
    added: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    unchanged: Mapped[int] = mapped_column(Integer, default=0)
    joined: Mapped[int] = mapped_column(Integer, default=0)
    mailed: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[list] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime]
    alive_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
