"""The fields of a session that can be edited: those that calendars show, and those that are rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..training.changes import instant

SHOWN_FIELDS = (
    "title",
    "description",
    "location",
    "join_url",
    "access_code",
    "instructors",
    "start",
    "end",
    "timezone",
    "fold",
    "visibility",
    "room_id",
    "files",
)
RULE_FIELDS = (
    "capacity",
    "approval_required",
    "waiting_list",
    "calendar_enabled",
    "offer_minutes",
    "hold_minutes",
    "lock_minutes",
    "guests",
    "counts",
    "reminders",
)
EDITABLE = SHOWN_FIELDS + RULE_FIELDS
TIMES = ("start", "end", "timezone", "fold")


def instants(values: Mapping[str, Any]) -> dict[str, Any]:
    """`starts_at` and `ends_at` of wall-clock times."""
    fold = values.get("fold", 0)
    return {f"{name}s_at": instant(values[name], values["timezone"], fold) for name in ("start", "end")}
