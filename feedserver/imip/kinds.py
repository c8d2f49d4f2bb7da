"""The kinds of mail that we send, as data: METHOD, sentences, and what has to be filled in."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of a kind: subject and heading, then what stands before and after the details."""

    subject: str
    heading: str
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()


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
HELD = _("The seat is held for you until %(until)s.")
KEPT = _("It is kept for you until %(until)s.")
ANSWER = _("Will you come? Press Yes or No in your mail program or on your page.")
ASK_AGAIN = _("The time has changed, so please answer again.")
STANDS = (
    _("You need not answer again, even if your mail program asks."),
    _("If you have not answered yet: press Yes or No in your mail program or on your page."),
)
_NOTHING = _("You need not do anything. If it still stands in your calendar, you can delete it there.")
_IN_FEED = _("The calendar that you subscribe to shows it, too, but some programs look for changes only once a day.")
_NOTHING_TO_DO = _("You need not do anything.")
_TAKE_IT = (
    _("Say Yes by then to take it."),
    _("No passes it on at once. Without an answer it is passed on then, and you go to the end of the waiting list."),
)
_WHOEVER_RUNS_IT = _("You proposed another time. Whoever runs the session sees it and decides. Until then it stays as it is.")
_POSITION = _("You are number %(position)s on the waiting list.")

