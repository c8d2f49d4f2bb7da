"""What chat channels hear of sessions, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from feedserver.errors import Invalid, NotFound
from feedserver.services import announcing, chats
from feedserver.store.destinations import CHAT, Destination
from feedserver.store.outbox import Delivery
from feedserver.vault import Vault
from tests.support.world import START, World

SLACK = "https://hooks.slack.example/services/T0/B0/SECRET"
CONNECTED = {"name": "#training", "flavour": "slack", "url": SLACK, "locale": "en", "timezone": "Europe/Berlin"}


@pytest.fixture
def chatty(world: World) -> World:
    world.house.vault = Vault(["k" * 32])
    world.channel = connect(world)
    return world


def connect(world: World, **values) -> int:
    return world.do(lambda work: chats.create(work, {**CONNECTED, **values}).id)


def heard(world: World, channel: int | None = None) -> list[str]:
    """What was said, the oldest first."""
    rows = world.deliveries(Delivery.channel == CHAT, Delivery.destination_id == (channel or world.channel))
    return [json.loads(one.extra["body"])["text"] for one in rows]


def test_published_moved_and_cancelled_is_one_message_each(chatty: World):
    session = chatty.session("Ann", capacity=5, location="Room 1")
    chatty.edit(session, settled=False, start=START + timedelta(days=1))
    chatty.edit(session, title="Fire!", description="new")
    chatty.edit(session, description="newer")
    chatty.cancel(session, "ill")
    new, moved, gone = heard(chatty)
    assert new.splitlines()[0] == "New: Fire safety" and "Seats free: 4" in new
    assert "Changed: Fire!" in moved and "Before: Tuesday, 1 December" in moved and "Now: Wednesday, 2 December" in moved
    assert "Cancelled: Fire!" in gone and "Reason: ill" in gone


def test_a_series_is_one_message_and_so_is_its_change(chatty: World):
    head = chatty.series("FREQ=WEEKLY;COUNT=4")
    assert [one.splitlines()[0] for one in heard(chatty)] == ["New: Weekly"] and "and 3 more" in heard(chatty)[0]
    chatty.cancel(head)
    assert [one.splitlines()[0] for one in heard(chatty)][1:] == ["Cancelled: Weekly"]


def test_a_full_session_that_has_seats_again_is_told_of(chatty: World):
    session = chatty.session("Ann", "Ben", capacity=2)
    chatty.remove(session, "Ann")
    assert heard(chatty)[-1].startswith("Seats are free again: Fire safety") and "Seats free: 1" in heard(chatty)[-1]
    chatty.remove(session, "Ben")
    assert len(heard(chatty)) == 2  # it was not full any more


def test_a_private_session_is_for_no_channel_and_a_team_hears_of_its_own(chatty: World):
    chatty.person("Ann", team="North")
    team = connect(chatty, subject_kind="team", subject="North")
    chatty.session("Ben")
    chatty.session("Ann", title="Theirs")
    chatty.session("Ann", title="Secret", visibility="private")
    assert [one.splitlines()[0] for one in heard(chatty, team)] == ["New: Theirs"]
    assert len(heard(chatty)) == 2


def test_in_the_morning_it_says_what_takes_place_today_once(chatty: World):
    chatty.session()
    other = chatty.session(title="Cancelled since")
    chatty.cancel(other)
    said = len(heard(chatty))
    chatty.moment = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)
    assert remind(chatty) == 0  # half past six there
    chatty.moment += timedelta(hours=1)
    assert remind(chatty) == 1 and remind(chatty) == 0
    (only,) = heard(chatty)[said:]
    assert only.startswith("Training today\nFire safety: Tuesday, 1 December") and "Cancelled" not in only


def remind(world: World) -> int:
    with world.database.read() as db:
        due = announcing.due(db, world.moment)
    return sum(world.do(lambda work, one=one: announcing.remind(work, one)) for _organisation, one in due)


def test_the_address_is_a_secret_and_another_needs_no_old_one(chatty: World):
    one = chatty.look(lambda work: work.db.get_one(Destination, chatty.channel))
    assert (one.url, one.origin) == ("", "https://hooks.slack.example") and b"SECRET" not in one.sealed
    chatty.do(lambda work: chats.edit(work, one.id, {"url": "https://other.example/hook", "name": "Other"}))
    changed = chatty.look(lambda work: chats.find(work, one.id))
    assert (changed.origin, changed.name) == ("https://other.example", "Other")
    chatty.do(lambda work: chats.remove(work, one.id))
    with pytest.raises(NotFound):
        chatty.look(lambda work: chats.find(work, one.id))


@pytest.mark.parametrize(
    "values",
    [
        {"flavour": "irc"},
        {"url": "https://hooks.slack.example/"},
        {"what": []},
        {"timezone": "Mars"},
        {"subject_kind": "team", "subject": "Nobody"},
    ],
)
def test_what_cannot_be_connected_is_refused(world: World, values: dict):
    world.house.vault = Vault(["k" * 32])
    with pytest.raises(Invalid):
        connect(world, **values)


def test_another_organisations_course_is_none(world: World):
    world.house.vault = Vault(["k" * 32])
    with pytest.raises(NotFound):
        connect(world, subject_kind="course", subject="99")
