"""Which entries of the history are events for programs that listen: one table from the verb, and what an enrolment's change of status is called.

Every verb of the history is in one of the two lists; a test holds that (docs/webhooks.md says what the types mean).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..training.statuses import ATTENDANCE, EnrolmentStatus

ENROLMENT, ANSWER, ATTENDANCE_, SESSION, COMPLETION, CERTIFICATE = (
    "enrolment",
    "answer",
    "attendance",
    "session",
    "completion",
    "certificate",
)
FAMILIES = (ENROLMENT, ANSWER, ATTENDANCE_, SESSION, COMPLETION, CERTIFICATE)
"""What a webhook can ask for; the first word of each type."""
PING = "ping"

TYPES: Mapping[str, str] = {
    "enrolled": "enrolment.created",
    "seat no longer kept": "enrolment.seat_released",
    "answered": "answer.received",
    "answered the old date": "answer.outdated",
    "answer undone": "answer.withdrawn",
    "checked in": "attendance.checked_in",
    "joined online": "attendance.joined_online",
    "created": "session.created",
    "edited": "session.updated",
    "date added": "session.updated",
    "split": "session.updated",
    "reissued": "session.updated",
    "published": "session.published",
    "cancelled": "session.cancelled",
    "completed": "completion.recorded",
    "completion undone": "completion.undone",
    "certificate awarded": "certificate.awarded",
    "certificate revoked": "certificate.revoked",
}
"""Verb of the history -> type of the event. A change of an enrolment's status goes by what it changed, not by its verb (`type_of`)."""

STATUS_TYPES = ("enrolment.changed", "attendance.recorded")


@dataclass(frozen=True, slots=True)
class Happened:
    """An entry of the history that a transaction wrote; the columns of `HistoryEntry`."""

    organisation_id: int
    at: datetime
    actor: str
    verb: str
    live_session_id: int | None
    enrolment_id: int | None
    learner_id: int | None
    detail: dict

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Happened:
        """From the values of a row that is written."""
        ids = (values.get(name) for name in ("live_session_id", "enrolment_id", "learner_id"))
        return cls(values["organisation_id"], values["at"], values["actor"], values["verb"], *ids, dict(values.get("detail") or {}))

    @property
    def changes_status(self) -> bool:
        """Whether an enrolment went from one status to another."""
        return self.enrolment_id is not None and {"from", "to"} <= self.detail.keys()


def type_of(one: Happened) -> str | None:
    """The type of event that this is, or None."""
    if one.changes_status:
        marked = {one.detail["from"], one.detail["to"]} & set(ATTENDANCE)
        if marked:
            return "attendance.recorded"
        return "enrolment.created" if one.detail["from"] == EnrolmentStatus.CANCELLED else "enrolment.changed"
    return TYPES.get(one.verb)


def family_of(type_: str) -> str:
    """What one asks for to get it."""
    return type_.partition(".")[0]


def _words(text: str) -> frozenset[str]:
    return frozenset(line.strip() for line in text.strip().splitlines())


NOT_EVENTS = _words("""
    address forgotten
    address marked
    asked about a sender
    bounced
    calendar for others changed
    calendar for others made
    calendar for others revoked
    calendar for others rotated
    calendar test sent
    came back
    certificate kind edited
    certificate kind made
    channel chosen
    chat channel changed
    chat channel connected
    chat channel removed
    collection changed
    collection compared
    collection connected
    collection paused
    collection removed
    collection repaired
    collection resumed
    complained
    course created
    course edited
    data exported
    digest chosen
    feed created
    feed edited
    feed revoked
    feed rotated
    group created
    import done
    import started
    joined group
    judged again
    learner created
    learner edited
    learner removed
    left
    left group
    mail goes again
    mailbox proved
    marked as read
    message discarded
    message retried
    milestone cancelled
    milestone edited
    milestone made
    named by another system
    onboarding ended
    onboarding moved
    onboarding plan edited
    onboarding plan made
    onboarding started
    onboarding step done
    onboarding step open again
    organisation edited
    passed on
    reply applied by hand
    room edited
    room made
    room taken away
    second address asked
    second address confirmed
    second address dropped
    sent again
    sign-in disabled
    sign-in link made
    signing key made
    signing key retired
    slots made
    team created
    team edited
    token created
    token revoked
    webhook changed
    webhook made
    webhook removed
    webhook secret rotated
    webhook tested
""")
"""Verbs that nobody outside is told of: about mail, feeds, people's own pages and the administration, or told by other entries of the same change."""