WORDINGS: dict[Kind, Wording] = {
    Kind.INVITE: Wording(_("Invitation: %(title)s"), _("You are invited: %(title)s"), (), (ANSWER,)),
    Kind.UPDATE: Wording(_("Changed: %(title)s"), _("There is a change: %(title)s")),
    Kind.AGAIN: Wording(
        _("Invitation: %(title)s"),
        _("Your invitation, once more: %(title)s"),
        (_("We send it again so that your calendar shows what holds now."),),
        STANDS,
    ),
    Kind.CANCEL: Wording(
        _("Cancelled: %(title)s"),
        _("Cancelled: %(title)s"),
        (_("This session is cancelled and will not take place."),),
        (_NOTHING,),
    ),
    Kind.REMOVED: Wording(
        _("Cancelled: %(title)s"),
        _("You are no longer on the list: %(title)s"),
        (
            _("You have been taken off this session, so it is cancelled for you."),
            _("It may still take place for others."),
        ),
        (_NOTHING,),
    ),
    Kind.WITHDRAWN: Wording(
        _("Cancelled: %(title)s"),
        _("Taken out of your calendar: %(title)s"),
        (
            _("Calendar invitations for this session have been turned off, so yours is cancelled."),
            _("Your page shows what is planned."),
        ),
        (_NOTHING,),
    ),
    Kind.MOVED: Wording(
        _("Moved to another mailbox: %(title)s"),
        _("Taken out of this mailbox: %(title)s"),
        (_("Your training now goes to another mailbox, so the entry in this one is cancelled. Your seat stays yours."),),
        (_NOTHING,),
    ),
    Kind.FULL: Wording(
        _("Waiting list: %(title)s"),
        _("The session is full: %(title)s"),
        (
            _("You said Yes, but all seats were taken by then, so the entry in your calendar is cancelled."),
            _POSITION,
            _("When a seat becomes free for you, you get a new invitation."),
        ),
        (_NOTHING,),
    ),
    Kind.OFFER: Wording(
        _("A seat is free for you: %(title)s"),
        _("A seat is free for you: %(title)s"),
        (_("You were on the waiting list, and a seat has become free."),),
        _TAKE_IT,
    ),
    Kind.OFFER_NOTICE: Wording(
        _("A seat is free for you: %(title)s"),
        _("A seat is free for you: %(title)s"),
        (_("You were on the waiting list, and a seat has become free."),),
        _TAKE_IT,
    ),
    Kind.LAPSED: Wording(
        _("Passed on: %(title)s"),
        _("Your seat was passed on: %(title)s"),
        (
            _("A seat was held for you, and no answer came in time, so the entry in your calendar is cancelled."),
            _POSITION,
            _("When a seat becomes free for you, you get a new invitation."),
        ),
        (_NOTHING,),
    ),
    Kind.LAPSED_NOTICE: Wording(
        _("Passed on: %(title)s"),
        _("Your seat was passed on: %(title)s"),
        (_("A seat was held for you, and no answer came in time."), _POSITION),
        (_NOTHING_TO_DO,),
    ),
    Kind.STALE_CANCEL: Wording(
        _("Cancelled: %(title)s"),
        _("This invitation had already ended: %(title)s"),
        (_("Your answer came to an invitation that no longer holds. It is cancelled, and you have no seat by it."),),
        (_NOTHING,),
    ),
    Kind.WAITING: Wording(
        _("Waiting list: %(title)s"),
        _("You are on the waiting list: %(title)s"),
        (_POSITION, _("When a seat becomes free for you, you get an invitation.")),
        (_("You need not do anything. You can leave the list on your page."),),
    ),
    Kind.WAITING_APPROVAL: Wording(
        _("Waiting for approval: %(title)s"),
        _("Your registration waits for approval: %(title)s"),
        (_("Somebody has to approve your registration. Then you get an invitation."),),
        (_NOTHING_TO_DO,),
    ),
    Kind.REFUSED: Wording(
        _("Not approved: %(title)s"),
        _("Your registration was not approved: %(title)s"),
        (_("You have no seat in this session."),),
        (_NOTHING_TO_DO,),
    ),
    Kind.RELEASED: Wording(
        _("You gave up your seat: %(title)s"),
        _("You gave up your seat: %(title)s"),
        (_("You answered No, so you have given up your seat."),),
        (_("Changed your mind? You can take it back while it is free. Otherwise you go on the waiting list."),),
    ),
    Kind.LEFT_LIST: Wording(
        _("Off the list: %(title)s"),
        _("You are off the list: %(title)s"),
        (_("You no longer wait for a seat in this session."),),
        (_NOTHING_TO_DO,),
    ),
    Kind.LIST_ENDED: Wording(
        _("Cancelled: %(title)s"),
        _("Cancelled: %(title)s"),
        (_("You were waiting for a seat. This session is cancelled and will not take place."),),
        (_NOTHING_TO_DO,),
    ),
    Kind.APPROVAL: Wording(
        _("Please approve: %(title)s"),
        _("Somebody wants to take part: %(title)s"),
        (_("%(name)s (%(address)s) has registered, and you are asked to approve it."),),
        (_("The page shows what there is to know. Nothing happens before you press a button there, or answer this mail."),),
    ),
    Kind.CHECK_IN: Wording(
        _("Check in: %(title)s"),
        _("Check in: %(title)s"),
        (_("Open this link on the phone that you have with you, and press the button there."),),
        (_("If you did not ask for it, you need not do anything: somebody may have mistyped an address."),),
    ),
    Kind.CONFIRM_SENDER: Wording(
        _("Was this you? %(title)s"),
        _("Was this you? %(title)s"),
        (
            _("We received the answer %(answer)s to your invitation, but cannot be sure that it is yours."),
            _("It came from: %(address)s"),
            _("It has not been counted."),
        ),
        (_("The page has two buttons, Yes and No. If it was not you, nothing changes."),),
    ),
    Kind.UPDATE_NOTICE: Wording(
        _("Changed: %(title)s"),
        _("There is a change: %(title)s"),
        (),
        (_IN_FEED,),
    ),
    Kind.CANCEL_NOTICE: Wording(
        _("Cancelled: %(title)s"),
        _("Cancelled: %(title)s"),
        (_("This session is cancelled and will not take place."),),
        (_IN_FEED,),
    ),
    Kind.REMOVED_NOTICE: Wording(
        _("Cancelled: %(title)s"),
        _("You are no longer on the list: %(title)s"),
        (
            _("You have been taken off this session, so it is cancelled for you."),
            _("It may still take place for others."),
        ),
        (_IN_FEED,),
    ),
    Kind.CONFIRM_ADDRESS: Wording(
        _("Is this address yours?"),
        _("Is this address yours?"),
        (_("%(name)s asks us to send mail about their training to this address."),),
        (
            _("The page has a button that confirms it. Until then nothing comes here."),
            _("If it was not you, you need not do anything: somebody may have mistyped an address."),
        ),
    ),
    Kind.ADDRESS_CHANGED: Wording(
        _("Your mail goes to another address"),
        _("Your mail goes to another address"),
        (_("From now on our mail to you goes to %(address)s, as was asked for on your page."),),
        (_("If it was not you, take it back on your page, and tell whoever runs your training."),),
    ),
    Kind.WELCOME: Wording(
        _("Your training in your calendar"),
        _("Your training comes into your calendar"),
        (
            _("Invitations to your training come from this address: %(address)s."),
            _("Please add it to your contacts now: Google Calendar shows invitations at once only from senders that you know."),
            _("You answer them with Yes, No or Maybe, as you answer any other invitation."),
        ),
        (
            _("You can also subscribe to a calendar of your own that keeps itself up to date: your page shows how."),
            _("Whoever has the link to your page can see your plan and answer for you, so pass it on to nobody."),
        ),
    ),
    Kind.OTHER_DATES: Wording(
        _("Other dates: %(title)s"),
        _("Other dates: %(title)s"),
        (_WHOEVER_RUNS_IT, _("The course has other dates with free seats. They stand below.")),
        (_("Your page shows them, too. You can register for one of them there, and give up this one."),),
    ),
    Kind.PROPOSAL_NOTED: Wording(
        _("Your proposal: %(title)s"),
        _("We have your proposal: %(title)s"),
        (_WHOEVER_RUNS_IT, _("The course has no other date with a free seat just now.")),
        (_NOTHING_TO_DO,),
    ),
    Kind.COUNTER_DECLINED: Wording(
        _("It stays as planned: %(title)s"),
        _("It stays as planned: %(title)s"),
        (_("You proposed another time. The session cannot be moved, so it stays at the time below."),),
        (ANSWER,),
    ),
    Kind.INSTEAD: Wording(
        _("Invitation: %(title)s"),
        _("You are invited: %(title)s"),
        (_("You take the place of %(name)s. This is an invitation of your own."),),
        (ANSWER, _("If the invitation that was passed on to you still stands in your calendar, you can delete it there.")),
    ),
    Kind.SUBSTITUTED: Wording(
        _("Passed on: %(title)s"),
        _("Your place was passed on: %(title)s"),
        (_("Your place was passed on to %(address)s, so the entry in your calendar is cancelled."),),
        (_NOTHING,),
    ),
    Kind.NOT_PASSED_ON: Wording(
        _("Still yours: %(title)s"),
        _("Your place is still yours: %(title)s"),
        (_("Your place could not be passed on to %(address)s. It is still yours."),),
        (ANSWER,),
    ),
    Kind.GUEST_REFUSED: Wording(
        _("Not your invitation: %(title)s"),
        _("This invitation was sent to somebody else: %(title)s"),
        (
            _("You answered an invitation that was sent to somebody else and is for that person alone."),
            _("Your answer has not been counted, and no seat is held for you."),
        ),
        (_("If it was sent to you at another address of yours, answer it from that one. If you want to take part, ask whoever runs it."),),
    ),
}

