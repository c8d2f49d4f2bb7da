"""./run and ./test on a machine that has nothing yet."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from feedserver import bootstrap

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that needs no package, so that making its environment is quick and asks no index."""
    for names in bootstrap.REQUIREMENTS.values():
        for name in names:
            (tmp_path / name).write_text("# nothing\n")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    return tmp_path


def test_the_first_start_makes_the_environment_and_the_second_does_nothing(checkout, capsys):
    bootstrap.ensure(checkout, "run")
    assert "making .venv" in capsys.readouterr().out
    assert subprocess.run([bootstrap.ensure(checkout, "run"), "-c", ""]).returncode == 0
    assert capsys.readouterr().out == ""


def test_a_changed_pin_and_a_broken_python_are_both_mended(checkout, capsys):
    python = bootstrap.ensure(checkout, "run")
    (checkout / "requirements.txt").write_text("# another pin\n")
    bootstrap.ensure(checkout, "run")
    assert "installing" in capsys.readouterr().out.split("installed", 1)[1]
    python.unlink()
    python.symlink_to("/gone/python")
    assert subprocess.run([bootstrap.ensure(checkout, "run"), "-c", ""]).returncode == 0


def test_an_install_that_fails_is_done_again(checkout):
    (checkout / "requirements.txt").write_text("./no-such-package\n")
    for _ in range(2):
        with pytest.raises(bootstrap.CannotPrepare, match="could not install"):
            bootstrap.ensure(checkout, "run")
    (checkout / "requirements.txt").write_text("")
    assert bootstrap.ensure(checkout, "run").exists()


def test_an_environment_for_tests_serves_runs_too_but_not_the_other_way(checkout, capsys):
    bootstrap.ensure(checkout, "run")
    bootstrap.ensure(checkout, "test")
    assert capsys.readouterr().out.count("] installing") == 2
    bootstrap.ensure(checkout, "run")
    assert capsys.readouterr().out == ""


def test_two_starts_at_once_install_once(checkout, capfd):
    program = "import pathlib, sys; from feedserver import bootstrap; bootstrap.ensure(pathlib.Path(sys.argv[1]), 'run')"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        starts = [pool.submit(subprocess.run, [sys.executable, "-c", program, checkout], cwd=ROOT) for _ in range(2)]
    assert [start.result().returncode for start in starts] == [0, 0]
    assert capfd.readouterr().out.count("making .venv") == 1


def test_without_a_python_the_words_say_what_to_install(tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    done = subprocess.run([ROOT / "run"], env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or later" in done.stderr


def test_the_two_commands_can_be_executed():
    assert [os.access(ROOT / name, os.X_OK) for name in ("run", "test", ".ci/run")] == [True] * 3
