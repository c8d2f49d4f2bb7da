"""`judge` over whatever folder somebody has: each message one line, nothing written, nothing in the way of the next."""

from __future__ import annotations

import mailbox
import os
from datetime import datetime
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver.commands import folders, inbound
from feedserver.services import grouping, learning, scheduling
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import Delivery
from mail import signatures
from tests.commands.conftest import Desk
from tests.replies import message, reply

YES = reply("google", uid="u1@localhost", attendee="lea@corp.example")
CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:x\r\nATTENDEE:mailto:a@b.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder beside the database."""
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


def judged(desk: Desk, folder: Path) -> tuple[dict[str, str], str]:
    """Name and outcome of each line, and the count at the end."""
    done = desk(inbound.judge, str(folder))
    assert done.exit_code == 0, done.output
    *lines, count = done.stdout.splitlines()
    assert all(len(line.split("\t")) == 3 and line.split("\t")[2] for line in lines)
    return dict(line.split("\t")[:2] for line in lines), count


def test_a_folder_of_everything_is_judged_and_nothing_is_written(quick: Desk, box):
    for path in ("2026/cur", "2026/new", ".git"):
        (box / path).mkdir(parents=True)
    for name, data in {
        "yes.eml": YES, "yes.ics": CALENDAR, "bare.txt": CALENDAR, "winmail.dat": b"\x78\x9f\x3e\x22" + b"x" * 50, "wide.ics": CALENDAR.decode().encode("utf-16"),
        "2026/cur/1795.M1.host:2,S": message("human", uid="x", attendee="lea@corp.example"), "2026/new/1796.M2.host": YES, "empty.eml": b"",
        "photo.jpg": b"\xff\xd8\xff" + bytes(500), "README.md": b"Note: this is no mail\n", "table.csv": b"file,kind\n", ".git/config": YES,
    }.items():  # fmt: skip
        (box / name).write_bytes(data)
    os.mkfifo(box / "pipe.eml")
    (box / "loop").symlink_to(box)
    (box / "gone.eml").symlink_to(box / "nowhere.eml")
    said, count = judged(quick, box)
    assert said == {
        "yes.eml": "rejected", "yes.ics": "rejected", "bare.txt": "rejected", "winmail.dat": "human", "wide.ics": "rejected", "empty.eml": "rejected",
        "2026/cur/1795.M1.host:2,S": "human", "2026/new/1796.M2.host": "rejected",
    }  # fmt: skip
    assert count == "2 human, 6 rejected (3 other files hold no message)"
    assert quick.count(InboundMessage) == quick.count(Delivery) == 0


def test_a_yes_that_would_count_is_told_and_does_not_count(desk: Desk, box, monkeypatch):
    def invited(work):
        lea = learning.create_learner(work, {"email": "lea@corp.example", "name": "Lea"})
        course = grouping.create_course(work, {"name": "Safety"})
        group = grouping.create_group(work, course.id, "Berlin", [lea.id])
        values = {"title": "Fire safety", "start": datetime(2027, 3, 10, 14), "end": datetime(2027, 3, 10, 15), "timezone": "Europe/Berlin"}
        scheduling.create_session(work, course.id, values, group.id)
        return work.db.scalars(select(CalendarEntry.uid)).one()

    uid = desk.do(invited)
    (box / "yes.eml").write_bytes(reply("google", uid=uid, attendee="lea@corp.example"))
    signed = reply(
        "google",
        uid=uid,
        attendee="lea@corp.example",
        headers="DKIM-Signature: v=1; a=rsa-sha256; d=corp.example; s=x; h=from:date:subject:content-type:mime-version; bh=YQ==; b=YQ==\n",
    )
    (box / "signed.eml").write_bytes(signed)
    asked = []
    monkeypatch.setattr(signatures, "look_up", lambda name, seconds: asked.append(name))
    assert judged(desk, box)[0] == {"yes.eml": "applied", "signed.eml": "applied"} and asked == []
    desk.do(lambda work: setattr(work.organisation, "trust_profile", "strict"))
    assert judged(desk, box)[0] == {"yes.eml": "quarantined", "signed.eml": "quarantined"} and asked == ["x._domainkey.corp.example."]
    assert desk.count(Enrolment, Enrolment.status == "Invited") == 1 and desk.count(InboundMessage) == 0


def test_an_mbox_is_judged_message_by_message(quick: Desk, box):
    kept = mailbox.mbox(box / "mbox")
    for raw in (YES, message("human", uid="x", attendee="lea@corp.example"), message("bounce", uid="x", attendee="lea@corp.example")):
        kept.add(message_from_bytes(raw.replace(b"\r\n", b"\n")))
    kept.close()
    assert judged(quick, box)[0] == {"mbox#1": "rejected", "mbox#2": "human", "mbox#3": "bounce"}


def test_names_bombs_and_files_that_cannot_be_read_are_lines_too(quick: Desk, box, monkeypatch):
    (box / "a\nb\t.eml").write_bytes(YES)
    (Path(os.fsdecode(os.fsencode(box) + b"/\xff.eml"))).write_bytes(YES)
    (box / "deep.eml").write_bytes(b"Content-Type: message/rfc822\r\n\r\n" * 2000)
    (box / "huge.eml").write_bytes(YES + b"x" * 3_000_000)
    (box / "secret.eml").write_bytes(YES)
    real = folders.messages
    monkeypatch.setattr(folders, "messages", lambda path, name: real(path, name) if path.name != "secret.eml" else _denied())
    said, count = judged(quick, box)
    assert said["secret.eml"] == "unreadable" and count == "4 rejected, 1 unreadable"
    assert {"a?b?.eml", "deep.eml", "huge.eml"} < set(said) and any(name.startswith("\\udcff") for name in said)


def _denied():
    raise PermissionError(13, "Permission denied")


def test_what_fails_on_our_side_is_one_line(quick: Desk, box, monkeypatch):
    (box / "a.eml").write_bytes(YES)
    (box / "b.eml").write_bytes(message("human", uid="x", attendee="lea@corp.example"))
    real = inbound.decide
    monkeypatch.setattr(
        inbound,
        "decide",
        lambda work, message, incoming, found: 1 / 0 if incoming.kind == "reply" else real(work, message, incoming, found),
    )
    assert judged(quick, box)[0] == {"a.eml": "quarantined", "b.eml": "human"}


def test_four_hundred_messages_pass_through_one_child(quick: Desk, box):
    (box / "0.eml").write_bytes(YES)
    for number in range(1, 400):
        os.link(box / "0.eml", box / f"{number}.eml")
    assert judged(quick, box)[1] == "400 rejected"


@pytest.mark.parametrize(
    ("start", "mail"),
    [
        (b"From: a@b.example\n\nx", True),
        (b"Note: x\n\n", False),
        (b"a,b\n", False),
        (b"\tFrom: x\n\n", False),
        (b"Received: x\n\ty\nTo: z\n", True),
    ],
)
def test_a_mail_is_known_by_its_fields(start, mail):
    assert (folders.message_of(start) is not None) == mail
