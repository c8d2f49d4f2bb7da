"""What another start date does to an onboarding, before anybody is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from ..store.milestones import DONE
from ..store.onboarding import Onboarding, OnboardingItem
from ..store.sessions import LiveSession
from . import onboarding
from .finding import find
from .work import Work


class Date(NamedTuple):
    """The session that a step is."""

    id: int
    title: str
    starts_at: datetime
    ends_at: datetime
    timezone: str


@dataclass(frozen=True)
class Moving:
    """A step: its day and its session (None: none was found, or it is none) before and after; `done`: it stays as it is."""

    title: str
    done: bool
    before: date
    after: date
    session_before: Date | None
    session_after: Date | None

    @property
    def moves(self) -> bool:
        """Whether anything of it changes."""
        return self.before != self.after or self.session_before != self.session_after


def foreseen(work: Work, onboarding_id: int, start_date: date) -> list[Moving]:
    """What `onboarding.move` does, step by step. It moves them: for a rehearsal (`House.rehearse`), which takes that back."""
    one = find(work, Onboarding, onboarding_id)
    before = {item.id: (item.day, session) for item, session in _steps(work, one)}
    onboarding.move(work, onboarding_id, start_date)
    return [
        Moving(item.title, item.state == DONE, before[item.id][0], item.day, before[item.id][1], now) for item, now in _steps(work, one)
    ]


def _steps(work: Work, one: Onboarding) -> list[tuple[OnboardingItem, Date | None]]:
    items = onboarding.items_of(work, one)
    sessions = onboarding.sessions_of(work, items)
    return [(item, _date(sessions.get(item.live_session_id))) for item in items]


def _date(session: LiveSession | None) -> Date | None:
    return Date(session.id, session.title, session.starts_at, session.ends_at, session.timezone) if session is not None else None
