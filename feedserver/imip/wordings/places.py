"""Who gets a place: approval, the waiting list, what it offers and what lapses."""

from __future__ import annotations

from ..catalogues import _
from ..kinds import Kind
from .wording import NOTHING, NOTHING_TO_DO, Wording

_TAKE_IT = (
    _("Say Yes by then to take it."),
    _("No passes it on at once. Without an answer it is passed on then, and you go to the end of the waiting list."),
)
_POSITION = _("You are number %(position)s on the waiting list.")

WORDINGS: dict[Kind, Wording] = {
    Kind.FULL: Wording(
        _("Waiting list: %(title)s"),
        _("The session is full: %(title)s"),
        (
            _("You said Yes, but all seats were taken by then, so the entry in your calendar is cancelled."),
            _POSITION,
            _("When a seat becomes free for you, you get a new invitation."),
        ),
        (NOTHING,),
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
        (NOTHING,),
    ),
    Kind.LAPSED_NOTICE: Wording(
        _("Passed on: %(title)s"),
        _("Your seat was passed on: %(title)s"),
        (_("A seat was held for you, and no answer came in time."), _POSITION),
        (NOTHING_TO_DO,),
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
        (NOTHING_TO_DO,),
    ),
    Kind.REFUSED: Wording(
        _("Not approved: %(title)s"),
        _("Your registration was not approved: %(title)s"),
        (_("You have no seat in this session."),),
        (NOTHING_TO_DO,),
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
        (NOTHING_TO_DO,),
    ),
    Kind.LIST_ENDED: Wording(
        _("Cancelled: %(title)s"),
        _("Cancelled: %(title)s"),
        (_("You were waiting for a seat. This session is cancelled and will not take place."),),
        (NOTHING_TO_DO,),
    ),
    Kind.APPROVAL: Wording(
        _("Please approve: %(title)s"),
        _("Somebody wants to take part: %(title)s"),
        (_("%(name)s (%(address)s) has registered, and you are asked to approve it."),),
        (_("The page shows what there is to know. Nothing happens before you press a button there, or answer this mail."),),
    ),
}
