"""Join links: raw, or a page of ours whose button notes who joined and leads on; entries carry one or the other."""

from __future__ import annotations

import html
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from feedserver.services import organising, refilling, subscribing
from feedserver.store import keys
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from tests.web.desk.conftest import Desk, clock, house, store_url, visitor, writes

__all__ = ["clock", "house", "store_url", "visitor"]
DURING = datetime(2027, 3, 10, 13, 30, tzinfo=UTC)
ROOM = "https://meet.example.com/room?a=1&b=2"
HERE = "http://127.0.0.1:8000"


@pytest.fixture
def noting(visitor: Desk) -> Desk:
    """An organisation that notes who joins, with Mia and Ali in an online session."""
    visitor.do(lambda work: organising.edit_organisation(work, {"join_links": "page"}))
    visitor.session("Mia", "Ali", join_url=ROOM, access_code="1234", description="Bring shoes, please.")
    return visitor


def test_the_entry_leads_to_a_page_of_ones_own_in_url_location_and_first_line(noting: Desk):
    mia, ali = _entries(noting)
    links = {re.search(r"^URL:(\S+)", entry, re.M)[1] for entry in (mia, ali)}
    assert len(links) == 2 and all(link.startswith(f"{HERE}/join/") for link in links)
    link = re.search(r"^URL:(\S+)", mia, re.M)[1].strip()
    assert f"LOCATION:{link}" in mia and f"DESCRIPTION:Join: {link}\\nAccess code: 1234\\n\\nBring shoes\\, please." in mia
    assert "meet.example.com" not in mia


def test_mail_and_feed_carry_the_same_page_and_not_the_room(noting: Desk):
    raw = _mails(noting)[0].replace("=\r\n", "").replace("=20", " ").replace("=3D", "=")
    link = re.search(r"^Join: (\S+)", raw, re.M)[1]
    assert f'<a href="{link}">{link}</a>' in raw and "meet.example.com" not in raw
    assert f"URL:{link}" in _feed(noting) and f"LOCATION:{link}" in _feed(noting)


def test_with_a_room_the_location_stays_the_room(visitor: Desk):
    visitor.do(lambda work: organising.edit_organisation(work, {"join_links": "page"}))
    visitor.session("Mia", join_url=ROOM, location="Room 5")
    (entry,) = _entries(visitor)
    assert "LOCATION:Room 5\n" in entry and f"URL:{HERE}/join/" in entry


def test_by_default_the_room_itself_is_one_tap_away(visitor: Desk):
    visitor.session("Mia", join_url=ROOM)
    (entry,) = _entries(visitor)
    assert f"URL:{ROOM}\n" in entry and "/join/" not in entry


def test_the_learners_own_page_leads_to_the_same_page(noting: Desk):
    page = noting.get(noting.my_page(noting.do(lambda work: work.db.get_one(Learner, 1))))
    assert f'href="{HERE}{_path(noting)}"' in page and "meet.example.com" not in page


def test_changing_ones_mind_changes_feeds_and_sends_nothing(visitor: Desk):
    visitor.session("Mia", join_url=ROOM)
    before = len(_mails(visitor))
    for mode, expected in (("page", f"URL:{HERE}/join/"), ("raw", f"URL:{ROOM}")):
        visitor.do(lambda work, m=mode: organising.edit_organisation(work, {"join_links": m}))
        assert expected in _feed(visitor)
    assert len(_mails(visitor)) == before


def test_pressing_the_button_notes_it_and_leads_on(noting: Desk):
    noting.clock.now = DURING
    path = _path(noting)
    page = noting.get(path)
    assert "Fire safety" in page and ROOM not in html.unescape(page) and "1234" in page
    response = _press(noting, path, page)
    assert response.headers["Refresh"] == f"0;url={ROOM}" and ROOM in html.unescape(response.text)
    joined = _enrolment(noting, 1)
    assert joined.joined_at == DURING and joined.status == "Invited" and _enrolment(noting, 2).joined_at is None


@pytest.mark.parametrize(("minutes", "noted"), [(-46, False), (-45, True), (29, True)])
def test_long_before_it_leads_on_and_notes_nothing(noting: Desk, minutes, noted):
    noting.clock.now = DURING + timedelta(minutes=minutes)
    path = _path(noting)
    assert "Refresh" in _press(noting, path, noting.get(path)).headers
    assert (_enrolment(noting, 1).joined_at is not None) is noted


@pytest.mark.parametrize("status", ["Declined", "Cancelled"])
def test_without_a_seat_there_is_no_way_in(noting: Desk, status):
    noting.clock.now = DURING
    path = _path(noting)
    page = noting.get(path)
    noting.do(lambda work: setattr(work.db.get_one(Enrolment, 1), "status", status))
    response = _press(noting, path, page)
    assert response.status_code == 409 and "no seat" in response.text and "meet.example" not in response.text


def test_looking_notes_nothing_and_no_address_leads_elsewhere(noting: Desk):
    noting.clock.now = DURING
    path = _path(noting)
    with noting.statements() as told:
        for method in ("get", "head", "options"):
            getattr(noting.client, method)(f"{path}?next=https://evil.example&url=https://evil.example")
        noting.client.post(path, data={"url": "https://evil.example"})
    assert told and writes(told) == []
    response = noting.client.post(path, data={"url": "https://evil.example", "nonce": _nonce(noting.get(path))})
    assert "evil" not in response.headers["Refresh"] and "evil" not in response.text


def test_a_wrong_token_is_nothing(noting: Desk):
    path = _path(noting)
    for wrong in (path[:-1] + ("A" if path[-1] != "A" else "B"), "/join/1.x", "/join/" + "a" * 3000, path.replace("/join/", "/join/2")):
        assert noting.client.get(wrong).status_code == 404


def _press(desk: Desk, path: str, page: str):
    return desk.client.post(path, data={"nonce": _nonce(page)})


def _nonce(page: str) -> str:
    return html.unescape(re.search(r'name="nonce" value="([^"]+)"', page)[1])


def _path(desk: Desk) -> str:
    """Mia's join page, as her entry has it."""
    return re.search(r"^URL:(\S+)", _entries(desk)[0], re.M)[1].removeprefix(HERE)


def _mails(desk: Desk) -> list[str]:
    with desk.house.database.read() as db:
        rows = db.scalars(select(Delivery).order_by(Delivery.id)).all()
        return [refilling.refill(db, row, keys.usable(db)[row.key_id]).decode() for row in rows]


def _entries(desk: Desk) -> list[str]:
    """The calendar parts of the mails, unfolded."""
    parts = [re.search(r"method=REQUEST\r\nContent-Transfer-Encoding: base64\r\n\r\n(.*?)\r\n--", raw, re.S)[1] for raw in _mails(desk)]
    return [b64decode(part).decode().replace("\r\n ", "").replace("\r\n", "\n") for part in parts]


def _feed(desk: Desk) -> str:
    with desk.house.database.read() as db:
        work = desk.house.work(db, desk.organisation_id, "system")
        (url,) = subscribing.urls(work, subscribing.feeds_of(work, 1)).values()
    return desk.client.get(url.removeprefix(HERE)).text.replace("\r\n ", "").replace("\r\n", "\n")


def _enrolment(desk: Desk, number: int) -> Enrolment:
    with desk.house.database.read() as db:
        return db.get(Enrolment, number)
