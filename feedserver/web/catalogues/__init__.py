"""What the learner's page says in each language: English in the templates, `<language>.po` here; then the words of the mails."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ...imip.catalogues import Language
from ...imip.catalogues import language as mail_language

FOLDER = Path(__file__).parent


@lru_cache(maxsize=64)
def language(tag: str | None) -> Language:
    """The language of a page nearest to a tag such as `de-AT`; English where there is no catalogue. Never raises."""
    near = mail_language(tag)
    path = FOLDER / f"{near.tag}.po"
    if not path.exists():
        return near
    with path.open("rb") as file:
        catalogue = read_po(file, locale=near.tag)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    translations = GNUTranslations(compiled)
    translations.add_fallback(near.translations)
    return replace(near, translations=translations)
