"""The layers of docs/architecture.md, held by the syntax tree: who may import whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEAVES = {"__version__", "errors", "addresses", "origins", "tokens", "vault"}
BELOW_STORE = LEAVES | {"training"}
OBJECTS = BELOW_STORE | {"ical"}
MESSAGES = OBJECTS | {"itip"}
MAIL_TEXT = MESSAGES | {"imip"}
USE_CASES = MAIL_TEXT | {"store"}
CARRIERS = USE_CASES | {"services", "settings"}

# Layer: what it may import of ours, besides itself. A new module must be given its place here.
MAY_IMPORT = {
    "__version__": set(),
    "errors": set(),
    "addresses": {"errors"},
    "origins": {"errors"},
    "tokens": {"errors"},
    "vault": {"errors"},
    "settings": LEAVES,
    "bootstrap": set(),
    "training": {"errors"},
    "ical": BELOW_STORE,
    "itip": OBJECTS,
    "imip": MESSAGES,
    "store": BELOW_STORE,
    "services": USE_CASES,
    "web": CARRIERS,
    "publish": CARRIERS,
    "mail": CARRIERS,
    "logs": set(),
    "commands": CARRIERS | {"web", "publish", "mail"},
    "__main__": CARRIERS | {"web", "publish", "mail", "commands", "logs"},
}
# Library: the only layers that may know it.
ONLY_IN = {
    "flask": {"web", "__main__"},
    "werkzeug": {"web", "__main__"},
    "icalendar": {"ical", "itip"},
    "sqlalchemy": {"store", "services", "web", "publish", "mail", "commands"},
    "alembic": {"store"},
    "aiosmtpd": {"mail", "commands"},
    "imapclient": {"mail", "commands"},
    "smtplib": {"mail", "commands", "web"},
}
FORBIDDEN_NAMES = {"email", "calendar", "types", "queue", "utils", "helpers", "common"}


def layer_of(path: Path) -> str:
    """feedserver/web/feeds.py -> web; feedserver/errors.py -> errors; mail/relay.py -> mail."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "mail" if parts[0] == "mail" else parts[1]


def imported(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """The dotted names that a module imports, relative ones resolved against its package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from (f"{start}.{alias.name}" for alias in node.names)


def our_layer(name: str) -> str | None:
    """The layer of ours that a dotted name belongs to; None for libraries and for the bare package."""
    first, _, rest = name.partition(".")
    if first == "mail":
        return "mail"
    return rest.split(".")[0] or None if first == "feedserver" else None


def modules() -> list[Path]:
    """Every module of the product; `__init__` of the package itself holds nothing."""
    found = [*ROOT.glob("feedserver/**/*.py"), *ROOT.glob("mail/**/*.py")]
    return sorted(path for path in found if path != ROOT / "feedserver/__init__.py")


def wrong_imports(layer: str, source: str, package: tuple[str, ...]) -> list[str]:
    """The imports that the tables above forbid to a module of `layer`."""
    allowed = MAY_IMPORT[layer] | {layer}
    wrong = []
    for name in imported(source, package):
        ours, library = our_layer(name), name.partition(".")[0]
        if (ours and ours not in allowed) or layer not in ONLY_IN.get(library, {layer}):
            wrong.append(f"{layer} imports {name}")
        if layer == "training" and not ours and library not in sys.stdlib_module_names | {"dateutil", "feedserver"}:
            wrong.append(f"{layer} imports {name}: the rules run on nothing but Python and dateutil")
    return wrong


def test_every_module_imports_only_what_lies_below_it():
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in modules()
        if (found := wrong_imports(layer_of(path), path.read_text(), path.relative_to(ROOT).parent.parts))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("training", "import flask"),
        ("training", "from pydantic import BaseModel"),
        ("training", "from ..store import rows"),
        ("services", "from mail import relay"),
        ("services", "import mail.relay"),
        ("services", "from ..web.feeds import feed"),
        ("services", "from .. import settings"),
        ("services", "from flask import g"),
        ("web", "from mail.incoming import judge"),
        ("mail", "from feedserver.web import auth"),
        ("itip", "def late():\n    from feedserver import imip"),
        ("store", "from ..ical import vevent"),
        ("imip", "import icalendar"),
    ],
)
def test_what_points_upwards_is_found(layer, line):
    package = ("mail",) if layer == "mail" else ("feedserver", layer)
    assert len(wrong_imports(layer, line, package)) >= 1


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("training", "from datetime import datetime"),
        ("training", "from dateutil import rrule"),
        ("training", "from .statuses import EnrolmentStatus"),
        ("services", "from ..store import outbox"),
        ("web", "from feedserver.services import scheduling"),
        ("mail", "from email.header import Header"),
        ("ical", "from ..errors import Invalid"),
    ],
)
def test_what_points_downwards_is_allowed(layer, line):
    package = ("mail",) if layer == "mail" else ("feedserver", layer)
    assert wrong_imports(layer, line, package) == []


def test_no_file_hides_a_module_of_python_or_says_nothing():
    named = [path for path in modules() if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES]
    assert named == []
