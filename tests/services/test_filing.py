"""A trainer puts a map to the session: learners find it linked, and nothing that only calls itself a map gets in."""

from __future__ import annotations

import io
import zipfile
from email import message_from_bytes

import pytest

from feedserver.errors import Conflict, Invalid, NotFound
from feedserver.services import filing
from tests.support.world import World

PDF = b"%PDF-1.7\n..."


def office(*names: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name in ("[Content_Types].xml", *names):
            archive.writestr(name, "x")
    return body.getvalue()


def add(world: World, session: int, name: str = "Map.pdf", data: bytes = PDF) -> str:
    return world.do(lambda work: filing.address(work, filing.add_file(work, session, name, data)))


def test_a_file_is_linked_in_the_mail_and_in_the_entry_and_never_sent(world: World):
    session = world.session("Mia")
    first = world.mail()
    url = add(world, session, "The map.pdf")
    world.advance(21)
    mail = world.mail()
    assert (mail.uid, mail.sequence, mail.kind) == (first.uid, 1, "update")
    assert f"File: The map.pdf ({url})" in mail.words.replace("=\n", "") and "Files" in mail.words and "nothing" not in mail.method
    calendar = _calendar(mail.raw)
    assert url in calendar and "ATTACH" not in calendar and b"%PDF" not in mail.raw


def test_taking_it_away_again_within_the_settle_time_tells_nobody(world: World):
    session = world.session("Mia")
    world.mail()
    add(world, session)
    world.do(lambda work: filing.remove_file(work, session, filing.files_of(work, session)[0].id))
    world.advance(21)
    assert world.mails() == []


def test_a_private_session_s_files_are_not_named(world: World):
    session = world.session("Mia", visibility="private")
    world.mail()
    add(world, session, "Debt advice.pdf")
    world.advance(21)
    mail = world.mail()
    assert "Debt" not in mail.words and "Debt" not in _calendar(mail.raw)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("evil.html", b"<script>", "html are not taken"),
        ("invite.ics", b"BEGIN:VCALENDAR", "ics are not taken"),
        ("picture.svg", b"<svg/>", "svg are not taken"),
        ("map.pdf", b"<script>", "is not a PDF"),
        ("photo.png", b"%PDF-", "is not a PNG"),
        ("notes.txt", b"\xff\xfe\x00", "is not plain text"),
        ("plan.docx", b"PK\x03\x04broken", "is not a Word"),
        ("plan.docx", office("xl/workbook.xml"), "is not a Word"),
        ("plan.xlsx", office("xl/workbook.xml", "xl/vbaProject.bin"), "without macros"),
        ("empty.txt", b"", "is empty"),
        ("noend", b"x", "a name that ends"),
        ("big.txt", b"x" * (filing.LARGEST + 1), "larger than 10 MiB"),
    ],
)
def test_what_is_something_else_is_refused_with_words(name, data, why):
    with pytest.raises(Invalid, match=why):
        filing.check(filing.clean_name(name), data)


@pytest.mark.parametrize("name", ["plan.docx", "PLAN.DOCX"])
def test_documents_are_taken(name):
    assert filing.check(name, office("word/document.xml")).media_type == filing.OCTETS


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("C:\\temp\\Map.pdf", "Map.pdf"),
        ("../../etc/Map.pdf", "Map.pdf"),
        ('a"b\r\nc.pdf', "a b c.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        (".map.pdf", "map.pdf"),
        ("fdp.\u202epdf", "fdp.pdf"),
    ],
)
def test_names_are_cleaned(name, clean):
    assert filing.clean_name(name) == clean


def test_two_of_a_name_are_told_apart_and_ten_are_enough(world: World):
    session = world.session()
    for _ in range(filing.MOST):
        add(world, session)
    names = world.look(lambda work: [one.name for one in filing.files_of(work, session)])
    assert names[:3] == ["Map.pdf", "Map (2).pdf", "Map (3).pdf"]
    with pytest.raises(Conflict, match="10 files at most"):
        add(world, session)
    with pytest.raises(NotFound):
        world.do(lambda work: filing.remove_file(work, session, 99))


def _calendar(raw: bytes) -> str:
    part = next(one for one in message_from_bytes(raw).walk() if one.get_content_type() == "text/calendar")
    return part.get_payload(decode=True).decode().replace("\r\n ", "")