WORDINGS |= {
    Kind.ANSWERED: Wording(_("Your answer: %(title)s"), _("Your answer: %(title)s")),
    Kind.DECIDED: Wording(_("Decided: %(title)s"), _("Decided: %(title)s")),
    Kind.ROSTER: Wording(
        _("Who comes: %(title)s"),
        _("Who comes: %(title)s"),
        (_("These people hold a seat."),),
        (
            _("When it is over, answer this mail with who was there. Tick the boxes, [x] for there and [-] for absent,"),
            _("or write one line above the list, such as: 1 3 5-7. Or such as: all but 3. You are told what was understood."),
        ),
    ),
    Kind.ROSTER_AFTER: Wording(
        _("Who was there? %(title)s"),
        _("Who was there? %(title)s"),
        (_("The session is over. Please answer this mail with who was there."),),
        (
            _("Tick the boxes, [x] for there and [-] for absent,"),
            _("or write one line above the list, such as: 1 3 5-7. Or such as: all but 3. You are told what was understood."),
        ),
    ),
    Kind.ROSTER_READ: Wording(
        _("Attendance: %(title)s"),
        _("This is what was understood: %(title)s"),
        (),
        (_("Is something wrong? Answer this mail again; what you say last counts."),),
    ),
    Kind.COURSES: Wording(_("Courses with free seats"), _("Courses with free seats")),
    Kind.AGENDA: Wording(_("What is coming"), _("What is coming")),
    Kind.VERBS: Wording(_("What works by mail"), _("What works by mail")),
    Kind.FORWARDED: Wording(
        _("Mail to us: %(title)s"),
        _("Somebody wrote to us: %(title)s"),
        (_("%(name)s (%(address)s) wrote this to the mailbox of the invitations. It changed nothing by itself."),),
        (_("Write to them by the link above. An answer to this mail reaches only our mailbox."),),
    ),
}

