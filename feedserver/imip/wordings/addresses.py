"""Whose an address is, and who it is that answers from it."""

from __future__ import annotations

from ..catalogues import _
from ..kinds import Kind
from .wording import Wording

WORDINGS: dict[Kind, Wording] = {
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
    Kind.CHECK_IN: Wording(
        _("Check in: %(title)s"),
        _("Check in: %(title)s"),
        (_("Open this link on the phone that you have with you, and press the button there."),),
        (_("If you did not ask for it, you need not do anything: somebody may have mistyped an address."),),
    ),
}
