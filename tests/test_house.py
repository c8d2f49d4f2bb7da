"""The rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def product() -> list[Path]:
    """The product's own modules."""
    return sorted([*ROOT.glob("feedserver/**/*.py"), *ROOT.glob("mail/**/*.py"), ROOT / "wsgi.py"])


def public_functions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Public functions and methods with their qualified names; what is nested in a function is nobody's business."""
    for node in ast.iter_child_nodes(tree):
        name = getattr(node, "name", "_")
        if isinstance(node, ast.ClassDef) and not name.startswith("_"):
            yield from public_functions(node, f"{within}{name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not name.startswith("_"):
            yield f"{within}{name}", node


def ruff(*arguments: str) -> str:
    """Run ruff over the checkout; returns what it says, one finding a line, nothing when it is content."""
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--output-format=concise", ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def test_ruff_finds_nothing_to_say():
    said = ruff("check")
    assert not said, said


def test_ruff_would_format_nothing_otherwise():
    said = ruff("format", "--check")
    assert not said, said


def test_every_module_and_public_function_says_what_it_is_for():
    silent = []
    for path in filter(Path.exists, product()):
        tree = ast.parse(path.read_text())
        where = str(path.relative_to(ROOT))
        if tree.body and not ast.get_docstring(tree):
            silent.append(where)
        silent += [f"{where}: {name}" for name, node in public_functions(tree) if not ast.get_docstring(node)]
    assert silent == []


def test_nothing_is_left_for_later():
    files = [*product(), *ROOT.glob("templates/**/*.*"), *ROOT.glob("migrations/**/*.py"), *ROOT.glob("tests/**/*.py")]
    left = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert left == []
