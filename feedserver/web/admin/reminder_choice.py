"""When people are reminded, as a group of boxes: of the organisation, a course, a session."""

from __future__ import annotations

from ...training.reminders import RULES
from ..forms import Field

ABOVE = "above"
_HINT = "None ticked: no reminders. The alarm in the calendar entry is the push on the phone; these are mails, and each can stop them."


def field(above: str | None, *, more: bool = True) -> Field:
    """The boxes; `above` names what decides where nothing is said here (None: nothing does)."""
    rules = [(name, rule.words) for name, rule in RULES.items()]
    first = [(ABOVE, f"As the {above} says, whatever is ticked below")] if above else []
    return Field("reminders", "Reminders by mail", "checks", hint=_HINT, choices=(*first, *rules), more=more and above is not None)


def read(ticked: list[str]) -> list[str] | None:
    """What was ticked, as it is kept."""
    return None if ABOVE in ticked else ticked


def shown(kept: list[str] | None) -> list[str]:
    """The boxes that are ticked."""
    return [ABOVE] if kept is None else kept
