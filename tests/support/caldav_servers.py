"""Real CalDAV servers on ports of their own, and a proxy before them that breaks what it is told to break."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

USER, PASSWORD = "mia", "app-pass-wörd"
_RADICALE = """
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/collections
[logging]
level = warning
"""
_MAKE = b"""<?xml version="1.0"?><c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>
<d:displayname>%s</d:displayname></d:prop></d:set></c:mkcalendar>"""


class Server:
    """A server as a process; `url` is its root, `home` where the user's collections lie."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = f"/{USER}/"
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"it did not start: {(self.folder / 'log').read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise TimeoutError("it does not listen")

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request as the user: (status, headers, body)."""
        import base64

        given = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def collection(self, name: str) -> str:
        """Make a calendar; returns its path."""
        path = f"{self.home}{name}/"
        status, _, body = self.ask("MKCALENDAR", path, _MAKE % name.encode(), Content_Type="application/xml")
        assert status == 201, (status, body)
        return path

    def objects(self, path: str) -> dict[str, bytes]:
        """What stands in a collection: name -> octets as the server gives them."""
        query = b"""<?xml version="1.0"?><c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/><c:calendar-data/></d:prop>
        <c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"/></c:comp-filter></c:filter></c:calendar-query>"""
        status, _, body = self.ask("REPORT", path, query, Content_Type="application/xml", Depth="1")
        assert status == 207, (status, body[:500])
        from xml.etree import ElementTree

        found = {}
        for one in ElementTree.fromstring(body).iter("{DAV:}response"):
            data = one.find(".//{urn:ietf:params:xml:ns:caldav}calendar-data")
            if data is not None and data.text:
                found[one.findtext("{DAV:}href").rpartition("/")[2]] = data.text.encode()
        return found


class Radicale(Server):
    """Radicale with one user and a password."""

    def command(self) -> list[str]:
        (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n", encoding="utf-8")
        (self.folder / "config").write_text(_RADICALE.format(port=self.port, folder=self.folder))
        return [sys.executable, "-m", "radicale", "--config", str(self.folder / "config")]


class Xandikos(Server):
    """Xandikos, which asks nobody for a password."""

    def command(self) -> list[str]:
        self.home = f"/{USER}/calendars/"
        where = ["-d", str(self.folder / "data"), "-l", "127.0.0.1", "-p", str(self.port)]
        return [sys.executable, "-m", "xandikos", "serve", *where, "--current-user-principal", f"/{USER}/", "--defaults", "--autocreate"]


@contextlib.contextmanager
def running(kind: type[Server], folder: Path) -> Iterator[Server]:
    """A server that runs."""
    server = kind(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


FAULTS = ("500 before", "503 before", "500 after", "drop before", "drop after", "half")


class Proxy:
    """Stands before a server. `share` of the requests go wrong, each in one of `faults`: answered or cut before or after the server had them.

    `seen` counts what was asked of the proxy by method, `wrong` what went wrong how.
    """

    def __init__(self, server: Server, share: float = 0.0, faults: tuple[str, ...] = FAULTS, seed: int = 1) -> None:
        self.server, self.share, self.faults = server, share, faults
        self.seen: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.next: list[str] = []
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def fault(self, method: str) -> str:
        """What goes wrong with this request, "" for nothing; `next` says it for the next ones, in order."""
        with self._lock:
            self.seen[method] += 1
            if self.next:
                chosen = self.next.pop(0)
            else:
                chosen = self._random.choice(self.faults) if self._random.random() < self.share else ""
            if chosen:
                self.wrong[chosen] += 1
            return chosen


def _handler(proxy: Proxy) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.fault(self.command)
            if fault.endswith("before"):
                return self._go_wrong(fault)
            connection = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=30)
            try:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host", "content-length")}
                connection.request(self.command, self.path, body or None, {**headers, "Host": self.headers["Host"]})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                return self._go_wrong("drop before")
            finally:
                connection.close()
            if fault and fault != "half":
                return self._go_wrong(fault)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + (10 if fault else 0)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = bool(fault)

        def _go_wrong(self, fault: str) -> None:
            self.close_connection = True
            if not fault.startswith("drop"):
                self.send_response(int(fault[:3]))
                self.send_header("Content-Length", "0")
                self.end_headers()

    for method in ("GET", "PUT", "DELETE", "PROPFIND", "REPORT", "OPTIONS", "MKCALENDAR"):
        setattr(Handler, f"do_{method}", Handler._pass_on)
    return Handler


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
