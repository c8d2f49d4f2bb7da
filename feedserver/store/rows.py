"""Every row in one import, so that metadata is whole."""

from .access import ApiToken, BrowserSession, RememberedAnswer, SignIn, SignInLink
from .base import Base
from .courses import Course, GroupMember, TrainingGroup
from .enrolments import Enrolment
from .entries import CalendarEntry
from .feeds import Feed
from .files import SessionFile
from .history import HistoryEntry
from .imports import ImportJob
from .inbox import InboundMessage
from .keys import SigningKey
from .learners import FeedVersion, Learner, LearnerAlias
from .organisations import Organisation
from .outbox import CapturedMessage, Delivery, MailSkeleton, RelayPace, Worker
from .rooms import Room
from .sessions import LiveSession, Revision, RevisionVevent, Seats

__all__ = [
    "ApiToken", "Base", "BrowserSession", "CalendarEntry", "CapturedMessage", "Course", "Delivery", "Enrolment", "Feed", "FeedVersion",
    "GroupMember", "HistoryEntry", "ImportJob", "InboundMessage", "Learner", "LearnerAlias", "LiveSession", "MailSkeleton", "Organisation",
    "RelayPace", "RememberedAnswer", "Revision", "RevisionVevent", "Room", "Seats", "SessionFile", "SignIn", "SignInLink", "SigningKey", "TrainingGroup", "Worker",
]  # fmt: skip

# SQLite gives the ids of deleted rows out again, unless told not to: a new learner must not inherit the history of one who left.
for _table in Base.metadata.tables.values():
    if "id" in _table.c:
        _table.kwargs["sqlite_autoincrement"] = True
