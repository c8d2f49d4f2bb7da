"""Webhooks and chat channels on their pages: a secret is seen once, an address never again, and each event can be looked at and sent again."""

from __future__ import annotations

import re

from sqlalchemy import select, update

from feedserver.store.outbox import Delivery
from tests.support.elsewhere import OneServer
from tests.web.desk.conftest import Desk

SLACK = "https://hooks.slack.example/services/T0/B0/SECRET"


def test_an_owner_makes_a_webhook_and_sees_its_secret_once(desk: Desk):
    made = desk.send("/connections/webhooks/new", 200, name="HR", url="https://hr.example/hook", events=["session", "answer"])
    (secret,) = re.findall(r'value="(whsec_[^"]+)"', made.text)
    page = desk.get("/connections/webhooks/1")
    assert secret not in page and "Works" in page and "https://hr.example/hook" in page
    rotated = desk.send("/connections/webhooks/1/press", 200, do="rotate").text
    assert "whsec_" in rotated and secret not in rotated
    assert "HR" in desk.get("/connections/programs") and "Programs and chat" in desk.get("/connections")


def test_what_it_was_told_is_listed_and_sent_again(desk: Desk):
    desk.send("/connections/webhooks/new", 200, name="HR", url="https://hr.example/hook", events=["session"])
    desk.session("Mia")
    assert "session.created" not in desk.get("/learners/1")
    with desk.house.database.write() as db:
        number = db.scalars(select(Delivery.id).where(Delivery.channel == "webhook")).one()
        db.execute(
            update(Delivery).where(Delivery.id == number).values(state="dead", last_code=500, last_error="It answers 500: <b>no</b>")
        )
    page = desk.get("/connections/webhooks/1")
    assert "session.created" in page and "&lt;b&gt;no" in page and "evt_" in page
    assert "Session.created" in desk.get("/mail/out") and "/connections/webhooks/1" in desk.get(f"/mail/out/{number}")
    assert '"type":"session.created"' in desk.get(f"/mail/out/{number}/source")
    desk.send(f"/connections/webhooks/1/events/{number}/again")
    assert "Waits" in desk.get("/connections/webhooks/1")
    desk.send("/connections/webhooks/1/press", do="pause")
    assert "Paused" in desk.get("/connections/webhooks/1")
    desk.send("/connections/webhooks/1/press", do="remove")
    assert "No program is told" in desk.get("/connections/programs")


def test_a_wrong_address_keeps_what_was_typed(desk: Desk):
    refused = desk.send("/connections/webhooks/new", 422, name="HR", url="https://me:pw@hr.example/", events=["session"])
    assert "user name and password" in refused.text and 'value="HR"' in refused.text
    desk.client.application.extensions["feedserver.calendars"] = OneServer()
    refused = desk.send("/connections/webhooks/new", 422, name="HR", url="https://hr.corp/", events=["session"])
    assert "not a public address" in refused.text


def test_a_channel_is_connected_changed_and_tried_and_its_address_is_never_shown(desk: Desk):
    values = {"subject": "everything:", "what": ["published", "reminder"], "locale": "de", "timezone": "Europe/Berlin"}
    desk.send("/connections/chats/new", name="#training", flavour="slack", url=SLACK, **values)
    page = desk.get("/connections/chats/1")
    assert "hooks.slack.example" in page and "SECRET" not in page + desk.get("/connections/programs")
    desk.send("/connections/chats/1", name="#learning", **(values | {"what": ["cancelled"]}))
    desk.send("/connections/chats/1/press", do="test")
    page = desk.get("/connections/chats/1")
    assert "#learning" in page and "Test" in page and "SECRET" not in page
    refused = desk.send("/connections/chats/1", 422, name="#learning", **(values | {"what": [""]}))
    assert "Choose at least one" in refused.text
