"""/dev/mailbox: the captured invitation as a mail program shows it, and an answer that takes the way of real mail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from queue import Queue

import pytest
from aiosmtpd.smtp import SMTP
from sqlalchemy import select

from feedserver.imip.extract import read
from feedserver.services.refilling import refill
from feedserver.settings import Settings
from feedserver.store import keys
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import CapturedMessage, Delivery
from feedserver.web import create_app
from tests.web.desk.conftest import SECRETS, Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]


class Receiver:
    """A receiver of mail that keeps what it was given, and stores it with an outcome as the product's own does."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.given = desk, []

    async def handle_DATA(self, _server, _session, envelope) -> str:
        self.given.append(envelope)
        row = InboundMessage(
            organisation_id=1, received_at=self.desk.clock.now, via="smtp", sha256="0", raw=envelope.content, kind="reply",
            outcome="applied", reason="Yes: Invited became Registered.", enrolment_id=1,
        )  # fmt: skip
        await asyncio.to_thread(self._store, row)
        return "250 OK"

    def _store(self, row: InboundMessage) -> None:
        with self.desk.house.database.write() as db:
            db.add(row)


@pytest.fixture
def captured(visitor: Desk) -> Desk:
    """Mia's invitation, captured."""
    visitor.session("Mia", title="Fire <b>safety</b>", location="Room 5", description="Bring **shoes**")
    with visitor.house.database.write() as db:
        row = db.scalars(select(Delivery)).one()
        raw = refill(db, row, keys.usable(db)[row.key_id])
        db.add(
            CapturedMessage(delivery_id=row.id, captured_at=visitor.clock.now, envelope_from=row.sender, recipient=row.recipient, raw=raw)
        )
    return visitor


@pytest.fixture
def receiver(captured: Desk) -> Iterator[Receiver]:
    """Listens where the product's receiver would say that it listens."""
    kept, loop, places = Receiver(captured), asyncio.new_event_loop(), Queue()

    async def listen() -> None:
        server = await loop.create_server(lambda: SMTP(kept, hostname="here"), "127.0.0.1", 0)
        places.put(server.sockets[0].getsockname()[1])

    thread = threading.Thread(target=lambda: (loop.create_task(listen()), loop.run_forever()), daemon=True)
    thread.start()
    (captured.app.extensions["feedserver.settings"].data_dir / "inbound.addr").write_text(f"127.0.0.1:{places.get(timeout=30)}\n")
    yield kept
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)


def test_a_mail_looks_as_in_a_mail_program(captured: Desk):
    assert "Invitation: Fire &lt;b&gt;safety&lt;/b&gt;" in captured.get("/dev/mailbox")
    page = captured.get("/dev/mailbox/1")
    assert "Wed 10 Mar 2027, 14:00–15:00 (Europe/Berlin)" in page and "Room 5" in page and "REQUEST, version 0" in page
    assert "BEGIN:VCALENDAR" in page and "Mia &lt;mia@example.org&gt;" in page


def test_the_html_part_stands_in_a_frame_that_can_do_nothing(captured: Desk):
    response = captured.client.get("/dev/mailbox/1/html")
    assert "<strong>shoes</strong>" in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"] and "sandbox" in response.headers["Content-Security-Policy"]
    assert 'sandbox="allow-popups' in captured.get("/dev/mailbox/1")


@pytest.mark.parametrize(("button", "partstat"), [("accept", "ACCEPTED"), ("maybe", "TENTATIVE"), ("decline", "DECLINED")])
def test_a_button_sends_a_real_reply_by_smtp(captured: Desk, receiver: Receiver, button, partstat):
    response = captured.send("/dev/mailbox/1/answer", page="/dev/mailbox/1", answer=button)
    (envelope,) = receiver.given
    seen = read(envelope.content)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("mia@example.org", ["training@localhost"])
    assert (seen.kind, seen.sender, seen.objects[0].attendees[0].partstat) == ("reply", "mia@example.org", partstat)
    page = captured.get(response.location)
    assert "Yes: Invited became Registered." in page and "/sessions/1" in page


def test_a_receiver_that_is_down_is_named(captured: Desk):
    (captured.app.extensions["feedserver.settings"].data_dir / "inbound.addr").write_text("127.0.0.1:1\n")
    captured.send("/dev/mailbox/1/answer", page="/dev/mailbox/1", answer="accept")
    assert "The receiver at 127.0.0.1:1 did not take the answer" in captured.get("/dev/mailbox/1")


def test_looking_answers_nothing_and_a_forged_form_neither(captured: Desk, receiver: Receiver):
    with captured.statements() as told:
        for path in ("", "/1", "/1/html", "/1/source", "/1/answer"):
            captured.client.get(f"/dev/mailbox{path}")
    assert writes(told) == []
    assert captured.client.post("/dev/mailbox/1/answer", data={"answer": "accept"}).status_code == 400
    assert receiver.given == []


@pytest.mark.parametrize(
    "settings", [{"smtp_url": "smtp://127.0.0.1:1"}, {"http_bind": ("0.0.0.0", 8000)}, {"http_bind": ("10.1.2.3", 80)}]
)
def test_it_is_there_only_where_mail_is_captured_and_only_for_this_machine(captured: Desk, settings):
    found = Settings(database_url=captured.house.database.url, secret_keys=SECRETS, **settings)
    client = create_app(found, captured.house.database).test_client()
    assert [client.get(f"/dev/mailbox{path}").status_code for path in ("", "/1", "/1/html", "/1/source")] == [404] * 4


def test_a_name_that_was_bound_to_this_machine_finds_nothing(captured: Desk):
    assert captured.client.get("/dev/mailbox", headers={"Host": "evil.example:8000"}).status_code == 404
    assert captured.client.get("/dev/mailbox", headers={"Host": "[::1]:8000"}).status_code == 200
