"""What we say of a day to note: in a calendar, and in the mail to somebody who reads no feed."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from babel.dates import format_date

from feedserver.addresses import Mailbox
from feedserver.ical import all_day
from feedserver.ical.lines import clean, clean_line
from feedserver.ical.plaintext import html, plain, web_url
from feedserver.itip.informing import inform
from feedserver.training.milestones import MilestoneKind, Noted

from .catalogues import Language, _, language, words
from .compose import compose_letter
from .kinds import METHODS, Kind
from .letters import Detail, Difference, Letter
from .skeleton import Skeleton
from .wordings.wording import NOTHING, Wording

M = MilestoneKind

TITLES: dict[str, str] = {
    M.ENROLMENT_OPENS: _("Enrolment opens: %(title)s"),
    M.ENROLMENT_CLOSES: _("Enrolment closes: %(title)s"),
    M.COMPLETION_DEADLINE: _("Deadline: %(title)s"),
    M.ASSESSMENT: _("Assessment: %(title)s"),
    M.CERTIFICATE_EXPIRY: _("Certificate expires: %(title)s"),
    M.CERTIFICATE_RENEWAL: _("Certificate to renew: %(title)s"),
    M.ONBOARDING_STEP: _("Onboarding: %(title)s"),
}
"""How a calendar names each kind."""

_ASKS_NOTHING = _("It asks for no answer: your calendar shows it as a whole day, and you stay free.")
WORDINGS: dict[Kind, Wording] = {
    Kind.MILESTONE: Wording(_("To note: %(title)s"), _("A day to note: %(title)s"), (), (_ASKS_NOTHING,)),
    Kind.MILESTONE_CHANGED: Wording(_("Changed: %(title)s"), _("There is a change: %(title)s"), (), (_ASKS_NOTHING,)),
    Kind.MILESTONE_DONE: Wording(
        _("Done: %(title)s"), _("Done: %(title)s"), (_("This is done, so it is taken out of your calendar."),), (NOTHING,)
    ),
    Kind.MILESTONE_ENDED: Wording(
        _("No longer to note: %(title)s"), _("No longer to note: %(title)s"), (_("This no longer concerns you."),), (NOTHING,)
    ),
}


def title(noted: Noted, say: Language) -> str:
    """What the calendar calls it."""
    return say(TITLES[noted.kind], title=clean_line(noted.title))


@lru_cache(maxsize=2048)
def feed_vevent(noted: Noted, locale: str) -> bytes:
    """The VEVENT of a feed in this language, with slots: the same for all whom it concerns."""
    return all_day.render(
        title(noted, language(locale)), noted.day, method=None, words=words(locale), description=noted.description, url=noted.url
    )


def compose(
    kind: Kind, noted: Noted, before: date | None, *, locale: str, sender: Mailbox, organisation_name: str, note: str = "", banner: str = ""
) -> Skeleton:  # fmt: skip
    """The mail of one of `WORDINGS`, with slots; `before` is the day they were told, where it was another."""
    say, method, called = language(locale), METHODS[kind], title(noted, language(locale))
    requesting = method == "REQUEST"
    calendar = inform(
        method, called, noted.day, words=words(locale), organizer=sender, description=noted.description if requesting else "", url=noted.url
    )
    content = _letter(kind, noted, before, called, say, organisation_name, note)
    return compose_letter(content, calendar, sender=sender, method=method, banner=banner)


def _letter(kind: Kind, noted: Noted, before: date | None, called: str, say: Language, organisation: str, note: str) -> Letter:
    wording, requesting = WORDINGS[kind], METHODS[kind] == "REQUEST"
    reason = clean(note).strip()
    when, url = in_words(noted.day, say), web_url(noted.url)
    moved = before is not None and before != noted.day
    text = noted.description if requesting else ""
    return Letter(
        language=say.tag,
        subject=say(wording.subject, title=called),
        heading=say(wording.heading, title=called),
        opening=(*(say(one) for one in wording.opening), *([say(_("Reason: %(reason)s"), reason=reason)] if reason else [])),
        differences=(Difference(say(_("When")), (in_words(before, say),), (when,)),) if moved else (),
        details=(Detail(say(_("When")), (when,)), *([Detail(say(_("Link")), (url,), url)] if url and requesting else [])),
        text=plain(text),
        html=html(text),
        closing=tuple(say(one) for one in wording.closing),
        organisation=clean_line(organisation),
    )


def in_words(day: date, say: Language) -> str:
    """ "Friday, 12 March 2027": the same day wherever one is."""
    return format_date(day, "full", locale=say.locale)
