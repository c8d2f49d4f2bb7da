"""What is said to the receiver (B5): right codes, whole state, and no message that nobody sent. One receiver for all of it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from mail import children
from mail.children import ParserPool
from tests.bad.b05_smtp import CASES
from tests.mail.receiving import Receiving


@pytest.fixture(scope="module")
def receivers() -> Iterator[dict[str, Receiving]]:
    with Receiving() as smtp, Receiving(protocol="lmtp") as lmtp:
        yield {"smtp": smtp, "lmtp": lmtp}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_conversation_ends_as_it_should(receivers, case):
    here = receivers[case.protocol]
    before = len(here.ledger.arrivals)
    with here.talk(case.greet) as talk:
        talk.send(case.say)
        if case.hangs_up:
            talk.sock.shutdown(socket.SHUT_WR)
        codes = tuple(line[:3] for line in talk.rest())
    assert codes == case.codes
    assert len(here.ledger.arrivals) - before == case.stored
    with here.talk() if case.protocol == "smtp" else here.talk("LHLO x") as other:
        assert other.say("NOOP").startswith("250")


EATER = """#!{python}
import sys
sys.path.insert(0, {root!r})
from feedserver.imip import extract
from mail import children

real = extract._read

def eats(raw):
    held = []
    while b"X-Bomb" in raw:
        held.append(bytearray(1 << 24))
    return real(raw)

extract._read = eats
children.main(sys.stdin.buffer, sys.stdout.buffer)
"""


def test_a_memory_bomb_ends_one_child_and_nothing_else(receivers, tmp_path, monkeypatch):
    # No input is known that does this any more, so the child is one that eats what it can get when it is told to.
    eater = tmp_path / "eater"
    eater.write_text(EATER.format(python=sys.executable, root=str(children._ROOT)))
    eater.chmod(0o755)
    monkeypatch.setattr(children.sys, "executable", str(eater))
    with ParserPool() as pool, receivers["smtp"].talk() as talk, ThreadPoolExecutor(1) as threads:
        assert pool.read(b"From: a@b.example\r\n\r\nhello").kind == "human"
        (slot,) = pool._slots.queue
        before = psutil.Process().memory_info().rss
        bomb = threads.submit(pool.read, b"From: a@b.example\r\nX-Bomb: 1\r\n\r\n")
        assert talk.data(b"Subject: x\r\n\r\n").startswith("250")
        mail = bomb.result(60)
        assert mail.kind == "broken" and mail.limits and slot.process.poll() is not None
        assert psutil.Process().memory_info().rss - before < 50 * 1024 * 1024
        assert pool.read(b"From: a@b.example\r\n\r\nhello").kind == "human"
