"""The set-up page, the calendar doctor, mail by domain; the warnings that lead there."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from feedserver.services import circling
from feedserver.store.circles import Circle
from feedserver.store.organisations import Organisation
from feedserver.store.outbox import Delivery
from feedserver.web import house as parts
from feedserver.web import reaching
from tests.mail.fake_relay import FakeRelay
from tests.mail.receiving import Receiving
from tests.web.desk.conftest import Desk

FOUND = {
    "kind": "reply", "via": "smtp", "from": "boss@corp.example", "from_is_invited": True, "sequence": 0, "dtstamp": "copied", "recurrence": False,
    "client": "Outlook", "defects": [], "checks": {"spf": "pass", "dmarc": "fail"}, "organizer": "missing", "partstat": "TENTATIVE", "trusted": True,
    "judged": "trusted", "judged_words": "", "seconds": 31.0, "ended": True, "signatures": [],
}  # fmt: skip


def words(page: str) -> str:
    return " ".join(html.unescape(page).split())


def really_sending(desk: Desk) -> None:
    """As with a relay, where mail is not captured."""
    desk.app.extensions[parts._SETTINGS] = replace(desk.app.extensions[parts._SETTINGS], smtp_url="smtp://relay.example.org")


def test_the_set_up_page_names_this_installation(desk: Desk):
    page = words(desk.get("/mail/setup"))
    assert "Invitations go out from training@localhost" in page and "localhost. MX 10 127.0.0.1." in page
    assert "Mail is captured here" in page and "No answer has come the whole way yet" in page and "TRUSTED_AUTHSERV_ID is not set" in page


def test_a_test_is_sent_followed_step_by_step_and_ends(desk: Desk):
    assert "Please fill this in" in desk.send("/mail/checks", 422, kind="setup").text
    where = desk.send("/mail/checks", kind="setup", address="boss@corp.example").headers["Location"]
    answer = desk.client.get(where, headers={"Accept": "text/html"})
    assert answer.headers["Refresh"] == "5" and "is on its way" in answer.text
    values = {"came_back_at": desk.clock.now, "findings": FOUND}
    desk.do(lambda work: (work.db.execute(update(Delivery).values(state="sent")), work.db.execute(update(Circle).values(**values))))
    answer = desk.client.get(where)
    page = words(answer.text)
    assert "Refresh" not in answer.headers
    told = (
        "answer Maybe came by SMTP, 31 s after",
        "written by Outlook",
        "ORGANIZER is missing",
        "DTSTAMP is copied",
        "SPF pass, DMARC fail",
    )
    assert [said for said in (*told, "would count", "The set-up is done") if said not in page] == []
    assert "boss@corp.example" in desk.get("/mail/checks") and "Answered" in desk.get("/mail/checks")


def test_a_test_that_nobody_answers_can_be_ended_by_hand(desk: Desk):
    where = desk.send("/mail/checks", kind="doctor", address="boss@corp.example").headers["Location"]
    desk.send(f"{where}/end")
    assert "A cancellation takes the entry out" in desk.get(where) and "No answer came" in desk.get(where)
    assert desk.do(lambda work: [row.method for row in work.db.scalars(select(Delivery).order_by(Delivery.id))]) == ["REQUEST", "CANCEL"]


def test_a_session_with_invitations_warns_until_an_answer_was_seen(desk: Desk):
    session = desk.session("Mia")
    paths, warned = (f"/sessions/{session.id}", f"/sessions/{session.id}/edit"), "Nobody has proved yet that answers come back"
    assert not any(warned in desk.get(path) for path in paths)
    really_sending(desk)
    assert all(warned in desk.get(path) for path in paths)
    desk.do(lambda work: work.db.execute(update(Organisation).values(mailbox_proved_at=desk.clock.now)))
    assert not any(warned in desk.get(path) for path in paths)
    desk.send("/settings", name="Acme", mailbox_name="T", mailbox_address="other@localhost", timezone="UTC", locale="en")
    assert warned in desk.get(paths[0])


def test_today_turns_red_when_the_circle_breaks(desk: Desk):
    desk.session("Mia")
    really_sending(desk)
    assert "Nothing. Answers are noted by themselves." in desk.get("/")
    desk.do(circling.send_loopback)
    desk.do(lambda work: work.db.execute(update(Delivery).where(Delivery.kind == "loopback").values(state="sent")))
    desk.clock.pass_by(minutes=11)
    page = words(desk.get("/"))
    assert "Answers do not come back." in page and "did not come back within ten minutes" in page and 'href="/mail/setup"' in page
    assert "feedserver_circles_broken 1.0" in desk.client.get("/metrics").text
    desk.do(lambda work: work.db.execute(update(Circle).values(came_back_at=desk.clock.now, findings={"trusted": True, "seconds": 3})))
    page = words(desk.get("/"))
    assert "Answers do not come back." not in page and "after 3 s" in page
    assert "feedserver_circles_broken 0.0" in desk.client.get("/metrics").text


def test_mail_by_domain_warns_of_a_server_that_learners_share_with_the_mailbox(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    desk.learner("Lea", email="lea@localhost")
    desk.session("Mia")
    desk.do(lambda work: work.db.execute(update(Delivery).values(state="sent")))
    page = words(desk.get("/mail/health"))
    assert "example.org" in page and "0 of 1 (0 %)" in page and "may answer inside itself" not in page
    exchangers = {"localhost": ["mx.acme.example."], "example.org": ["MX.acme.example"]}
    monkeypatch.setattr("feedserver.web.exchangers.ask_dns", lambda domain, _seconds: exchangers[domain])
    monkeypatch.setattr("feedserver.web.exchangers.of_all", lambda domains: {one: exchangers[one] for one in domains})
    assert "example.org: this server may answer inside itself" in words(desk.send("/mail/health/servers", 200).text)
    assert "example.org" in desk.client.get("/mail/health.csv").text


def test_relay_and_receiver_are_tried_without_a_mail(desk: Desk):
    with FakeRelay() as relay, Receiving() as here:
        found = replace(
            desk.app.extensions[parts._SETTINGS], smtp_url=f"smtp://127.0.0.1:{relay.port}?tls=none", inbound_bind=("127.0.0.1", here.port)
        )
        assert reaching.relay(found).state == reaching.receiver(found, "training@example.net").state == "done"
        refused = reaching.receiver(found, "training@elsewhere.example")
        assert refused.state == "not yet" and "training@elsewhere.example" in refused.words
        assert relay.messages == here.ledger.arrivals == []
    gone = reaching.relay(found, seconds=1)
    assert gone.state == "not yet" and "does not take us" in gone.words
