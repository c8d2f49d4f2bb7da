"""What is done by ordinary mail; the lines of most of these are made in `imip.by_mail` and `imip.verb_lists`."""

from __future__ import annotations

from ..catalogues import _
from ..kinds import Kind
from .wording import Wording

WORDINGS: dict[Kind, Wording] = {
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
