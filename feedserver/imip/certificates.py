"""What we say of a certificate that ends: to whoever has it, and in the list for a manager."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from feedserver.addresses import Mailbox
from feedserver.ical.lines import clean_line

from .catalogues import Language, _
from .compose import compose_letter
from .kinds import Kind
from .letters import Detail, Reader, letter_without_session
from .milestones import in_words
from .skeleton import Skeleton

_ENDED_SUBJECT = _("Your certificate has ended: %(title)s")
_MORE, _TOMORROW, _TODAY, _ENDED = (
    _("It holds until %(day)s: %(number)s more days."),
    _("It holds until tomorrow, %(day)s."),
    _("It holds until today, %(day)s."),
    _("It ended on %(day)s."),
)
_RENEWED_BY = _("It is renewed by completing the course %(course)s.")
_ASK = _("Ask whoever runs your training how it is renewed.")


def compose(
    name: str, day: date, left: int, course: str, *, locale: str, sender: Mailbox, organisation_name: str, banner: str = ""
) -> Skeleton:
    """The warning, with slots: the certificate holds until `day`, `left` days from now (below 0: it has ended); `course` renews it."""
    reader = Reader.of(locale, "UTC")
    say, title = reader.say, clean_line(name)
    content = letter_without_session(Kind.CERTIFICATE, reader, organisation_name, title)
    if left < 0:
        content = replace(content, subject=say(_ENDED_SUBJECT, title=title), heading=say(_ENDED_SUBJECT, title=title))
    how = say(_RENEWED_BY, course=clean_line(course)) if course else say(_ASK)
    content = replace(content, opening=(holds(day, left, say), how), details=(Detail(say(_("Certificate")), (title,)),))
    return compose_letter(content, b"", sender=sender, method=None, banner=banner)


def holds(day: date, left: int, say: Language) -> str:
    """Until when it holds, and how long that is."""
    sentence = _MORE if left > 1 else (_ENDED, _TODAY, _TOMORROW)[max(left, -1) + 1]
    return say(sentence, day=in_words(day, say), number=left)


def line(name: str, day: date, left: int, say: Language) -> str:
    """One certificate in a list."""
    return f"{clean_line(name)}: {holds(day, left, say)}"
