"""What we say in each language.

English is the source, `<language>.po` beside this file the translations, read at import.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from feedserver.ical.words import Words

FOLDER = Path(__file__).parent
SOURCE = "en"


def _read(path: Path) -> GNUTranslations:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


_TRANSLATIONS: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
_TRANSLATIONS |= {path.stem: _read(path) for path in sorted(FOLDER.glob("*.po"))}
LANGUAGES = tuple(sorted(_TRANSLATIONS))


@dataclass(frozen=True)
class Language:
    """A language we can write in; `locale` also says how dates look there."""

    tag: str
    locale: Locale
    translations: NullTranslations

    def __call__(self, message: str, **values: object) -> str:
        """The message in this language, its %(name)s filled in."""
        text = self.translations.gettext(message)
        return text % values if values else text


@lru_cache(maxsize=256)
def language(tag: str | None) -> Language:
    """The language nearest to a tag such as `de`, `de-AT` or `en_US`.

    English where there is no catalogue. Never raises.
    """
    parts = (tag or SOURCE).replace("_", "-").split("-")
    name = parts[0].lower() if parts[0].lower() in _TRANSLATIONS else SOURCE
    # Without a country English dates are written the British way, day first and with 24 hours, as most of the
    # world reads them.
    country = "GB" if name == SOURCE else None
    if parts[0].lower() == name:
        country = next((p.upper() for p in parts[1:] if len(p) == 2), country)
    try:
        locale = Locale(name, country)
    except UnknownLocaleError:
        locale = Locale(name)
    return Language(name, locale, _TRANSLATIONS[name])


def _(message: str) -> str:
    """Marks a message for the catalogues; the text itself is looked up when it is said."""
    return message


_WORDS = {
    "training": _("Training"),
    "busy": _("Busy"),
    "join": _("Join"),
    "access_code": _("Access code"),
    "instructors": _("Instructors"),
    "course": _("Course"),
    "file": _("File"),
    "page": _("Your page"),
    "waiting_list": _("Waiting list"),
    "waiting_approval": _("Waiting for approval"),
    "cancelled": _("Cancelled"),
    "held": _("Held for you until %(until)s. Without a Yes by then it goes to the next on the list."),
    "ended": _("This calendar has ended"),
    "ended_text": _("Its address is no longer in use. Please unsubscribe from it."),
    "taken": _("Seats taken: %(taken)s"),
    "taken_of": _("Seats taken: %(taken)s of %(seats)s"),
    "free": _("Seats free: %(free)s"),
    "register": _("Register"),
    "register_there": _("Register on your own page."),
    "team": _("Team of %(who)s"),
    "teaching": _("Sessions of %(who)s"),
    "room": _("Room %(who)s"),
    "every_session": _("All sessions"),
    "open_seats": _("Open seats"),
    "invited": _("Invited"),
    "registered": _("Registered"),
    "declined": _("Declined"),
    "attended": _("Attended"),
    "absent": _("Absent"),
    "go_show": _("Go Show"),
}


@lru_cache(maxsize=64)
def words(tag: str | None) -> Words:
    """The words of calendar entries in the language nearest to a tag."""
    say = language(tag)
    return Words(**{name: say(message) for name, message in _WORDS.items()})
