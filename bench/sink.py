"""Postfix's smtp-sink with a clock: how many messages a second arrive."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sink:
    """`with Sink(port) as sink: sink.burst(1000)`."""

    def __init__(self, port: int) -> None:
        self.port, self.count, self.marks = port, 0, []
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Sink:
        command = ["smtp-sink", "-c", *(["-u", "nobody"] if os.geteuid() == 0 else []), f"127.0.0.1:{self.port}", "1000"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self._read, daemon=True).start()  # smtp-sink blocks on a full pipe
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("smtp-sink did not come up")

    def __exit__(self, *_args) -> None:
        self._process.terminate()
        self._process.wait()

    def _read(self) -> None:
        while data := os.read(self._process.stdout.fileno(), 1 << 16):
            counts = re.findall(rb"mesg=(\d+)\r", data)
            if counts and int(counts[-1]) != self.count:
                self.count = int(counts[-1])
                self.marks.append((time.perf_counter(), self.count))
            time.sleep(0.002)

    def burst(self, expected: int, patience: float = 60.0) -> float:
        """Wait for `expected` further messages; messages a second from the first to the last."""
        base = self.count
        self.marks.clear()
        deadline = time.perf_counter() + patience
        while self.count - base < expected and time.perf_counter() < deadline:
            time.sleep(0.005)
        (first, at_first), (last, at_last) = self.marks[0], self.marks[-1]
        return (at_last - at_first) / max(last - first, 1e-9)
