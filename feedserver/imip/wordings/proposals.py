"""Another time, another person: COUNTER, and invitations that were passed on."""

from __future__ import annotations

from ..catalogues import _
from ..kinds import Kind
from .wording import ANSWER, NOTHING, NOTHING_TO_DO, Wording

_WHOEVER_RUNS_IT = _("You proposed another time. Whoever runs the session sees it and decides. Until then it stays as it is.")

WORDINGS: dict[Kind, Wording] = {
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
        (NOTHING_TO_DO,),
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
        (NOTHING,),
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
