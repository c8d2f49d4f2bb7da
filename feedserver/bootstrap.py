"""What `./run` and `./test` do before there is an environment: make `.venv`, then become its Python.

Runs on the system's Python with the standard library alone and imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"run": ("requirements.txt",), "test": ("requirements.txt", "requirements-test.txt")}
_START = time.monotonic()


class CannotPrepare(Exception):
    """The environment cannot be made; the text says what to do about it."""


def main(arguments: Sequence[str]) -> int:
    """`run …` or `test …`: prepare, then exec. Returns only when something is wrong."""
    command, rest = arguments[0], list(arguments[1:])
    try:
        python = ensure(ROOT, command)
        if command == "test":
            _provide_chromium(python)
            _provide_mail_servers(python)
    except CannotPrepare as error:
        print(f"feedserver: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.flush()
    os.chdir(ROOT)
    # exec, so that SIGTERM and SIGINT reach the server itself and its exit status is ours.
    os.execv(python, [str(python), "-m", *_module(command, rest)])  # noqa: S606


def ensure(root: Path, command: str) -> Path:
    """Bring `root/.venv` up to what `command` ("run" or "test") needs; returns its Python. Raises `CannotPrepare`.

    The stamp is written last, so an interrupted or failed install is done again. Simultaneous starts wait in line.
    """
    venv = root / ".venv"
    python = venv / "bin" / "python"
    with _alone(root):
        version = _version_of(python)
        if version and _read(_stamp_file(venv, command)) == stamp(root, command, version):
            return python
        if not version:
            _make(venv)
            version = _version_of(python)
        for name in REQUIREMENTS:
            _stamp_file(venv, name).unlink(missing_ok=True)
        _install(python, root, command)
        for name in REQUIREMENTS:
            if set(REQUIREMENTS[name]) <= set(REQUIREMENTS[command]):
                _write(_stamp_file(venv, name), stamp(root, name, version))
    return python


def stamp(root: Path, command: str, version: str) -> str:
    """What the environment depends on: the pins and the Python, as one SHA-256 in hex."""
    digest = hashlib.sha256(version.encode())
    for name in REQUIREMENTS[command]:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def _module(command: str, rest: list[str]) -> list[str]:
    if command == "test":
        return ["pytest", "-n", "4", "--dist", "worksteal", *rest]
    return ["feedserver", "serve", "--demo", *rest]


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    # The folder itself is locked: there is no lock file to leave behind, and none that clearing .venv could take away.
    handle = os.open(root, os.O_RDONLY)
    # Children hold the lock too: when we are killed, the pip that goes on writing still keeps the next start out.
    os.set_inheritable(handle, True)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another ./run or ./test that is installing")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make(venv: Path) -> None:
    _say(f"making .venv with Python {sys.version.split()[0]}")
    if venv.exists():
        shutil.rmtree(venv)
    hint = "the module venv is missing. On Debian: apt-get install python3-venv"
    _call([sys.executable, "-m", "venv", "--without-pip", venv], hint)


def _install(python: Path, root: Path, command: str) -> None:
    wanted = [part for name in REQUIREMENTS[command] for part in ("-r", root / name)]
    count = sum((root / name).read_text().count("==") for name in REQUIREMENTS[command])
    uv = shutil.which("uv")
    if uv:
        _say(f"installing {count} packages with uv")
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: an organisation's own proxy has its own authority
        if _succeeds([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *wanted]):
            return _say("installed")
        _say("uv could not; trying pip")
    pip = _pip(python)
    _say(f"installing {count} packages with pip")
    hint = "pip could not install what requirements.txt names; its words are above. Is the package index reachable?"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    _call([*pip, "install", *quiet, *wanted], hint)
    return _say("installed")


def _pip(python: Path) -> list[str | Path]:
    """The pip of the environment; else the system's, told to install there (Debian takes ensurepip out of Python)."""
    own: list[str | Path] = [python, "-m", "pip"]
    if _succeeds([*own, "--version"]) or _succeeds([python, "-m", "ensurepip", "--default-pip"]):
        return own
    foreign: list[str | Path] = [sys.executable, "-m", "pip", "--python", python]
    if _succeeds([*foreign, "--version"]):
        return foreign
    raise CannotPrepare("neither pip nor ensurepip nor uv is there. On Debian: apt-get install python3-venv")


def _provide_chromium(python: Path) -> None:
    command = [python, "-m", "tests.support.chromium"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise CannotPrepare("no Chromium for the browser tests; the reasons are above")
    os.environ["FEEDSERVER_TEST_CHROMIUM"] = done.stdout.strip()


def _provide_mail_servers(python: Path) -> None:
    if subprocess.run([python, "-m", "tests.support.debian"], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
        raise CannotPrepare("no Postfix and Dovecot for the tests of mail; the reasons are above")


def _version_of(python: Path) -> str | None:
    """What that Python says of itself; None when it does not run or is too old, as after an upgrade of the system."""
    code = "import sys; print(sys.version); sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _stamp_file(venv: Path, command: str) -> Path:
    return venv / f".installed-{command}"


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _write(path: Path, text: str) -> None:
    half = path.with_suffix(".half")
    half.write_text(text)
    half.replace(path)


def _succeeds(command: Sequence[str | Path]) -> bool:
    return subprocess.run(command, capture_output=True, close_fds=False, check=False).returncode == 0


def _call(command: Sequence[str | Path], hint: str) -> None:
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, **told, close_fds=False, check=False)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise CannotPrepare(hint)


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _START:5.1f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
