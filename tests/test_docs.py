"""The documentation says what is there: settings, commands, calls, tables, links."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from feedserver import __main__ as commands
from feedserver.settings import Settings
from feedserver.store.rows import Base
from feedserver.web.api.description import describe
from feedserver.web.api.routing import ROUTES, openapi_path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
OPERATIONS = (ROOT / "docs/operations.md").read_text()
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_OURS = "python -m feedserver "


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]


def first_cells(table: str) -> set[str]:
    """The words in code marks of each row's first cell."""
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its whole name."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from walk(below, (*path, name))


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, ...], click.Command]:
    """All commands of `python -m feedserver`."""
    commands._register()
    return dict(walk(commands.main))


def test_every_setting_is_described_and_nothing_else_is():
    described = first_cells(section(OPERATIONS, "Settings"))
    assert described == {field.name.upper() for field in dataclasses.fields(Settings)}


def test_the_defaults_in_the_table_are_those_of_the_code():
    plain = {f.name.upper(): str(f.default) for f in dataclasses.fields(Settings) if type(f.default) in (str, int)}
    rows = {cells[1].strip(" `"): cells[2].strip(" `") for line in OPERATIONS.splitlines() if len(cells := line.split("|")) == 5}
    assert {name: rows[name] for name in plain} == plain


def test_settings_that_examples_set_exist():
    set_by_examples = set(re.findall(r"\bFEEDSERVER_([A-Z_]+)", "".join(page.read_text() for page in PAGES)))
    assert set_by_examples <= {field.name.upper() for field in dataclasses.fields(Settings)}


def test_every_command_is_described(known):
    described = [tuple(words.split()) for words in first_cells(section(OPERATIONS, "Commands"))]
    missing = [" ".join(path) for path in known if not any(words[: len(path)] == path for words in described)]
    assert missing == []


def test_every_command_of_the_table_exists(known):
    unknown = [
        words
        for words in first_cells(section(OPERATIONS, "Commands"))
        if not any(tuple(words.split())[: len(path)] == path for path in known)
    ]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_examples_can_be_called(page, known):
    lines = [line.removeprefix("$ ") for kind, body in _FENCE.findall(page.read_text()) if kind == "console" for line in body.splitlines()]
    for line in lines:
        if not line.startswith(_OURS):
            continue
        words = shlex.split(line.removeprefix(_OURS))
        path = next((path for path in known if tuple(words[: len(path)]) == path), None)
        assert path, f"{page.name}: there is no such command: {line}"
        # Parsed and not run: wrong options and missing arguments raise.
        known[path].make_context(path[-1], words[len(path) :])


def test_every_call_of_the_api_is_listed_and_no_other():
    listed = first_cells(section((ROOT / "docs/api.md").read_text(), "All calls"))
    described = {
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, methods in describe("")["paths"].items() for method in methods
    }
    every = {f"{one.method} {openapi_path(one.path)}" for one in ROUTES}
    assert described <= every
    assert listed == every


def test_every_table_is_in_the_architecture():
    described = first_cells(section((ROOT / "docs/architecture.md").read_text(), "Rows"))
    assert described == set(Base.metadata.tables)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    found = [link.partition("#")[0] for link in _LINK.findall(_FENCE.sub("", page.read_text()))]
    broken = [link for link in found if link and "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_pictures_are_small_and_shown():
    shown = (ROOT / "README.md").read_text()
    for picture in (ROOT / "docs/pictures").glob("*.png"):
        assert picture.stat().st_size < 150_000
        assert f"docs/pictures/{picture.name}" in shown
