"""What a wording is, and the sentences that many of them share."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalogues import _


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of a kind: subject and heading, then what stands before and after the details."""

    subject: str
    heading: str
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()


HELD = _("The seat is held for you until %(until)s.")
KEPT = _("It is kept for you until %(until)s.")
ANSWER = _("Will you come? Press Yes or No in your mail program or on your page.")
ASK_AGAIN = _("The time has changed, so please answer again.")
STANDS = (
    _("You need not answer again, even if your mail program asks."),
    _("If you have not answered yet: press Yes or No in your mail program or on your page."),
)
NOTHING = _("You need not do anything. If it still stands in your calendar, you can delete it there.")
NOTHING_TO_DO = _("You need not do anything.")
