"""The kinds of mail that we send, as data: METHOD, what has to be filled in, who gets them. Their sentences are in `imip.wordings`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from .catalogues import _


class Kind(StrEnum):
    """Why we write. Those that `METHODS` does not name are notices in words alone."""

    INVITE = "invite"
    UPDATE = "update"
    AGAIN = "again"
    OFFER = "offer"
    CANCEL = "cancel"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"
    FULL = "full"
    LAPSED = "lapsed"
    STALE_CANCEL = "stale_cancel"
    WAITING = "waiting"
    WAITING_APPROVAL = "waiting_approval"
    REFUSED = "refused"
    RELEASED = "released"
    LEFT_LIST = "left_list"
    LIST_ENDED = "list_ended"
    OFFER_NOTICE = "offer_notice"
    LAPSED_NOTICE = "lapsed_notice"
    APPROVAL = "approval"
    CHECK_IN = "check_in"
    CONFIRM_SENDER = "confirm_sender"
    UPDATE_NOTICE = "update_notice"
    CANCEL_NOTICE = "cancel_notice"
    REMOVED_NOTICE = "removed_notice"
    CONFIRM_ADDRESS = "confirm_address"
    ADDRESS_CHANGED = "address_changed"
    WELCOME = "welcome"
    ANSWERED = "answered"
    DECIDED = "decided"
    ROSTER = "roster"
    ROSTER_AFTER = "roster_after"
    ROSTER_READ = "roster_read"
    COURSES = "courses"
    AGENDA = "agenda"
    VERBS = "verbs"
    FORWARDED = "forwarded"
    OTHER_DATES = "other_dates"
    PROPOSAL_NOTED = "proposal_noted"
    COUNTER_DECLINED = "counter_declined"
    INSTEAD = "instead"
    SUBSTITUTED = "substituted"
    NOT_PASSED_ON = "not_passed_on"
    GUEST_REFUSED = "guest_refused"
    TEST = "test"
    TEST_OVER = "test_over"
    MILESTONE = "milestone"
    MILESTONE_CHANGED = "milestone_changed"
    MILESTONE_DONE = "milestone_done"
    MILESTONE_ENDED = "milestone_ended"
    REMINDER = "reminder"
    REMINDER_ANSWER = "reminder_answer"
    ONBOARDING = "onboarding"
    ONBOARDING_MOVED = "onboarding_moved"
    DIGEST = "digest"
    TEAM_DIGEST = "team_digest"
    CERTIFICATE = "certificate"
    CERTIFICATES = "certificates"
    CONNECTION = "connection"


METHODS: dict[Kind, Literal["REQUEST", "CANCEL", "DECLINECOUNTER"]] = {
    Kind.INVITE: "REQUEST",
    Kind.UPDATE: "REQUEST",
    Kind.AGAIN: "REQUEST",
    Kind.OFFER: "REQUEST",
    Kind.CANCEL: "CANCEL",
    Kind.REMOVED: "CANCEL",
    Kind.WITHDRAWN: "CANCEL",
    Kind.MOVED: "CANCEL",
    Kind.FULL: "CANCEL",
    Kind.LAPSED: "CANCEL",
    Kind.STALE_CANCEL: "CANCEL",
    Kind.INSTEAD: "REQUEST",
    Kind.NOT_PASSED_ON: "REQUEST",
    Kind.SUBSTITUTED: "CANCEL",
    Kind.COUNTER_DECLINED: "DECLINECOUNTER",
    Kind.TEST: "REQUEST",
    Kind.TEST_OVER: "CANCEL",
    Kind.MILESTONE: "REQUEST",
    Kind.MILESTONE_CHANGED: "REQUEST",
    Kind.MILESTONE_DONE: "CANCEL",
    Kind.MILESTONE_ENDED: "CANCEL",
}
"""The METHOD of a kind's calendar part; a kind that is missing here has none."""

EXTRA: dict[Kind, tuple[str, ...]] = {
    Kind.FULL: ("position",),
    Kind.LAPSED: ("position",),
    Kind.LAPSED_NOTICE: ("position",),
    Kind.APPROVAL: ("name", "address"),
    Kind.WAITING: ("position",),
    Kind.CONFIRM_SENDER: ("address", "answer"),
    Kind.CONFIRM_ADDRESS: ("name",),
    Kind.ADDRESS_CHANGED: ("address",),
    Kind.WELCOME: ("address",),
    Kind.INSTEAD: ("name",),
    Kind.SUBSTITUTED: ("address",),
    Kind.NOT_PASSED_ON: ("address",),
    Kind.FORWARDED: ("name", "address"),
}
"""What `Values.extra` has to hold for a kind."""

