"""The words by which people do things by mail, and the page that lists them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver import tokens
from feedserver.imip import verbs
from feedserver.imip.by_mail import LABELS
from feedserver.imip.catalogues import LANGUAGES, language
from feedserver.imip.verbs import WORDS, Said, Verb

PAGE = (Path(__file__).parents[2] / "docs/mail-verbs.md").read_text()
ROWS = {cells[1].strip(" `"): cells for line in PAGE.splitlines() if len(cells := line.split("|")) == 6 and line.startswith("| `")}
CODE = tokens.verb_code("e12.3", "key")


def test_the_page_lists_every_verb_and_no_other():
    assert set(ROWS) == {verb.value for verb in Verb} == {verb.value for verb in WORDS} == {verb.value for verb in LABELS}


def test_the_words_of_the_page_mean_what_it_says():
    for name, cells in ROWS.items():
        for word in (name, *cells[4].split(",")):
            assert verbs.in_subject(word.strip()) == Said(Verb(name)), word


def test_no_word_means_two_things():
    meant = [(verbs.folded(word), verb) for verb, words in WORDS.items() for word in words.split(", ")]
    assert len(dict(meant)) == len(set(meant))


@pytest.mark.parametrize("tag", LANGUAGES)
def test_the_words_that_links_write_are_read_again_in_every_language(tag):
    say = language(tag)
    assert {verb: verbs.in_subject(f"{say(label)}: Fire safety") for verb, label in LABELS.items()} == {verb: Said(verb) for verb in Verb}


@pytest.mark.parametrize("subject", ["Yes: x", "RE: Yes: x", "Re: AW: yes", "[EXTERN] Sv: Yes - x", "Re[2]: Ja", "RE : Oui", "Re：Sí"])
def test_what_programs_put_before_a_subject_is_passed_over(subject):
    assert verbs.in_subject(f"{subject} [{CODE}]") == Said(Verb.YES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes", Verb.YES), ("  oui merci\n", Verb.YES), ("Nein!", Verb.NO), ("peut être", Verb.MAYBE), ("Give up", Verb.LEAVE),
        ("> On Friday\n> Come?\nNo", Verb.NO), ("Training wrote:\n> Yes\n\nNo", Verb.NO), ("-- \nYes", None), ("> Yes", None),
        ("No problem", None), ("Yes but I come late", None), ("Yesterday I was ill", None), ("", None), ("\n\nHi,\nyes", None),
    ],
)  # fmt: skip
def test_only_a_word_of_its_own_above_the_quote_is_a_verb(text, said):
    assert verbs.in_text(text) == (Said(said) if said else None)


def test_a_reason_goes_on_to_the_next_empty_line():
    assert verbs.in_text("Refuse no budget\nthis year\n\nBest, Bo\n> x") == Said(Verb.REFUSE, "no budget this year")
    assert verbs.in_text("No - not now") == Said(Verb.NO, "not now")


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=80), st.booleans(), st.booleans())
def test_a_code_comes_through_a_link_and_whatever_stands_around_it(title, upper, escaped):
    link = verbs.mailto("training@localhost", f"Yes: {title} [{CODE}]")
    assert re.fullmatch(r"mailto:training@localhost\?subject=[\w%.~-]*", link)
    subject = link if escaped else unquote(link.partition("=")[2])
    assert CODE in list(verbs.codes("", subject.upper() if upper else subject))


@given(st.text(max_size=300), st.text(max_size=500))
def test_nothing_that_people_write_raises(subject, text):
    for found in (verbs.said(subject, text, coded_subject=True), verbs.alone(subject, text)):
        assert found is None or isinstance(found, Said | Verb)
    assert len(list(verbs.codes(subject, text))) <= 20


def test_a_code_is_bound_to_its_key_its_numbers_and_its_purpose():
    assert tokens.read_verb_code(CODE.upper(), ["other", "key"]) == "e12.3"
    assert tokens.read_verb_code(CODE, ["other"]) is None and tokens.read_verb_code(CODE.replace("e12.3", "e12.4"), ["key"]) is None
    assert tokens.read_verb_code(CODE.replace("e12", "n12"), ["key"]) is None and len(CODE) < 40
    assert tokens.read_verb_code(tokens.bounce_token(12, "key"), ["key"]) is None
