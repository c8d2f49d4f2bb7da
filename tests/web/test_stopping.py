"""No more of these mails: by one click of a mail program, by a button, on one's own page; and back again."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from feedserver.services import refilling, reminding
from feedserver.store import keys
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
LINK = "<https?://[^/>]+(/stop/[^>]+)>"


@pytest.fixture
def reminder(visitor: Desk):
    """The reminder that Mia gets, as a mail program reads it."""
    visitor.session("Mia", reminders=["48h"])
    visitor.clock.now = datetime(2027, 3, 8, 13, 0, 5, tzinfo=UTC)
    assert visitor.do(lambda work: reminding.remind_due(work, work.organisation_id)) == 1

    def octets(work):
        row = work.db.scalars(select(Delivery).where(Delivery.kind == "reminder_answer")).one()
        return refilling.refill(work.db, row, keys.all_of(work.db)[row.key_id])

    return message_from_bytes(visitor.do(octets), policy=policy.default)


def off(visitor: Desk) -> bool:
    return visitor.do(lambda work: work.db.scalars(select(Learner)).one().reminders_off_at is not None)


def path_of(reminder) -> str:
    return re.search(LINK, reminder["List-Unsubscribe"])[1]


def test_one_click_stops_reminders_without_cookies_and_what_waits_does_not_leave(visitor, reminder):
    mail_program = visitor.app.test_client()
    for _again in range(2):
        response = mail_program.post(path_of(reminder), data={"List-Unsubscribe": "One-Click"}, headers={"Origin": "https://mail.example"})
        assert response.status_code == 200 and not response.headers.getlist("Set-Cookie")
    assert off(visitor)
    assert [
        d.state for d in visitor.do(lambda work: list(work.db.scalars(select(Delivery).where(Delivery.kind == "reminder_answer"))))
    ] == ["suppressed"]


def test_looking_changes_nothing_and_the_button_stops_and_lifts(visitor, reminder):
    path = path_of(reminder)
    with visitor.statements() as told:
        page = visitor.get(path)
    assert told and writes(told) == [] and "No more of these" in page and not off(visitor)
    for button, expected in (("stop", True), ("again", False)):
        nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(path))[1])
        assert visitor.client.post(path, data={"mails": button, "nonce": nonce}).status_code == 303
        assert off(visitor) is expected
    visitor.client.post(path, data={"mails": "stop", "nonce": "made up"})
    assert not off(visitor)
    visitor.get(path + "x", 404)


def test_the_headers_and_the_words_name_the_same_page_and_invitations_have_neither(visitor, reminder):
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and "mailto:" in reminder["List-Unsubscribe"]
    assert path_of(reminder) in reminder.get_body(("plain",)).get_content().replace("\n", "")

    def octets(work):
        row = work.db.scalars(select(Delivery).where(Delivery.kind == "invite")).one()
        return refilling.refill(work.db, row, keys.all_of(work.db)[row.key_id])

    assert b"List-Unsubscribe" not in visitor.do(octets)


def test_their_own_page_shows_it_and_lets_them_come_again(visitor, reminder):
    page = re.search(r"/my/\S+", reminder.get_body(("plain",)).get_content())[0]
    nonce = html.unescape(re.search(r'name="nonce" value="([^"]+)"', visitor.get(page))[1])
    visitor.client.post(f"{page}/mails", data={"nonce": nonce, "digest": "weekly"})
    assert off(visitor) and 'value="weekly" checked' in visitor.get(page)
    visitor.client.post(f"{page}/mails", data={"nonce": nonce, "reminders": "1"})
    assert not off(visitor) and 'value="weekly" checked' not in visitor.get(page)


def test_after_the_reader_has_stopped_nothing_more_is_due(visitor, reminder):
    visitor.app.test_client().post(path_of(reminder), data={"List-Unsubscribe": "One-Click"})
    visitor.session("Ben", start=datetime(2027, 3, 12, 14), end=datetime(2027, 3, 12, 15), reminders=["48h"])
    visitor.clock.now += timedelta(days=2)
    assert visitor.do(lambda work: reminding.remind_due(work, work.organisation_id)) == 1