ANSWER_LINKS: dict[Kind, str] = {
    **dict.fromkeys((Kind.INVITE, Kind.UPDATE, Kind.AGAIN, Kind.INSTEAD, Kind.NOT_PASSED_ON, Kind.COUNTER_DECLINED), _("Answer on a page")),
    Kind.OFFER: _("Take it or leave it on a page"),
    Kind.OFFER_NOTICE: _("Take it or leave it on a page"),
    Kind.RELEASED: _("Take it back"),
    **dict.fromkeys(
        (Kind.WAITING, Kind.WAITING_APPROVAL, Kind.LAPSED, Kind.LAPSED_NOTICE), _("Where you stand, and how to leave the list")
    ),
    Kind.LEFT_LIST: _("Changed your mind?"),
    Kind.UPDATE_NOTICE: _("Answer on a page"),
    Kind.CONFIRM_ADDRESS: _("Confirm this address"),
    Kind.CONFIRM_SENDER: _("Say whether it was you"),
    Kind.APPROVAL: _("Approve or refuse"),
    Kind.CHECK_IN: _("Check in"),
    Kind.REMINDER: _("You cannot come after all? Say so on a page"),
    Kind.REMINDER_ANSWER: _("Answer on a page"),
}
"""The words before the link to the page where these are answered."""

UNCLEAR_SENDER = _("a sender that cannot be read")

REMINDERS = frozenset({Kind.REMINDER, Kind.REMINDER_ANSWER})
"""They say all that an invitation says, and have no calendar part and no UID."""

STOPS: dict[Kind, str] = {
    Kind.REMINDER: _("No more reminders"),
    Kind.REMINDER_ANSWER: _("No more reminders"),
    Kind.DIGEST: _("No more weekly plans"),
    Kind.TEAM_DIGEST: _("No more weekly lists"),
}
"""Kinds that one click stops (RFC 8058), and the words before that link. They stop by a complaint, too (RFC 5965), as welcome mails and chasing do.

No other kind bears List-Unsubscribe: an invitation, a change or a cancellation is not a list that one leaves.
"""

OF_CIRCLES = frozenset({Kind.TEST, Kind.TEST_OVER})
"""Kinds of the mails by which an administrator sees whether answers come back (`store.circles`)."""

OF_MILESTONES = frozenset({Kind.MILESTONE, Kind.MILESTONE_CHANGED, Kind.MILESTONE_DONE, Kind.MILESTONE_ENDED})
"""Kinds about a day to note; their words are in `imip.milestones`."""

OF_ONBOARDING = frozenset({Kind.ONBOARDING, Kind.ONBOARDING_MOVED})
"""The one mail with the list of what is to come, at the start and when it moves."""

_FOR_READERS = frozenset(
    {Kind.COURSES, Kind.AGENDA, Kind.VERBS, Kind.FORWARDED, Kind.DIGEST, Kind.TEAM_DIGEST, Kind.CERTIFICATES, Kind.CONNECTION}
)
_ROSTERS = frozenset({Kind.ROSTER, Kind.ROSTER_AFTER, Kind.ROSTER_READ})

WITHOUT_SESSION = (
    frozenset({Kind.CONFIRM_ADDRESS, Kind.ADDRESS_CHANGED, Kind.WELCOME, Kind.CERTIFICATE}) | _FOR_READERS | OF_MILESTONES | OF_ONBOARDING
)
"""Kinds that are about no session in particular."""

TO_OTHERS = (
    frozenset({Kind.APPROVAL, Kind.GUEST_REFUSED, Kind.DECIDED, Kind.FORWARDED, Kind.TEAM_DIGEST, Kind.CERTIFICATES, Kind.CONNECTION})
    | _ROSTERS
    | OF_CIRCLES
)
"""Kinds that go to somebody who has no page of their own."""

LISTING = _FOR_READERS | _ROSTERS | OF_ONBOARDING
"""Kinds whose body is lines made for one reader (`Values.extra["block"]`)."""

IN_WORDS: dict[Kind, Kind] = {Kind.CANCEL: Kind.CANCEL_NOTICE, Kind.REMOVED: Kind.REMOVED_NOTICE, Kind.SUBSTITUTED: Kind.REMOVED_NOTICE}
"""What somebody who reads the feed alone is written instead of a CANCEL."""
