"""Every sentence that we say can be said in every language that we have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import feedserver.imip
from feedserver.imip.catalogues import FOLDER, LANGUAGES, language, words
from feedserver.imip.compose import TEMPLATES


def said() -> set[str]:
    """All messages in the code and in the templates."""
    code = extract_from_dir(Path(feedserver.imip.__file__).parent, [("**.py", "python")])
    mails = extract_from_dir(TEMPLATES, [("**.*", "jinja2.ext:babel_extract")])
    return {message for found in (code, mails) for _, _, message, *_ in found}


@pytest.mark.parametrize("tag", sorted(set(LANGUAGES) - {"en"}))
def test_a_catalogue_has_every_message_and_its_placeholders(tag: str) -> None:
    with (FOLDER / f"{tag}.po").open("rb") as file:
        catalogue = {m.id: m.string for m in read_po(file) if m.id and not m.fuzzy}

    assert len(said()) > 50
    assert said() - {message for message, text in catalogue.items() if text} == set()
    assert set(catalogue) - said() == set()
    for message, text in catalogue.items():
        assert sorted(re.findall(r"%\(\w+\)s", message)) == sorted(re.findall(r"%\(\w+\)s", text)), message


@pytest.mark.parametrize(
    ("tag", "locale"),
    [("de-AT", "de_AT"), ("DE", "de"), ("en-us", "en_US"), ("fr-FR", "en_GB"), ("", "en_GB"), (None, "en_GB"), ("en-XX", "en")],
)
def test_the_nearest_language_is_taken(tag: str | None, locale: str) -> None:
    assert str(language(tag).locale) == locale


def test_calendar_words_are_translated() -> None:
    assert words("de").waiting_list == "Warteliste" and words("fr").waiting_list == "Waiting list"
