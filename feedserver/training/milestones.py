"""Milestones: days to note that are no session. Which kinds there are, which a feed shows under which name, and what completing ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class MilestoneKind(StrEnum):
    """What a day is noted for."""

    ENROLMENT_OPENS = "enrolment_opens"
    ENROLMENT_CLOSES = "enrolment_closes"
    COMPLETION_DEADLINE = "completion_deadline"
    ASSESSMENT = "assessment"
    CERTIFICATE_EXPIRY = "certificate_expiry"
    CERTIFICATE_RENEWAL = "certificate_renewal"
    ONBOARDING_STEP = "onboarding_step"


class CompletionKind(StrEnum):
    """What a person completes."""

    COURSE = "course"
    ASSESSMENT = "assessment"
    ONBOARDING_STEP = "onboarding_step"


M, C = MilestoneKind, CompletionKind

OF_COURSES = (M.ENROLMENT_OPENS, M.ENROLMENT_CLOSES, M.COMPLETION_DEADLINE, M.ASSESSMENT)
"""Kinds that a course has; the others belong to certificates and onboarding."""

FEED_KINDS: dict[str, tuple[MilestoneKind, ...]] = {
    "deadline": (M.ENROLMENT_OPENS, M.ENROLMENT_CLOSES, M.COMPLETION_DEADLINE),
    "assessment": (M.ASSESSMENT,),
    "certificate": (M.CERTIFICATE_EXPIRY, M.CERTIFICATE_RENEWAL),
    "onboarding": (M.ONBOARDING_STEP,),
}
"""What stands in a feed whose `kinds` name it (`session` is no milestone)."""

ENDS: dict[CompletionKind, tuple[MilestoneKind, ...]] = {
    C.COURSE: OF_COURSES,
    C.ASSESSMENT: (M.ASSESSMENT,),
    C.ONBOARDING_STEP: (M.ONBOARDING_STEP,),
}
"""Which milestones a completion ends, of that course and person."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a calendar shows of a milestone: a whole day, local wherever its reader is."""

    kind: str
    title: str
    day: date
    description: str = ""
    url: str = ""
