"""A real Postfix and a real Dovecot for the tests: Debian packages, pinned by their SHA-256, unpacked beside the environment.

Nothing is installed: no root, no apt, no dpkg. `python -m tests.support.debian` prints the folder. Of the system they need glibc alone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PACKAGES = Path(__file__).with_name("debian_packages.txt")
# bookworm is frozen; should a file be moved all the same, the archive of all that ever was has it.
MIRRORS = ("http://deb.debian.org/debian", "https://snapshot.debian.org/archive/debian/20261101T000000Z")
MIRROR = "FEEDSERVER_TEST_DEBIAN_MIRROR"
# Dovecot finds itself by absolute paths: of the same length, and relative to the folder it runs in, they find the unpacked one.
RELATIVE = {b"/usr/lib/dovecot": b"usr//lib/dovecot", b"/usr/bin/doveconf": b"usr//bin/doveconf"}
_TRIES = 3


class NoMailServers(Exception):
    """They cannot be had; the text says why and what to do."""


def provide() -> Path:
    """The folder that holds both, as the root of a Debian would; fetched at the first call. Raises `NoMailServers`."""
    pins = PACKAGES.read_bytes()
    folder = Path(sys.prefix) / f"mail-servers-{hashlib.sha256(pins).hexdigest()[:12]}"
    if folder.exists():
        return folder
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise NoMailServers("Postfix and Dovecot for the tests are pinned for Linux on x86_64 alone")
    with _alone():
        if not folder.exists():
            _fetch([line.split() for line in pins.decode().splitlines()], folder)
    return folder


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    handle = os.open(sys.prefix, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fetch(pins: list[list[str]], folder: Path) -> None:
    print(f"fetching Postfix and Dovecot from Debian ({len(pins)} packages, 24 MB)", file=sys.stderr, flush=True)
    half = folder.with_suffix(f".{os.getpid()}")
    half.mkdir()
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for packed in pool.map(lambda pin: _download(pin[1], pin[0]), pins):
                _unpack(packed, half)
        for path in [*half.glob("usr/lib/dovecot/*"), half / "usr/sbin/dovecot", half / "usr/bin/doveconf"]:
            if path.is_file() and not path.is_symlink():
                path.write_bytes(_relative(path.read_bytes()))
        half.rename(folder)
    except (OSError, tarfile.TarError) as error:
        raise NoMailServers(f"Postfix and Dovecot for the tests could not be unpacked: {error}") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _download(path: str, sha256: str) -> bytes:
    reasons = []
    for mirror in [*filter(None, [os.environ.get(MIRROR)]), *MIRRORS] * _TRIES:
        url = f"{mirror.rstrip('/')}/pool/main/{path.replace('+', '%2b')}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                packed = response.read()
        except OSError as error:
            reasons.append(f"  - {url}: {error}")
            continue
        if hashlib.sha256(packed).hexdigest() == sha256:
            return packed
        reasons.append(f"  - {url} is not the file that was pinned")
    tried = "\n".join(dict.fromkeys(reasons))
    raise NoMailServers(f"Postfix and Dovecot for the tests could not be fetched. Name a mirror of Debian in {MIRROR}. Tried:\n{tried}")


def _unpack(packed: bytes, folder: Path) -> None:
    """A .deb is an ar archive (60-octet headers, members padded to even length) with a data.tar.xz in it."""
    at = len(b"!<arch>\n")
    while at < len(packed):
        name, size = packed[at : at + 16].decode().strip().rstrip("/"), int(packed[at + 48 : at + 58])
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(packed[at + 60 : at + 60 + size])) as archive:
                archive.extractall(folder, [m for m in archive if not m.isdev() and "/share/" not in m.name])
        at += 60 + size + size % 2


def _relative(program: bytes) -> bytes:
    for absolute, relative in RELATIVE.items():
        program = program.replace(absolute, relative)
    return program


if __name__ == "__main__":
    try:
        print(provide())
    except NoMailServers as problem:
        sys.exit(str(problem))
