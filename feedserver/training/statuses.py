"""The answer table of the contract, as data: who has an entry in the calendar, who holds a seat, what an answer does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EnrolmentStatus(StrEnum):
    """Spelt as people and programs outside read them."""

    WAITING_APPROVAL = "Waiting Approval"
    WAITING_LIST = "Waiting List"
    INVITED = "Invited"
    REGISTERED = "Registered"
    DECLINED = "Declined"
    ATTENDED = "Attended"
    ABSENT = "Absent"
    GO_SHOW = "Go Show"
    CANCELLED = "Cancelled"


class Answer(StrEnum):
    """What a person chose (PARTSTAT, RFC 5545 3.2.12)."""

    YES = "ACCEPTED"
    NO = "DECLINED"
    MAYBE = "TENTATIVE"


S = EnrolmentStatus


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: `entry` by mail, seat held, shown in the feed though not mailed, and the status after each answer (None: stays)."""

    entry: bool
    seat: bool
    listed: bool = False
    yes: EnrolmentStatus | None = None
    no: EnrolmentStatus | None = None
    maybe: EnrolmentStatus | None = None

    def after(self, answer: Answer) -> EnrolmentStatus | None:
        """The status that this answer leads to, or None where it stays."""
        return {Answer.YES: self.yes, Answer.NO: self.no, Answer.MAYBE: self.maybe}[answer]


TABLE: dict[EnrolmentStatus, Rule] = {
    S.INVITED: Rule(entry=True, seat=True, yes=S.REGISTERED, no=S.DECLINED),
    S.REGISTERED: Rule(entry=True, seat=True, no=S.DECLINED),
    S.DECLINED: Rule(entry=True, seat=False, yes=S.REGISTERED),
    S.ATTENDED: Rule(entry=True, seat=True),
    S.ABSENT: Rule(entry=True, seat=True),
    S.GO_SHOW: Rule(entry=True, seat=True),
    S.WAITING_APPROVAL: Rule(entry=False, seat=False, listed=True, no=S.DECLINED),
    S.WAITING_LIST: Rule(entry=False, seat=False, listed=True, no=S.DECLINED),
    S.CANCELLED: Rule(entry=False, seat=False),
}

BY_HAND = (S.REGISTERED, S.INVITED, S.DECLINED, S.ATTENDED, S.ABSENT, S.GO_SHOW)
ATTENDANCE = (S.ATTENDED, S.ABSENT, S.GO_SHOW)
ON_CALENDAR = tuple(s for s, rule in TABLE.items() if rule.entry)
SEATED = tuple(s for s, rule in TABLE.items() if rule.seat)
WAITING = (S.WAITING_APPROVAL, S.WAITING_LIST)
