"""Receiving: what the inbox knows of a message before anybody has read it."""

from __future__ import annotations

from datetime import UTC, datetime

from feedserver.services import receiving
from feedserver.services.receiving import Received
from feedserver.store.database import Database
from feedserver.store.inbox import InboundMessage
from feedserver.store.rows import Organisation

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def organisation(name: str, mailbox: str) -> Organisation:
    """A tenant that reads this mailbox."""
    return Organisation(name=name, mailbox_name=name, mailbox_address=mailbox, mailbox_key=mailbox, timezone="UTC", created_at=NOW)


def test_a_pipe_hands_over_no_envelope_so_the_header_says_who_it_was_for(database_url):
    database = Database(database_url)
    with database.write() as db:
        first, second = organisation("First", "one@example.net"), organisation("Second", "two@example.net")
        db.add_all([first, second])
        db.flush()
        data = b"Return-Path: <>\r\nDelivered-To: two+b-7-abc@example.net\r\nTo: one@example.net\r\n\r\nIt came back.\r\n"
        [number] = receiving.store(db, [Received(data, "ingest")], NOW)
        row = db.get_one(InboundMessage, number)
        assert (row.organisation_id, row.envelope_to, row.envelope_from) == (second.id, ["two+b-7-abc@example.net"], "")
    database.close()


def test_an_envelope_counts_more_than_what_a_header_says(sqlite_url):
    database = Database(sqlite_url)
    with database.write() as db:
        first, second = organisation("First", "one@example.net"), organisation("Second", "two@example.net")
        db.add_all([first, second])
        db.flush()
        message = Received(b"Delivered-To: two@example.net\r\n\r\n", "smtp", "a@example.org", ("one+x@example.net",))
        [number] = receiving.store(db, [message], NOW)
        assert db.get_one(InboundMessage, number).organisation_id == first.id
    database.close()