WORDINGS |= {
    Kind.TEST: Wording(
        _("Test: %(title)s"),
        _("A test: %(title)s"),
        (_("This is a test of the way that invitations go out and answers come back. It is about no real session."),),
        (_("Please press Yes in your mail program, as with any invitation."), _("Then the entry is taken out of your calendar again.")),
    ),
    Kind.TEST_OVER: Wording(
        _("Test over: %(title)s"),
        _("The test is over: %(title)s"),
        (_("This cancellation takes the test out of your calendar. Thank you."),),
        (_NOTHING,),
    ),
}

WORDINGS |= {
    Kind.REMINDER: Wording(
        _("Reminder: %(title)s"), _("Soon: %(title)s"), (), (_("Your calendar has it already; nothing in it changes by this mail."),)
    ),
    Kind.REMINDER_ANSWER: Wording(
        _("Reminder: %(title)s"),
        _("Soon, and without your answer: %(title)s"),
        (_("You are invited and have not said Yes yet. Will you come?"),),
        (_("Your calendar has it already; nothing in it changes by this mail."),),
    ),
    Kind.DIGEST: Wording(_("Your training this week"), _("Your training this week")),
    Kind.TEAM_DIGEST: Wording(
        _("Your team's training this week"),
        _("Your team's training this week"),
        (_("You get this list since you are named as the manager of these people."),),
    ),
}

WORDINGS |= {
    Kind.CERTIFICATE: Wording(_("Your certificate ends: %(title)s"), _("Your certificate ends: %(title)s")),
    Kind.CERTIFICATES: Wording(
        _("Certificates that end"),
        _("Certificates that end"),
        (_("You get this list since you are named as the manager of these people, or watch over certificates."),),
    ),
}

WORDINGS |= {
    Kind.ONBOARDING: Wording(
        _("Your first weeks"),
        _("Your first weeks"),
        (_("This is planned for your start with us."),),
        (_("Your page shows it, too, as it then holds."),),
    ),
    Kind.ONBOARDING_MOVED: Wording(
        _("Your first weeks have moved"),
        _("Your first weeks have moved"),
        (_("There is a change. This is still to come; what you have done stays done."),),
        (_("Your page shows it, too, as it then holds."),),
    ),
}

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

WITHOUT_SESSION = frozenset(
    {Kind.CONFIRM_ADDRESS, Kind.ADDRESS_CHANGED, Kind.WELCOME, Kind.COURSES, Kind.AGENDA, Kind.VERBS, Kind.FORWARDED}
)
"""Kinds that are about no session in particular."""

TO_OTHERS = frozenset({Kind.APPROVAL, Kind.GUEST_REFUSED, Kind.DECIDED, Kind.ROSTER, Kind.ROSTER_AFTER, Kind.ROSTER_READ, Kind.FORWARDED})
"""Kinds that go to somebody who has no page of their own."""

OF_CIRCLES = frozenset({Kind.TEST, Kind.TEST_OVER})
"""Kinds of the mails by which an administrator sees whether answers come back (`store.circles`)."""

TO_OTHERS |= OF_CIRCLES

OF_MILESTONES = frozenset({Kind.MILESTONE, Kind.MILESTONE_CHANGED, Kind.MILESTONE_DONE, Kind.MILESTONE_ENDED})
"""Kinds about a day to note; their words are in `imip.milestones`."""

WITHOUT_SESSION |= OF_MILESTONES | {Kind.DIGEST, Kind.TEAM_DIGEST, Kind.CERTIFICATE, Kind.CERTIFICATES}
TO_OTHERS |= {Kind.TEAM_DIGEST, Kind.CERTIFICATES}

LISTING = frozenset(
    {Kind.ROSTER, Kind.ROSTER_AFTER, Kind.ROSTER_READ, Kind.COURSES, Kind.AGENDA, Kind.VERBS, Kind.FORWARDED, Kind.DIGEST, Kind.TEAM_DIGEST}
)
LISTING |= {Kind.CERTIFICATES}
"""Kinds whose body is lines made for one reader (`Values.extra["block"]`)."""

OF_ONBOARDING = frozenset({Kind.ONBOARDING, Kind.ONBOARDING_MOVED})
"""The one mail with the list of what is to come, at the start and when it moves."""

WITHOUT_SESSION |= OF_ONBOARDING
LISTING |= OF_ONBOARDING

IN_WORDS: dict[Kind, Kind] = {Kind.CANCEL: Kind.CANCEL_NOTICE, Kind.REMOVED: Kind.REMOVED_NOTICE, Kind.SUBSTITUTED: Kind.REMOVED_NOTICE}
"""What somebody who reads the feed alone is written instead of a CANCEL."""
