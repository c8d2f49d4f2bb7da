"""A program makes its own webhook, looks after it, and sees what became of each event."""

from __future__ import annotations

import json

from tests.support.elsewhere import OneServer

HOOK = {"name": "Personnel system", "url": "https://hr.example.org/hooks", "events": ["enrolment", "session"]}


def test_a_webhook_is_made_changed_rotated_tested_and_removed(api):
    made = api.post("/webhooks", HOOK, 201)
    assert made["secret"].startswith("whsec_") and made["state"] == "active"
    path = f"/webhooks/{made['id']}"
    assert api.get(path)["secret"] is None and api.get("/webhooks")["items"][0]["id"] == made["id"]
    rotated = api.post(f"{path}/rotate", None, 200)["secret"]
    assert rotated not in (None, made["secret"])
    assert api.post(f"{path}/test", None, 201)["type"] == "ping"
    assert api.patch(path, {"active": False, "events": ["certificate"]})["state"] == "paused"
    api.post(f"{path}/test", None, 409)
    assert api.call("DELETE", path, status=204) and api.call("GET", path, status=404)


def test_what_was_told_is_listed_with_its_body_and_can_be_sent_again(api, database):
    hook = api.post("/webhooks", HOOK, 201)["id"]
    session = api.session()
    (one,) = api.get(f"/webhooks/{hook}/deliveries?state=queued")["items"]
    assert one["type"] == "session.created" and json.loads(one["body"])["data"]["session"]["id"] == session["id"]
    assert json.loads(one["body"])["id"] == one["event_id"]
    api.post(f"/webhooks/{hook}/deliveries/{one['id']}/retry", None, 409)
    api.call("DELETE", f"/webhooks/{hook}", status=204)
    assert api.get(f"/deliveries/{one['id']}")["state"] == "suppressed"


def test_a_repeated_call_makes_one_webhook_and_keeps_no_secret(api, database):
    first, again = (api.post("/webhooks", HOOK, 201, headers={"Idempotency-Key": "hook-1"}) for _ in range(2))
    assert first["secret"] and again == {**first, "secret": None}


def test_what_is_no_webhook_is_refused_at_its_field(api):
    for wrong in ({"url": "ftp://x.example"}, {"events": ["mail"]}, {"events": []}, {"name": ""}):
        assert api.post("/webhooks", {**HOOK, **wrong}, 422)["field"].startswith(next(iter(wrong)))


def test_an_address_inside_is_refused_while_somebody_can_still_mend_it(api, app):
    app.extensions["feedserver.calendars"] = OneServer()
    hook = api.post("/webhooks", HOOK, 201)["id"]
    assert api.post("/webhooks", {**HOOK, "url": "https://hr.corp/hooks"}, 422)["field"] == "url"
    assert api.patch(f"/webhooks/{hook}", {"url": "https://hr.corp/hooks"}, 422)["field"] == "url"
    assert [one["url"] for one in api.get("/webhooks")["items"]] == [HOOK["url"]]
