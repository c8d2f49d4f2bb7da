"""What holds for all pages: strangers' words are text, looking changes nothing, and ten times the people cost no more queries."""

from __future__ import annotations

import pytest

from feedserver.store.inbox import InboundMessage
from feedserver.store.organisations import Organisation
from tests.web.desk.conftest import Desk, writes

EVIL = '<script>alert("x")</script>'
PAGES = (
    "/", "/courses", "/courses/1", "/courses/1/edit", "/courses/1/sessions/new", "/groups/1", "/learners", "/learners/1", "/learners/1/edit",
    "/sessions", "/sessions/1", "/sessions/1/edit", "/sessions/1/cancel", "/mail/out", "/mail/out/1", "/mail/in", "/mail/in/1", "/settings",
)  # fmt: skip


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture
def evil(desk: Desk) -> Desk:
    """Everything has a name that would like to be a script."""
    desk.learner(EVIL, email="evil@example.org")
    session = desk.session(title=EVIL, location=EVIL, description=EVIL, access_code=EVIL)
    desk.send(f"/sessions/{session.id}/people", who="evil@example.org", status="Invited")
    _inbound(desk, sender=EVIL, subject=EVIL, reason=EVIL, evidence={EVIL: EVIL, "incoming": {"text": EVIL}})
    return desk


def test_a_script_in_a_name_is_only_text_on_every_page(evil: Desk):
    pages = {path: evil.get(path) for path in PAGES}
    assert [path for path, page in pages.items() if "<script>" in page or "onerror=" in page] == []
    assert "&lt;script&gt;alert" in pages["/sessions/1"] and "&lt;script&gt;alert" in pages["/mail/in/1"]


def test_looking_changes_nothing_on_any_page(evil: Desk):
    with evil.statements() as told:
        for path in PAGES:
            evil.get(path)
            evil.client.head(path)
    assert len(told) > len(PAGES) and writes(told) == []


@pytest.mark.parametrize(
    "path", ["/courses/99", "/groups/99", "/learners/99", "/sessions/99", "/mail/out/99", "/mail/in/99", "/sessions/" + "9" * 25]
)
def test_what_is_not_there_says_so_in_words(desk: Desk, path):
    assert "There is no" in desk.get(path, 404)


def test_another_organisation_sees_nothing_of_it(evil: Desk):
    with evil.house.database.write() as db:
        db.add(
            Organisation(
                name="Globex",
                mailbox_name="G",
                mailbox_address="g@g.example",
                mailbox_key="g@g.example",
                timezone="UTC",
                created_at=evil.clock.now,
            )
        )
    evil.organisation_id = 2
    evil.sign_in("greta@example.org", "owner")
    for path in PAGES:
        shown = "99" in path or any(c.isdigit() for c in path)
        assert "evil@example.org" not in evil.get(path, 404 if shown else 200)
    evil.send("/enrolments/1", 404, do="remove")
    evil.send("/sessions/1/cancel", 404)


def test_ten_times_the_people_cost_the_same_queries(desk: Desk):
    paths = ("/sessions/1", "/groups/1", "/learners", "/mail/out", "/", "/sessions")
    desk.session("Ada", "Bob", "Cleo")
    few = {path: _told(desk, path) for path in paths}
    for n in range(30):
        desk.learner(f"More{n}")
        desk.send("/groups/1/members", who=f"more{n}@example.org")
    desk.get("/")
    assert {path: _told(desk, path) for path in paths} == few and max(few.values()) < 30


def _told(desk: Desk, path: str) -> int:
    with desk.statements() as told:
        desk.get(path)
    return len(told)


def test_a_quarantined_reply_waits_on_the_first_page_and_is_discarded(desk: Desk):
    number = _inbound(desk, sender="mia@elsewhere.example", subject="Accepted", reason="Another address than the enrolled one.")
    assert "1 reply is held for you" in desk.get("/")
    assert "Another address than the enrolled one." in desk.get(f"/mail/in/{number}")
    desk.send(f"/mail/in/{number}/discard")
    assert "Not counted" in desk.get(f"/mail/in/{number}") and "held for you" not in desk.get("/")


def test_the_source_of_strangers_mail_is_a_file_and_never_a_page(desk: Desk):
    number = _inbound(desk, raw=b"Subject: x\r\n\r\n<script>alert(1)</script>")
    response = desk.client.get(f"/mail/in/{number}/source")
    assert response.mimetype == "application/octet-stream" and "attachment" in response.headers["Content-Disposition"]
    assert "sandbox" in response.headers["Content-Security-Policy"]


def _inbound(desk: Desk, **values) -> int:
    row = InboundMessage(
        **{"organisation_id": desk.organisation_id, "received_at": desk.clock.now, "via": "smtp", "sha256": "0", "raw": b"Subject: x\r\n\r\ny",
           "kind": "reply", "outcome": "quarantined", **values}
    )  # fmt: skip
    with desk.house.database.write() as db:
        db.add(row)
        db.flush()
        return row.id


@pytest.mark.parametrize(
    "odd", [("\x00", "%_\\", "x" * 5000), ("\ud800", "\u202e\u2066", "'; DROP TABLE learners; --", "9" * 40)], ids=["long", "odd"]
)
def test_odd_texts_are_answered_with_a_page(desk: Desk, odd):
    desk.session("Mia")
    for text in odd:
        _odd(desk, text.encode("utf-8", "surrogatepass"))


def _odd(desk: Desk, text: bytes) -> None:
    for path in ("/courses", "/learners", "/sessions", "/mail/out", "/mail/in"):
        assert desk.client.get(path, query_string={"q": text, "page": text, "state": text, "which": text}).status_code == 200
    for path, fields in _FORMS.items():
        response = desk.send(path, None, **{name: text for name in fields})
        assert response.status_code in (200, 303, 404, 412, 422), path
    desk.send(f"/settings/tokens/{'9' * 25}/revoke", 404)


_FORMS = {
    "/courses/new": ("name", "description", "url"),
    "/courses/1/groups": ("name",),
    "/groups/1/members": ("who", "list"),
    "/courses/1/sessions/new": ("group_id", "title", "start", "end", "timezone", "capacity", "fold", "instructors", "visibility"),
    "/sessions/1/edit": ("version", "title", "start", "end", "timezone"),
    "/sessions/1/people": ("who", "status"),
    "/enrolments/1": ("do", "status", "reason"),
    "/learners/new": ("name", "email", "timezone", "locale", "channel", "start_date", "external_id", "manager_email"),
    "/learners/1/edit": ("name", "email", "timezone", "locale", "team"),
    "/learners/1/feeds": ("name",),
    "/settings": ("name", "mailbox_name", "mailbox_address", "timezone", "locale"),
    "/settings/tokens": ("token_name",),
    "/settings/sign-ins": ("email", "role"),
    "/sessions/1/cancel": ("reason",),
}
