"""What is sent because its time has come: reminders, weekly plans, ends of certificates, first weeks."""

from __future__ import annotations

from ..catalogues import _
from ..kinds import Kind
from .wording import Wording

WORDINGS: dict[Kind, Wording] = {
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
    Kind.CERTIFICATE: Wording(_("Your certificate ends: %(title)s"), _("Your certificate ends: %(title)s")),
    Kind.CERTIFICATES: Wording(
        _("Certificates that end"),
        _("Certificates that end"),
        (_("You get this list since you are named as the manager of these people, or watch over certificates."),),
    ),
    Kind.CONNECTION: Wording(
        _("A connection needs you"),
        _("A connection needs you"),
        (
            _(
                "Nothing could be delivered there for a while. Nothing is lost: it waits, and is tried again by itself unless it says otherwise."
            ),
        ),
        (_("You get this once for each time that it fails, since you own this account."),),
    ),
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
