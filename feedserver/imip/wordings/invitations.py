"""What stands in a calendar: that it begins, changes, and ends."""

from __future__ import annotations

from ..catalogues import _
from ..kinds import Kind
from .wording import ANSWER, NOTHING, STANDS, Wording

_IN_FEED = _("The calendar that you subscribe to shows it, too, but some programs look for changes only once a day.")

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
        (NOTHING,),
    ),
    Kind.REMOVED: Wording(
        _("Cancelled: %(title)s"),
        _("You are no longer on the list: %(title)s"),
        (
            _("You have been taken off this session, so it is cancelled for you."),
            _("It may still take place for others."),
        ),
        (NOTHING,),
    ),
    Kind.WITHDRAWN: Wording(
        _("Cancelled: %(title)s"),
        _("Taken out of your calendar: %(title)s"),
        (
            _("Calendar invitations for this session have been turned off, so yours is cancelled."),
            _("Your page shows what is planned."),
        ),
        (NOTHING,),
    ),
    Kind.MOVED: Wording(
        _("Moved to another mailbox: %(title)s"),
        _("Taken out of this mailbox: %(title)s"),
        (_("Your training now goes to another mailbox, so the entry in this one is cancelled. Your seat stays yours."),),
        (NOTHING,),
    ),
    Kind.STALE_CANCEL: Wording(
        _("Cancelled: %(title)s"),
        _("This invitation had already ended: %(title)s"),
        (_("Your answer came to an invitation that no longer holds. It is cancelled, and you have no seat by it."),),
        (NOTHING,),
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
        (NOTHING,),
    ),
}
