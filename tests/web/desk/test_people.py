"""One session's people and the buttons beside them; learners and their feeds; settings."""

from __future__ import annotations

import html
import re

from feedserver.services import enrolling
from tests.web.desk.conftest import Desk


def test_somebody_is_added_by_name_with_a_status(desk: Desk):
    session, _ = desk.session("Mia"), desk.learner("Ali")
    desk.send(f"/sessions/{session.id}/people", who="ali", status="Registered")
    page = desk.get(f"/sessions/{session.id}")
    assert "Ali is on the list" in page and "Registered 1" in page


def test_a_name_that_several_have_is_asked_about(desk: Desk):
    session = desk.session("Maria", "Marian")
    page = desk.send(f"/sessions/{session.id}/people", 422, who="Mari", status="Invited").text
    assert "Several people could be meant: Maria <maria@example.org>" in html.unescape(page) and 'value="Mari"' in page


def test_a_full_session_says_so_and_takes_one_more_knowingly(desk: Desk):
    session, _ = desk.session("Mia", capacity=1), desk.learner("Ali")
    page = desk.send(f"/sessions/{session.id}/people", 422, who="ali@example.org", status="Invited").text
    assert "The session is full" in page
    desk.send(f"/sessions/{session.id}/people", who="ali@example.org", status="Invited", over_capacity="on")
    assert "1 over" in desk.get(f"/sessions/{session.id}")


def test_the_buttons_beside_a_person_do_what_they_say(desk: Desk):
    session = desk.session("Mia")
    page = lambda: html.unescape(desk.get(f"/sessions/{session.id}"))  # noqa: E731
    desk.send("/enrolments/1", do="again")
    assert "The invitation is sent again" in page()
    desk.send("/enrolments/1", do="status", status="Registered")
    assert "Registered 1" in page()
    desk.send("/enrolments/1", do="Attended")
    assert "Attended 1" in page()
    desk.send("/enrolments/1", do="remove")
    assert "Nobody." in page() and "Attended → Cancelled" in page()
    desk.send("/enrolments/1", do="again")
    assert "no invitation that could be sent again" in page()


def test_sending_again_keeps_uid_and_sequence(desk: Desk):
    desk.session("Mia")
    desk.send("/enrolments/1", do="again")
    sources = [desk.client.get(f"/mail/out/{n}/source").data for n in (1, 2)]
    calendars = [_calendar(one) for one in sources]
    uids = {re.search(r"UID:(\S+)", one)[1] for one in calendars}
    assert len(uids) == 1 and all("SEQUENCE:0" in one for one in calendars)


def test_an_approval_waits_on_the_first_page(desk: Desk):
    session, ali = desk.session(approval_required=True), desk.learner("Ali")
    desk.do(lambda work: enrolling.register(work, session.id, ali.id))
    assert "Ali waits for approval" in desk.get("/")
    desk.send("/enrolments/1", do="approve")
    assert "Registered 1" in desk.get(f"/sessions/{session.id}") and "Ali waits" not in desk.get("/")


def test_a_learner_is_made_found_and_changed(desk: Desk):
    path = desk.send("/learners/new", name="Mia Kern", email="mia@example.org", channel="both").location
    assert "Mia Kern" in desk.get("/learners?q=kern") and "Europe/Berlin" in desk.get(path)
    page = desk.send("/learners/new", 422, name="Other", email="mia@example.org", channel="both").text
    assert "already a learner with this e-mail" in page and 'value="Other"' in page
    desk.send(f"{path}/edit", name="Mia Kern-Li", email="mia@example.org", channel="feed", timezone="Asia/Tokyo", locale="de")
    assert "Asia/Tokyo" in desk.get(path) and "Mia Kern-Li" in desk.get(path)


def test_a_feed_gets_a_new_address_and_is_revoked(desk: Desk):
    path = f"/learners/{desk.learner('Mia').id}"
    first = re.search(r"/feeds/\S+\.ics", desk.get(path))[0]
    desk.send(f"{path}/feeds/1/rotate")
    second = re.search(r"/feeds/\S+\.ics", desk.get(path))[0]
    assert second != first
    desk.send(f"{path}/feeds/1/revoke")
    assert "/feeds/" not in re.sub(r'action="[^"]*"', "", desk.get(path))


def test_an_api_token_is_shown_once(desk: Desk):
    page = desk.send("/settings/tokens", 200, token_name="Payroll").text
    token = re.search(r'value="(fs_[^"]+)"', page)[1]
    assert token not in desk.get("/settings") and "Payroll" in desk.get("/settings")
    call = lambda: desk.client.get("/api/v1/learners", headers={"Authorization": f"Bearer {token}"}).status_code  # noqa: E731
    assert call() == 200
    desk.send("/settings/tokens/1/revoke")
    assert call() == 401


def test_the_alarm_is_turned_off_for_the_organisation(desk: Desk):
    values = {"name": "Acme", "mailbox_name": "Training", "mailbox_address": "training@localhost", "locale": "en", "alarm_minutes": ""}
    desk.send("/settings", **values, timezone="Europe/Berlin")
    desk.session("Mia")
    assert "VALARM" not in _calendar(desk.client.get("/mail/out/1/source").data)
    desk.send("/settings", 422, **values, timezone="Nowhere")


def test_somebody_is_shut_out(desk: Desk):
    link = re.search(r"/sign-in/[\w-]+", desk.send("/settings/sign-ins", 200, email="otto@example.org", role="viewer").text)[0]
    otto = desk.app.test_client()
    assert "Sign in" in otto.get(link).text
    desk.send("/settings/sign-ins/2/disable")
    assert "Shut out" in desk.get("/settings")


def _calendar(raw: bytes) -> str:
    from email import message_from_bytes

    parts = message_from_bytes(raw).walk()
    return next(p for p in parts if p.get_content_type() == "text/calendar").get_payload(decode=True).decode()
