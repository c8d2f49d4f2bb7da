"""What an organisation says of itself, and how its mail looks to those who get it."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from feedserver.settings import Settings
from feedserver.web.admin import mail_out
from tests.web.desk.conftest import Desk

VALUES = {
    "name": "Acme", "mailbox_name": "Training", "mailbox_address": "training@localhost", "locale": "en", "timezone": "Europe/Berlin",
    "alarm_minutes": "15", "join_links": "raw",
}  # fmt: skip


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def test_the_line_of_the_organisation_stands_first_in_every_invitation(desk: Desk):
    desk.send("/settings", **VALUES, banner="Questions? Ask <Ina>.")
    desk.session("Mia")
    mail = message_from_bytes(desk.client.get("/mail/out/1/source").data, policy=policy.default)
    assert mail.get_body(("plain",)).get_content().startswith("Questions? Ask <Ina>.")
    assert "Questions? Ask &lt;Ina&gt;." in mail.get_body(("html",)).get_content()


def test_settings_stay_as_they_were_typed(desk: Desk):
    desk.send("/settings", **{**VALUES, "alarm_minutes": "30"}, contact_email="ina@example.org", welcome="on", banner="Hello")
    page = desk.get("/settings")
    for shown in ('value="30"', 'value="ina@example.org"', 'name="welcome" aria-describedby="welcome-hint" checked', 'value="Hello"'):
        assert shown in page
    assert "not an e-mail address" in html.unescape(desk.send("/settings", 422, **VALUES, contact_email="nobody").text)


@pytest.mark.parametrize("kind", ["invite", "update", "again", "cancel", "removed", "odd"])
@pytest.mark.parametrize("locale", ["en", "de"])
def test_every_mail_can_be_looked_at_before_anybody_gets_it(desk: Desk, kind, locale):
    page = desk.get(f"/settings/preview?kind={kind}&locale={locale}")
    assert "Training &lt;training@localhost&gt;" in page and "Fire safety" in page and "sandbox src=" in page
    framed = desk.client.get(f"/settings/preview?kind={kind}&locale={locale}&part=html")
    assert "sandbox" in framed.headers["Content-Security-Policy"] and "Fire safety" in framed.text


def test_a_program_s_token_ends_and_says_when(desk: Desk):
    page = desk.send("/settings/tokens", 200, token_name="trial", token_days="7").text
    token = re.search(r"fs_[\w-]+", page)[0]
    assert "holds until" in page and "27 Nov" in page
    head = {"Authorization": f"Bearer {token}"}
    assert desk.client.get("/api/v1/learners", headers=head).status_code == 200
    desk.clock.pass_by(days=8)
    refused = desk.client.get("/api/v1/learners", headers=head)
    assert refused.status_code == 401 and "expired on 2026-11-27" in refused.json["detail"]
    desk.sign_in("olga@example.org", "owner")
    assert "Expired</span>" in desk.get("/settings")
    assert "1 to 3650 days" in desk.send("/settings/tokens", 422, token_name="trial", token_days="9999").text


def test_mail_out_says_when_the_relay_will_be_done(desk: Desk, monkeypatch):
    desk.session("Mia", "Ali", "Bob")
    assert "for the relay" not in desk.get("/mail/out")
    monkeypatch.setattr(mail_out, "settings", lambda: replace(Settings(), smtp_rate=1))
    assert "3 messages wait for the relay, which takes 1 a minute" in desk.get("/mail/out") and "10:03" in desk.get("/mail/out")
