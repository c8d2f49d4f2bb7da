"""The product as real processes: `with Product(tmp_path) as product: product.api("GET", "/sessions")`."""

from __future__ import annotations

import contextlib
import http.client
import json as json_
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0
_LAST_LINES = 30
_LINES = {
    "web": re.compile(r"web: (http://\S+)$"),
    "mail": re.compile(r"mail: ((?:smtp|lmtp)://\S+)$"),
    "worker": re.compile(r"worker: (ready)$"),
    "all": re.compile(r"(ready)$"),
}
_AWAITED = {"serve": ("web", "mail", "worker", "all"), "web": ("web",), "worker": ("worker",), "receive": ("mail",)}


class NotUp(AssertionError):
    """A process did not come up, or did not go; the text holds its last lines."""


class Process:
    """One `python -m feedserver …` in a process group of its own; `said` holds what its lines announced."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self.arguments = list(arguments)
        self.said: dict[str, str] = {}
        self.lines: list[str] = []
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "feedserver", *self.arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, names: Sequence[str]) -> None:
        """Until the lines have announced all `names`; raises `NotUp` when it ends or takes too long."""
        poll(lambda: set(names) <= set(self.said) or self._popen.poll() is not None, self._words("did not come up"))
        if not set(names) <= set(self.said):
            self._reader.join(5)
            raise NotUp(self._words(f"ended with {self._popen.returncode}")())

    def stop(self, seconds: float = 15.0) -> None:
        """SIGTERM; asserts that it ends in time, with 0, and that no child of its group is left."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            words = self._words(f"still there {seconds:.0f} s after SIGTERM")()
            self.kill9()
            raise NotUp(words) from None
        left = members(self.pid)
        self.kill9()
        assert code == 0, self._words(f"ended with {code}")()
        assert left == [], self._words(f"left behind {left}")()

    def kill9(self) -> None:
        """SIGKILL to the whole group, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            self.lines.append(line.rstrip("\n"))
            for name, pattern in _LINES.items():
                found = pattern.fullmatch(self.lines[-1].strip())
                if found:
                    self.said[name] = found[1]

    def _words(self, what: str) -> Callable[[], str]:
        return lambda: "\n".join([f"feedserver {' '.join(self.arguments)} {what}:", *self.lines[-_LAST_LINES:]])


class Product:
    """The product on free ports with a database of its own; `settings` are those of the contract in lower case.

    `parts=("serve",)` is everything in one go; any of "web", "worker", "receive" are started as processes of their own.
    """

    def __init__(self, folder: Path, parts: Sequence[str] = ("serve",), **settings: object) -> None:
        self.folder = folder
        self.parts = tuple(parts)
        self.processes: dict[str, Process] = {}
        values = {
            "database_url": f"sqlite:///{folder / 'feedserver.db'}",
            "http_bind": "127.0.0.1:0",
            "inbound_bind": "127.0.0.1:0",
            "secret_keys": "tests-only-not-a-secret-0123456789",
            **settings,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDSERVER_")}
        ours = {f"FEEDSERVER_{name.upper()}": str(value) for name, value in values.items()}
        self.environment = {**kept, **ours, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        self._token: str | None = None

    def __enter__(self) -> Product:
        try:
            if "serve" not in self.parts:
                self.command("migrate")
            for part in self.parts:
                self.start(part)
            if "web" in self.said:
                poll(lambda: self.get("/healthz")[0] == 200, lambda: f"/healthz says {self.get('/healthz')}")
        except BaseException:
            self.kill9()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill9()

    def start(self, part: str, *arguments: str) -> Process:
        """Start one part (again, after `kill9`) and wait until it says that it is up."""
        process = Process([part, *arguments], self.environment, self.folder)
        self.processes[part] = process
        process.wait_for(_AWAITED[part])
        return process

    def stop(self) -> None:
        """Stop all parts as an operator would; asserts clean ends."""
        for process in self.processes.values():
            process.stop()
        self.processes.clear()

    def kill9(self, part: str | None = None) -> None:
        """SIGKILL to one part, or to all, with their children."""
        for name in [part] if part else list(self.processes):
            self.processes.pop(name).kill9()

    def command(self, *arguments: str, given: bytes = b"", status: int = 0) -> str:
        """Run `python -m feedserver …` to its end, assert its exit status; returns its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "feedserver", *arguments],
            input=given,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=_PATIENCE,
            check=False,
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == status, f"feedserver {' '.join(arguments)} ended with {done.returncode}:\n{said}"
        return done.stdout.decode()

    @property
    def said(self) -> dict[str, str]:
        """What the parts announced: {"web": "http://127.0.0.1:…", "mail": "smtp://127.0.0.1:…"}."""
        return {name: text for process in self.processes.values() for name, text in process.said.items()}

    @property
    def url(self) -> str:
        """Where the web part listens."""
        return self.said["web"].rstrip("/")

    @property
    def smtp_port(self) -> int:
        """Where the receiver listens."""
        return urlsplit(self.said["mail"]).port or 25

    @property
    def token(self) -> str:
        """An API token with all rights, made at the first use."""
        if self._token is None:
            self._token = self.command("token", "create", "tests").strip()
        return self._token

    def here(self, url: str) -> str:
        """The same address at the port where this product really listens (links are made from BASE_URL)."""
        parts = urlsplit(url)
        return self.url + parts.path + (f"?{parts.query}" if parts.query else "")

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """GET without signing in -> (status, headers in lower case, body)."""
        return self.request("GET", path, headers=headers)

    def api(self, method: str, path: str, json: Any = None, **headers: str) -> tuple[int, Any]:
        """Call `/api/v1` + path with the token -> (status, parsed body); If-Match is given as `If_Match=`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given.setdefault("Authorization", f"Bearer {self.token}")
        body = None
        if json is not None:
            given["Content-Type"] = "application/json"
            body = json_.dumps(json).encode()
        status, received, answer = self.request(method, f"/api/v1{path}", body, given)
        return status, json_.loads(answer) if answer and "json" in received.get("content-type", "") else answer

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP exchange on a connection of its own; redirects are not followed."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def members(group: int) -> list[str]:
    """The living processes of a process group, as "pid command line"."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


def poll(condition: Callable[[], Any], words: str | Callable[[], str], seconds: float = _PATIENCE) -> Any:
    """Ask until the answer is true and return it; after `seconds` raise `NotUp` with `words`."""
    end = time.monotonic() + seconds
    pause = 0.005
    while not (answer := condition()):
        if time.monotonic() > end:
            raise NotUp(words if isinstance(words, str) else words())
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    return answer
