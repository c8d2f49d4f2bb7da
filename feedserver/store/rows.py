"""Every row in one import, so that metadata is whole."""

from .access import ApiToken, BrowserSession, RememberedAnswer, SignIn, SignInLink
from .audiences import AudienceFeed
from .base import Base
from .certificates import Certificate, CertificateKind, CertificateWarning
from .circles import Circle
from .completions import Completion
from .courses import Course, GroupMember, TrainingGroup
from .destinations import Destination, PublishedObject
from .enrolments import Enrolment
from .entries import CalendarEntry
from .feeds import Feed
from .files import SessionFile
from .history import HistoryEntry
from .imports import ImportJob
from .inbox import InboundMessage
from .keys import SigningKey
from .learners import FeedVersion, Learner, LearnerAlias
from .mailboxes import PolledMailbox, PolledMessage
from .milestones import Milestone, MilestoneEntry
from .onboarding import Onboarding, OnboardingItem, OnboardingPlan, OnboardingStep
from .organisations import Organisation
from .outbox import CapturedMessage, Delivery, MailSkeleton, RelayPace, Worker
from .proposals import Proposal
from .reminders import ManagerOptOut, Reminder, ReminderRound, WeeklyMail
from .rooms import Room
from .sessions import LiveSession, Revision, RevisionVevent, Seats
from .sync import SyncRun, Team
from .verdicts import SenderQuestion, VerdictRow

__all__ = [
    "ApiToken",
    "AudienceFeed",
    "Base",
    "BrowserSession",
    "CalendarEntry",
    "CapturedMessage",
    "Certificate",
    "CertificateKind",
    "CertificateWarning",
    "Circle",
    "Completion",
    "Course",
    "Delivery",
    "Destination",
    "Enrolment",
    "Feed",
    "FeedVersion",
    "GroupMember",
    "HistoryEntry",
    "ImportJob",
    "InboundMessage",
    "Learner",
    "LearnerAlias",
    "LiveSession",
    "MailSkeleton",
    "ManagerOptOut",
    "Milestone",
    "MilestoneEntry",
    "Onboarding",
    "OnboardingItem",
    "OnboardingPlan",
    "OnboardingStep",
    "Organisation",
    "PolledMailbox",
    "PolledMessage",
    "Proposal",
    "PublishedObject",
    "RelayPace",
    "RememberedAnswer",
    "Reminder",
    "ReminderRound",
    "Revision",
    "RevisionVevent",
    "Room",
    "Seats",
    "SenderQuestion",
    "SessionFile",
    "SignIn",
    "SignInLink",
    "SigningKey",
    "SyncRun",
    "Team",
    "TrainingGroup",
    "VerdictRow",
    "WeeklyMail",
    "Worker",
]  # fmt: skip

# SQLite gives the ids of deleted rows out again, unless told not to: a new learner must not inherit the history of one who left.
for _table in Base.metadata.tables.values():
    if "id" in _table.c:
        _table.kwargs["sqlite_autoincrement"] = True
