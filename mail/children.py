"""Reading mail in long-lived children that can be killed: what a stranger writes never takes the worker with it.

A child gets raw bytes and gives JSON back, each with its length (4 octets) in front; it also says whether a signature holds. It has 512 MB and, for each mail,
5 s: then it is killed, the mail is "broken" with its reason, and the next mail gets a new child.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import zoneinfo
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from feedserver.errors import Unavailable
from feedserver.imip.extract import read
from feedserver.imip.incoming import Incoming, broken
from feedserver.imip.limits import MAX_MESSAGE, REASONS

from . import signatures

DEADLINE = 5.0
START_DEADLINE = 30.0
MEMORY = 512 * 1024 * 1024
# Room for the mails that a child reads next; where the system gives less, it waits a little more.
PIPE = 512 * 1024
# Starting one costs as much as reading a thousand mails.
MESSAGES = 20_000
_ROOT = Path(__file__).resolve().parents[1]
_LENGTH = struct.Struct(">I")
_SIGNATURE = struct.Struct(">BI")
_READY, _YES, _NO = b"ready", b"yes", b"no"
# What a child is asked: to read a mail, or whether a signature of it holds.
_READ, _HOLDS = b"r", b"s"


class ParserPool:
    """One or two children, started when first needed. Threads may share it; close it to end the children."""

    def __init__(self, size: int = 1, *, deadline: float = DEADLINE, messages: int = MESSAGES) -> None:
        self.deadline = deadline
        self.messages = messages
        self._slots: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(size):
            self._slots.put(None)
        self._size = size

    def read(self, raw: bytes) -> Incoming:
        """What one mail says, at most `deadline` seconds later. Raises `Unavailable` where no child can be started."""
        # One octet too many is enough to be told that a mail is too large.
        answer = self._asked(_READ + raw[: MAX_MESSAGE + 1])
        return Incoming.from_json(answer) if answer is not None else broken(REASONS["parse_limit"], "parse_limit")

    def read_all(self, raws: Iterable[bytes]) -> Iterator[Incoming]:
        """What each of these mails says, in order, as `read` would say it; while one is dealt with, the child reads on.

        `raws` are taken as far ahead as the pipe to the child has room. It holds a child until it has ended: ask for nothing else of a
        pool of one in between.
        """
        source = (_READ + raw[: MAX_MESSAGE + 1] for raw in raws)
        # Asked and not answered: what another child is asked again where this one dies.
        asked: deque[bytes] = deque()
        child, died = self._slots.get(), False
        try:
            while asked or (first := next(source, None)) is not None:
                if not asked:
                    asked.append(first)
                child = child or _Child()
                try:
                    for answer in child.answers(asked, source, self.deadline):
                        yield Incoming.from_json(answer)
                        died = False
                        if child.answered >= self.messages or b'"parser_failed"' in answer:
                            break
                    else:
                        continue
                    child = child.kill()
                except (TimeoutError, EOFError, OSError) as error:
                    child = child.kill()
                    # As in `_asked`: a child that dies once says nothing of the mail, one that is too slow, or dies twice, does.
                    if died or isinstance(error, TimeoutError):
                        asked.popleft()
                        died = False
                        yield broken(REASONS["parse_limit"], "parse_limit")
                    else:
                        died = True
        finally:
            # What it has not answered it would answer to whoever asks next.
            if child is not None and asked:
                child = child.kill()
            self._slots.put(child)

    def holds(self, raw: bytes, which: int, key: bytes) -> bool | None:
        """Whether signature `which` of a mail, counted from the top, holds by this key record; None where that took too long."""
        answer = self._asked(_HOLDS + _SIGNATURE.pack(which, len(key)) + key + raw)
        return None if answer is None else answer == _YES

    def _asked(self, request: bytes) -> bytes | None:
        child = self._slots.get()
        try:
            # A child that something else killed says nothing of the mail; one that dies twice does.
            for _ in range(2):
                child = child or _Child()
                try:
                    answer = child.ask(request, self.deadline)
                except TimeoutError:
                    child = child.kill()
                    return None
                except (EOFError, OSError):
                    child = child.kill()
                    continue
                # After a MemoryError a child may lack anything.
                if child.answered >= self.messages or b'"parser_failed"' in answer:
                    child = child.kill()
                return answer
            return None
        finally:
            self._slots.put(child)

    def close(self) -> None:
        """End the children; waits for a mail that is being read."""
        for _ in range(self._size):
            if child := self._slots.get():
                child.kill()
        for _ in range(self._size):
            self._slots.put(None)

    def __enter__(self) -> ParserPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Child:
    """The parent's end of one child."""

    def __init__(self) -> None:
        self.answered = 0
        self.said = bytearray()
        # In the group of the parent, so that ending the service ends it; its stdin ends when the parent dies.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mail.children"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT, bufsize=0
        )
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
        try:
            self._receive(time.monotonic() + START_DEADLINE)
        except (EOFError, OSError) as error:
            self.kill()
            raise Unavailable("The process that reads mail could not be started; the mail waits.") from error

    def ask(self, request: bytes, deadline: float) -> bytes:
        """Hand over one mail; TimeoutError after `deadline` seconds, EOFError or OSError when the child has died."""
        until = time.monotonic() + deadline
        data = memoryview(_LENGTH.pack(len(request)) + request)
        stdin = self.process.stdin.fileno()
        os.set_blocking(stdin, False)
        while data:
            self._wait([], [stdin], until)
            data = data[os.write(stdin, data) :]
        answer = self._receive(until)
        self.answered += 1
        return answer

    def answers(self, asked: deque[bytes], source: Iterator[bytes], deadline: float) -> Iterator[bytes]:
        """The answers in order, each at most `deadline` seconds after it is asked for; the next requests wait in the pipe meanwhile.

        `asked` comes first, then what `source` gives; what is answered leaves `asked`, what is taken from `source` joins it.
        """
        stdin, stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(stdin, False)
        unsent, ahead = deque(asked), memoryview(b"")
        while asked:
            until = time.monotonic() + deadline
            while True:
                # All that the pipe takes; when it is full, the child has more than enough to do.
                while True:
                    if not (ahead or unsent):
                        began = time.monotonic()
                        if (one := next(source, None)) is None:
                            break
                        asked.append(one)
                        unsent.append(one)
                        # However long it took to get it, the child had no part in that.
                        until += time.monotonic() - began
                    ahead = ahead or memoryview(_LENGTH.pack(len(unsent[0])) + unsent.popleft())
                    try:
                        ahead = ahead[os.write(stdin, ahead) :]
                    except BlockingIOError:
                        break
                if self.said or stdout in self._wait([stdout], [stdin] if ahead else [], until):
                    break
            answer = self._receive(until)
            self.answered += 1
            asked.popleft()
            yield answer

    def _receive(self, until: float) -> bytes:
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, until))
        return self._exactly(length, until)

    def _exactly(self, length: int, until: float) -> bytes:
        stdout = self.process.stdout.fileno()
        while len(self.said) < length:
            self._wait([stdout], [], until)
            # All that it has said by now, so that several answers cost one call.
            piece = os.read(stdout, 65536)
            if not piece:
                raise EOFError
            self.said += piece
        answer = bytes(self.said[:length])
        del self.said[:length]
        return answer

    def _wait(self, reading: list[int], writing: list[int], until: float) -> list[int]:
        poll = select.poll()
        for descriptor in reading:
            poll.register(descriptor, select.POLLIN)
        for descriptor in writing:
            poll.register(descriptor, select.POLLOUT)
        ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if not ready:
            raise TimeoutError
        return [descriptor for descriptor, _ in ready]

    def kill(self) -> None:
        """End the child at once and collect it; what is left of it is None."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def main(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """The child: mails in, JSON out, until stdin ends."""
    # Ctrl-C reaches the whole group; the parent decides when its children end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The pinned tzdata, as in the parent: the system's is older.
    zoneinfo.reset_tzpath(to=())
    read(_WARM)
    _send(stdout, _READY)
    while len(header := stdin.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(header)
        request = stdin.read(length)
        # SIGALRM ends the process by default: so a child ends even when its parent died meanwhile.
        signal.setitimer(signal.ITIMER_REAL, DEADLINE * 2)
        _send(stdout, _answer(request))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(request: bytes) -> bytes:
    if request[:1] == _READ:
        return read(request[1:]).to_json().encode()
    which, length = _SIGNATURE.unpack_from(request, 1)
    start = 1 + _SIGNATURE.size
    return _YES if signatures.holds(request[start + length :], which, request[start : start + length]) else _NO


_WARM = (
    b"From: a@b.example\nContent-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\n"
    b"UID:a\nDTSTART;TZID=W. Europe Standard Time:20270101T090000\nEND:VEVENT\nEND:VCALENDAR\n"
)


def _send(stdout: BinaryIO, data: bytes) -> None:
    stdout.write(_LENGTH.pack(len(data)) + data)
    stdout.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
