"""Reading in children: they are killed and renewed, and the mail after the bomb is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from feedserver.errors import Unavailable
from feedserver.imip.extract import read
from mail import children
from mail.children import ParserPool
from tests.replies import CLIENTS, reply

LEA = "lea@corp.example"
REPLY = reply("google", uid="u1", attendee=LEA)


def pid(pool: ParserPool) -> int:
    child = pool._slots.get()
    pool._slots.put(child)
    return child.process.pid


def gone(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def eventually(true, seconds=60.0) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


@pytest.fixture
def pool():
    with ParserPool() as one:
        yield one


def test_a_child_reads_what_we_would_read(pool):
    for client in CLIENTS:
        raw = reply(client, uid="u1", attendee=LEA)
        assert pool.read(raw) == read(raw)


def test_mails_are_taken_as_far_ahead_as_the_pipe_has_room(pool):
    taken = []

    def waiting():
        for n in range(60):
            taken.append(n)
            yield reply("sabre", uid=f"u{n}", attendee=LEA) + b"\r\n" * 25_000

    mails = pool.read_all(waiting())
    assert next(mails).objects[0].uid == "u0" and 1 < len(taken) < 60
    assert [mail.objects[0].uid for mail in mails] == [f"u{n}" for n in range(1, 60)]


def test_two_children_are_shared_by_many_threads():
    with ParserPool(size=2) as pool, ThreadPoolExecutor(8) as threads:
        raws = [reply("sabre", uid=f"u{n}", attendee=LEA) for n in range(60)]
        assert [mail.objects[0].uid for mail in threads.map(pool.read, raws)] == [f"u{n}" for n in range(60)]


def test_a_child_that_hangs_is_killed_the_mail_has_its_reason_and_the_next_is_read():
    with ParserPool(deadline=0.4) as pool:
        pool.read(REPLY)
        hanging = pid(pool)
        os.kill(hanging, signal.SIGSTOP)
        mail = pool.read(REPLY)
        assert (mail.kind, mail.limits) == ("broken", ("parse_limit",))
        assert gone(hanging)
    with ParserPool() as pool:
        assert pool.read(REPLY).kind == "reply"


def test_a_child_that_something_else_killed_costs_no_mail(pool):
    pool.read(REPLY)
    os.kill(pid(pool), signal.SIGKILL)
    assert pool.read(REPLY).kind == "reply"


def test_children_are_renewed_now_and_then():
    with ParserPool(messages=3) as pool:
        pool.read(REPLY)
        first = pid(pool)
        pool.read(REPLY)
        assert pid(pool) == first
        pool.read(REPLY)
        pool.read(REPLY)
        assert pid(pool) != first and gone(first)


def test_a_child_that_cannot_start_leaves_the_mail_waiting(monkeypatch):
    monkeypatch.setattr(children.sys, "executable", "/bin/false")
    with ParserPool() as pool, pytest.raises(Unavailable):
        pool.read(REPLY)


def test_children_end_with_a_parent_that_is_killed():
    code = (
        "from mail.children import ParserPool\np = ParserPool()\np.read(b'From: a@b.example\\n\\n')\n"
        "print(p._slots.get().process.pid, flush=True)\ninput()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=children._ROOT)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert eventually(lambda: gone(child))


def test_memory_is_bounded_in_the_child(pool):
    pool.read(REPLY)
    limits = Path(f"/proc/{pid(pool)}/limits").read_text()
    assert str(children.MEMORY) in next(line for line in limits.splitlines() if line.startswith("Max address space"))


HEAD = b"From: lea@corp.example\r\nContent-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n"
BOMBS = {
    "one line of 1 MB": HEAD + b"X" * 1_000_000,
    "400,000 folds": HEAD + b"BEGIN:VEVENT\r\nCOMMENT:" + b"\r\n x" * 400_000,
    "100,000 attendees": HEAD + b"BEGIN:VEVENT\r\n" + b"ATTENDEE:a@b.example\r\n" * 80_000,
    "50,000 nested": HEAD + b"BEGIN:VEVENT\r\n" * 50_000,
    "20,000 parameters": HEAD + b"BEGIN:VEVENT\r\nATTENDEE" + b";A=b" * 20_000 + b":a@b.example\r\n",
    "an open quote": HEAD + b'BEGIN:VEVENT\r\nATTENDEE;CN="' + b"x" * 200_000,
    "a rule of seconds": HEAD + b"BEGIN:VTIMEZONE\r\nTZID:x\r\nRRULE:FREQ=SECONDLY\r\nEND:VTIMEZONE\r\n",
    "100,000 words in the subject": b"Subject: " + b"=?utf-8?q?x?= " * 100_000 + b"\r\n\r\n",
    "20,000 brackets in From": b"From: " + b"(" * 20_000 + b"\r\n\r\n",
    "open comments in a type": b"From: a@b.example\r\nContent-Type: text/plain; " + b'a="\\' * 1500 + b"\r\n\r\n",
    "100,000 angle brackets": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<" * 1_900_000,
    "open styles": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<style>" * 200_000,
    "a page of blanks": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b" " * 1_900_000,
    "lines of dashes": b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a" * 600_000,
    "carriage returns": b"From: a@b.example\r\n\r\n" + b"\r" * 1_900_000,
    "a bounce of digits": b"From: mailer-daemon@b.example\r\n\r\n" + b"5.1." * 400_000,
    "a bounce of addresses": b"From: mailer-daemon@b.example\r\n\r\n" + b"a@a." * 400_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_at_most_a_child(pool, name):
    mail = pool.read(BOMBS[name])
    assert "parse_limit" not in mail.limits  # each of these was slow once and is linear now
    assert mail.kind in ("broken", "human", "bounce", "auto_reply")
    assert pool.read(REPLY).kind == "reply"
